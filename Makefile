# One command each, on a new machine too:
#   make demo    set up, build, and show it at work
#   make test    set up, and run every test with the race detector
#   make check   what CI runs first: format, lint, generated files, rooms
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

GO   ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
export CGO_ENABLED ?= 1

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# timetzdata: schedules know every time zone, on machines without tzdata too.
BUILD := $(GO) build -buildvcs=false -trimpath -tags timetzdata -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: setup setup-tests build demo test check fmt vet fix lint generated arch pure packages bench microbench docs suite crash soak conformance scenarios pictures readme-pictures unattended interop fuzz load memory memory-flatten differential clean

setup: ## install what is missing: a C++ compiler, git, curl
	@scripts/setup.sh

setup-tests: ## and what tests need: a browser, and systemd's reader of units
	@scripts/setup.sh tests

build: setup ## bin/bulkhead
	@mkdir -p bin
	@echo "building bin/bulkhead (the first time takes some minutes: DuckDB is linked in)"
	$(BUILD) -o bin/bulkhead ./cmd/bulkhead

demo: build ## a sandbox, three practices, their exports, tables and queries
	./bin/bulkhead demo

# The ledger's engine is C translated to Go: under the race detector it is slow and has nothing
# to show. RACE watches everything but it. (No package that instantiates generic code may be
# left out: the linker could take its copy of sync.Map for everyone's.)
RACE := -race -gcflags='modernc.org/sqlite/lib=-race=false'

# Worlds of simulated time, lives that are ended by kill -9 and pages in a browser are many, and what
# DuckDB does no detector sees: these run whole without the race detector, and some of their tests with it.
UNRACED := ./internal/scenario ./internal/crashtest ./internal/machinetest ./internal/cli ./cmd/bulkhead ./internal/duckdbsink ./internal/parquetsink ./internal/alert ./internal/web ./packaging ./bench
RACED := TestAnExportOutlives|TestPatientsWhoJoined|TestPagesAre|TestALostAnswer|TestTokensThatLive|TestNoPollIsEarly
RACED_WEB := TestEveryRoute|TestTheOverviewFollows|TestTheGlassStays|TestNoNews|TestTheAPIStarts
RACED_ALERTS := TestAPracticeThatGrowsStale|TestMessagesThatDoNotLeave|TestEachService|TestMailCarries
test: setup-tests ## every test, with the race detector
	$(GO) test -timeout 20m $(UNRACED)
	$(GO) test $(RACE) -timeout 10m -run '$(RACED)' ./internal/scenario
	$(GO) test $(RACE) -timeout 10m -run '$(RACED_ALERTS)' ./internal/alert
	$(GO) test $(RACE) -timeout 10m -run '$(RACED_WEB)' ./internal/web
	$(GO) test $(RACE) -timeout 5m -run 'TestPublicationsThatWait|TestAPublicationThatFails' ./internal/duckdbsink
	$(GO) test $(RACE) -timeout 5m -run TestTheCalmLife ./internal/crashtest
	$(GO) test $(RACE) -timeout 15m $$($(GO) list ./... | grep -v $(UNRACED:./%=-e /%$$))

check: setup fmt vet fix lint generated arch pure packages ## what CI runs first
	@echo "check: all is well"

fmt:
	@echo "check: format"
	@bad=$$($(TOOL) gofumpt -l .); if [ -n "$$bad" ]; then \
	  echo "not formatted (run: go tool -modfile=tools/go.mod gofumpt -w FILE):"; echo "$$bad"; exit 1; fi

vet:
	@echo "check: go vet"
	@$(GO) vet ./...

fix:
	@echo "check: go fix has nothing to say"
	@diff=$$($(GO) fix -diff ./... 2>&1 || true); if [ -n "$$diff" ]; then \
	  echo "$$diff"; echo "go fix would change the above (run: go fix ./...)"; exit 1; fi

lint:
	@echo "check: golangci-lint (built from source the first time)"
	@$(TOOL) golangci-lint run ./...

generated:
	@echo "check: generated queries are those of the SQL"
	@$(TOOL) sqlc diff -f internal/store/sqlc.yaml

arch:
	@echo "check: rooms, names, sizes, claims of rules"
	@$(GO) test -count=1 .
	@$(GO) run ./internal/conformance --check

pure:
	@echo "check: all packages but DuckDB's and the benchmark against it build without cgo"
	@CGO_ENABLED=0 $(GO) build -buildvcs=false $$($(GO) list ./... | grep -v /bench$$)

