package bulkhead_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/bulkhead-fhir/bulkhead"

// rooms are all packages of the module. A room imports only rooms that stand
// above it; its tests do too.
var rooms = []string{
	"", "tape", "smart", "bulkdata", "sqlonfhir", "uscore/internal/gen", "uscore",
	"internal/wording", "internal/problem", "internal/secret", "internal/fhir", "internal/ndjson", "internal/life", "internal/table", "internal/generic",
	"internal/config", "internal/agreement", "internal/access", "internal/audit", "internal/keyring", "internal/trace",
	"internal/store/sqlite", "internal/store", "internal/atrest/atresttest", "internal/atrest", "internal/blob", "internal/quarantine",
	"internal/scan", "internal/judge", "internal/columnar", "internal/parquetfile", "internal/views", "internal/rows/rowstest", "internal/rows",
	"internal/validate", "internal/flatten", "internal/ingest", "internal/attachment", "internal/exportlog", "internal/sink", "internal/sink/sinktest", "internal/sink/merge", "internal/quality",
	"internal/export", "internal/schedule", "internal/trigger", "internal/engine",
	"internal/duckdbsink", "internal/parquetsink", "internal/doctor", "internal/disclosure", "internal/disposal", "internal/alert", "internal/telemetry", "internal/look", "internal/page", "internal/door", "internal/web",
	"internal/sandbox/population", "internal/sandbox",
	"internal/checkup", "internal/app", "internal/cli", "internal/crashtest", "internal/scenario", "internal/machinetest", "internal/conformance", "cmd/bulkhead", "packaging", "bench/lines", "bench/truth", "bench",
}

// public rooms know nothing of Bulkhead.
var public = []string{"tape", "smart", "bulkdata", "sqlonfhir", "uscore"}

// confined packages may be imported by the named rooms only, and by the tests
// of the rooms that tests adds; where tests is nil, all tests may. A path of
// this module is written without it; a path covers what lies below it.
var confined = []struct {
	path, reason string
	rooms, tests []string
}{
	{
		"github.com/duckdb/duckdb-go", "it is heavy and needs cgo",
		[]string{"internal/duckdbsink", "internal/parquetsink", "internal/sink/merge", "internal/sink/sinktest", "internal/app", "bench"},
		nil,
	},
	{
		"modernc.org/sqlite", "all SQL of the ledger stands in one place",
		[]string{"internal/store"},
		nil,
	},
	{
		"github.com/riverqueue/river", "only the engine and its ledger know who executes steps",
		[]string{"internal/store", "internal/engine", "internal/app"},
		nil,
	},
	{
		"internal/store/sqlite", "queries are reached through a tenant's scope (I7)",
		[]string{"internal/store"},
		nil,
	},
	{
		"internal/sandbox", "what runs on real data must not know the practice EHR",
		[]string{"internal/sandbox", "internal/cli", "internal/scenario", "bench"},
		[]string{"internal/app", "internal/crashtest", "internal/scenario", "internal/machinetest", "internal/checkup", "cmd/bulkhead"},
	},
	{
		"github.com/nicholas-fedor/shoutrrr", "only alerts leave for other services",
		[]string{"internal/alert"},
		nil,
	},
	{"github.com/coreos/go-oidc", "people sign in at one door", []string{"internal/door"}, nil},
	{"internal/look", "the door knows nothing of what is behind it", []string{"internal/look", "internal/web", "internal/cli"}, nil},
	{"github.com/tink-crypto/tink-go", "keys at rest are used in one place", []string{"internal/atrest"}, nil},
	{"github.com/aws", "only the house key is asked of AWS", []string{"internal/atrest"}, nil},
	{"cloud.google.com/go", "only the house key is asked of Google", []string{"internal/atrest"}, nil},
	{"golang.org/x/oauth2/google", "only the house key is asked of Google", []string{"internal/atrest"}, nil},
	{
		"go.opentelemetry.io/otel", "only traces leave by it",
		[]string{"internal/trace"},
		nil,
	},
	{"math/rand", "math/rand/v2 says what its seeds give, crypto/rand makes ids", nil, nil},
	{"github.com/pkg/errors", "the standard library wraps errors", nil, nil},
}