# A CPU limit would only slow a pod down that has the cores of its request.
packages: ## the container files, by BuildKit's rules, the loader of Compose, Kubernetes' types and kube-score; builds nothing, asks no registry
	@echo "check: packages, by judges of others (built from source the first time)"
	@cd tools/packaging && $(GO) run . ../../packaging/Dockerfile ../../packaging/compose.yaml ../../packaging/kubernetes/bulkhead.yaml
	@judged=$$($(GO) tool -modfile=tools/packaging/go.mod kube-score score --ignore-container-cpu-limit packaging/kubernetes/bulkhead.yaml 2>&1) \
	  || { echo "$$judged"; exit 1; }

bench: setup ## against DuckDB and encoding/json, isolation of failures, ingest: both sides in one run; rewrites bench/RESULTS.md
	$(GO) run ./bench

microbench: ## the benchmarks of the hot path
	$(GO) test -run '^$$' -bench . -benchmem ./tape/... ./sqlonfhir/... ./uscore/... ./internal/ndjson/... ./internal/columnar/... ./internal/parquetfile/... ./internal/rows/... ./internal/generic/... ./internal/ingest/... ./internal/sandbox/population/...
	$(GO) test -run '^$$' -bench BenchmarkPages -benchtime 5x ./internal/web
	$(GO) test -run '^$$' -bench ApplyFiveHundred -benchtime 5x ./internal/cli

unattended: setup ## sixty simulated days of a hundred practices, the healthy ones due every day
	UNATTENDED=daily $(GO) test -count=1 -v -timeout 30m -run TestSixtyDays ./internal/scenario

PICTURES ?= $(CURDIR)/pictures
pictures: setup-tests ## every page as a picture, light and dark, desktop and phone, in PICTURES
	PICTURES=$(PICTURES) $(GO) test -count=1 -run 'TestEveryPageOfATown|TestAPersonFindsTheRemedy' ./internal/web

readme-pictures: setup-tests ## the pictures of the README, taken anew
	README_PICTURES=$(CURDIR)/docs/pictures $(GO) test -count=1 -run TestThePicturesOfTheReadme ./internal/web

docs: ## the pages that are printed from code: configuration, vendors, tables, problems, refusals, states, the view suite's report
	$(GO) test ./internal/config ./internal/views -run 'IsPrintedFrom' -update
	$(GO) test ./internal/problem ./internal/life ./internal/quarantine -update
	$(GO) test ./internal/doctor -run TestThePageOfDoctor -update
	$(GO) test ./sqlonfhir -run TestSuite -update
	$(GO) test ./internal/disposal -run PageOf -update
	$(GO) test ./internal/cli -run TestThePageOfCommands -update
	$(GO) run ./internal/conformance --faults
	$(GO) run ./internal/conformance --asvs

suite: ## the view suite of SQLONFHIR_SUITE, or of the folder beside; the last line counts
	cd sqlonfhir && $(GO) test -count=1 -run TestSuite

CRASH_SEED ?= 1
crash: ## kill -9 and SIGTERM at every named moment and 200 times at random, compared with a calm life
	CRASH_KILLS=200 CRASH_SEED=$(CRASH_SEED) $(GO) test -count=1 -v -timeout 90m -skip TestASoak ./internal/crashtest

SOAK ?= 10m
SOAK_SEED ?= 1
soak: ## scheduled life in a storm of faults and deaths for SOAK (default 10m); nothing may be left
	SOAK=$(SOAK) SOAK_SEED=$(SOAK_SEED) $(GO) test -count=1 -v -timeout 60m -run TestASoak ./internal/crashtest

conformance: setup ## run the tests that show the standards' rules; writes docs/conformance.md
	$(GO) run ./internal/conformance

SCENARIOS ?= 500
scenarios: setup ## random combinations of servers' habits and faults, in simulated time
	SCENARIOS=$(SCENARIOS) $(GO) test -count=1 -timeout 60m -run TestRandom -v ./internal/scenario

interop: setup ## the house key against moto, which plays AWS KMS by other hands (needs python3-venv and PyPI)
	@scripts/interop.sh

FUZZTIME ?= 10s
fuzz: ## every fuzz target for FUZZTIME (default 10s)
	@scripts/fuzz.sh $(FUZZTIME)

load: setup ## many practices at once, many small files, one large file, a day, idle; curl beside it
	$(GO) run ./bench -parts load

memory-flatten: setup ## flatten of a 5 GB Observation file, and DuckDB beside it
	$(GO) run ./bench -parts large -patients 1

differential: ## a million mutated lines by two readers of JSON, their values by two evaluators, and one bad line in a million
	TRUTH_LINES=1000000 $(GO) test -count=1 -v -timeout 30m ./bench/truth

memory: build ## a 5 GB Observation file through download, ingest and both sinks
	@scripts/memory.sh

clean: ## remove what build, demo and memory made
	rm -rf bin bulkhead-demo