// testOnly packages never come into the command.
var testOnly = []string{
	"github.com/chromedp/chromedp", "github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "go.uber.org/goleak", "pgregory.net/rapid",
	module + "/internal/sink/sinktest", module + "/internal/rows/rowstest", module + "/internal/atrest/atresttest", module + "/internal/crashtest", module + "/internal/scenario",
}

// A goPackage is what go list says of one package.
type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Standard     bool
}

// room is the package's path within the module.
func (p goPackage) room() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

func (p goPackage) allImports() []string {
	return slices.Concat(p.Imports, p.TestImports, p.XTestImports)
}

// within reports whether path is root or lies below it, also when root has a
// major version as its last element.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e", "-json"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	var packages []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

var (
	listOnce sync.Once
	listed   []goPackage
)

// house lists the module's packages, once.
func house(t *testing.T) []goPackage {
	t.Helper()
	listOnce.Do(func() { listed = goList(t, "./...") })
	if len(listed) < 10 {
		t.Fatalf("go list knows %d packages of the module", len(listed))
	}
	return listed
}

func TestARoomImportsOnlyRoomsAboveIt(t *testing.T) {
	t.Parallel()
	for _, p := range house(t) {
		own := slices.Index(rooms, p.room())
		if own < 0 {
			t.Errorf("%s is no room: give it its place in the list of rooms, and in ARCHITECTURE.md", p.room())
			continue
		}
		for _, path := range p.allImports() {
			if !within(path, module) {
				continue
			}
			above := goPackage{ImportPath: path}.room()
			if i := slices.Index(rooms, above); i > own {
				t.Errorf("%s imports %s, which stands below it", p.room(), above)
			}
		}
	}
}

func TestPublicPackagesImportNothingInternal(t *testing.T) {
	t.Parallel()
	for _, p := range house(t) {
		if !slices.Contains(public, p.room()) {
			continue
		}
		for _, path := range p.allImports() {
			if within(path, module+"/internal") {
				t.Errorf("%s, which is public, imports %s", p.room(), path)
			}
		}
	}
}

func TestConfinedPackagesStayInTheirRooms(t *testing.T) {
	t.Parallel()
	for _, c := range confined {
		root := c.path
		if strings.HasPrefix(root, "internal/") {
			root = module + "/" + root
		}
		for _, p := range house(t) {
			inside := func(room string) bool { return within(p.room(), room) }
			if slices.ContainsFunc(c.rooms, inside) {
				continue
			}
			paths := p.Imports
			if c.tests != nil && !slices.ContainsFunc(c.tests, inside) {
				paths = p.allImports()
			}
			for _, path := range paths {
				if within(path, root) && path != "math/rand/v2" {
					t.Errorf("%s imports %s: %s", p.room(), path, c.reason)
				}
			}
		}
	}
}

func TestTheSandboxSharesNoCodeWithTheClientThatItTests(t *testing.T) {
	t.Parallel()
	for _, p := range house(t) {
		if !within(p.room(), "internal/sandbox") {
			continue
		}
		for _, path := range p.Imports {
			if path == module+"/smart" || path == module+"/bulkdata" {
				t.Errorf("%s imports %s: it would share its mistakes", p.room(), path)
			}
		}
	}
}

func TestTheCommandHoldsNoTestCode(t *testing.T) {
	t.Parallel()
	command := slices.IndexFunc(house(t), func(p goPackage) bool { return p.room() == "cmd/bulkhead" })
	if command < 0 {
		t.Fatal("the command cmd/bulkhead is not there")
	}
	for _, p := range goList(t, "-deps", "./cmd/bulkhead") {
		for _, root := range testOnly {
			if within(p.ImportPath, root) {
				t.Errorf("the command holds %s", p.ImportPath)
			}
		}
	}
}
