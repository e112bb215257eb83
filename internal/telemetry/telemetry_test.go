package telemetry

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A room is metrics over a ledger of practices p1, p2 and so on.
type room struct {
	*Metrics
	t       *testing.T
	config  *config.Config
	trouble error
	free    int64
}

func newRoom(t *testing.T, practices int, metrics string) *room {
	t.Helper()
	var tenants strings.Builder
	for i := range practices {
		fmt.Fprintf(&tenants, "  - {id: p%d, open: true, profile: ecw, fhir_base_url: 'https://ehr.example/canary', group: g, agreement: {reference: A, status: active, effective_from: 2000-01-01, expires_at: 2030-01-01, types: ['*'], groups: ['*'], sinks: ['*']}}\n", i+1)
	}
	dir := t.TempDir()
	c, err := config.Parse(filepath.Join(dir, "bulkhead.yaml"), []byte("metrics: {"+metrics+"}\ntenants:\n"+tenants.String()))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ledger.db")
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	r := &room{t: t, config: c, free: 1 << 40}
	var known []store.Tenant
	for i := range c.Tenants {
		known = append(known, store.Tenant{ID: c.Tenants[i].ID, Name: "canary"})
	}
	if err := s.PutTenants(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	r.Metrics = New(Options{
		Config: func() *config.Config { return c }, Store: s, Ledger: path, Version: "v1",
		Trouble: func() error { return r.trouble }, Free: func(string) (int64, error) { return r.free, nil },
	})
	return r
}

func (r *room) get(path, token string) (int, string) {
	r.t.Helper()
	h, err := r.Handler()
	if err != nil {
		r.t.Fatal(err)
	}
	q := httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, path, nil)
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	return w.Code, w.Body.String()
}

// completes makes an export of a tenant that brought records of a time.
func (r *room) completes(tenant string) {
	r.t.Helper()
	err := r.o.Store.In(tenant).Do(r.t.Context(), func(tx *store.Tx) error {
		id, err := tx.Request(store.Intent{Stream: "canary", Endpoint: "https://ehr.example/canary", Level: "group", Group: "canary", Mode: "full", RequestedBy: "canary"})
		if err != nil {
			return err
		}
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		err = tx.SetListed(&x, store.Listing{TransactionTime: "2026-03-01T00:00:00Z"})
		for _, e := range []life.Event{life.Admit, life.Accepted, life.Listed, life.Stored, life.Ingested, life.Complete} {
			err = errors.Join(err, tx.Move(&x, e))
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// work makes everything happen that is counted.
func (r *room) work() {
	r.completes("p1")
	err := r.o.Store.In("p2").Do(r.t.Context(), func(tx *store.Tx) error {
		id, err := tx.Request(store.Intent{Stream: "s", Endpoint: "e", Level: "group", Mode: "full"})
		return errors.Join(err, tx.AddStep(id, export.Kickoff, "", tx.Now()))
	})
	if err == nil {
		_, _, err = r.o.Store.In("p1").TakeRequest(r.t.Context(), "https://ehr.example/canary", 250)
	}
	if err == nil {
		err = r.o.Store.Alerting(r.t.Context(), func(tx *store.AlertTx) error {
			_, err := tx.Add(store.Alert{Tenant: "p1", Kind: "failed", Severity: "warning", Party: "us", Summary: "canary"})
			return err
		})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.verified()
	r.certified()
	r.Answered("p1", 200)
	r.Answered("p1", 429)
	r.Answered("p2", 0)
	w := export.Work{Lease: store.Lease{StepRef: store.StepRef{Kind: export.Download}, Subject: "canary"}, Export: store.Export{Tenant: "p1"}}
	r.Stepped(w, time.Second, export.Stored{Files: []store.File{{Bytes: 40}, {Bytes: 50}}}, nil)
	r.Stepped(w, time.Second, nil, errors.New("canary"))
	w.Lease.Kind = export.Ingest
	r.Stepped(w, time.Second, export.Staged{Files: []export.StagedFile{{Summary: ingest.Summary{Lines: 9, Delivered: 6, Quarantined: 2, Blank: 1}}}}, nil)
	r.Stepped(w, time.Second, nil, problem.New(problem.Internal, "canary", "canary"))
	r.Stepped(w, time.Second, nil, &export.Later{})
}

// verified makes a record, and bulkhead look whether it is whole.
func (r *room) verified() {
	r.t.Helper()
	watch := audit.NewWatch(r.o.Store, store.AnchorsOf(r.o.Ledger))
	err := r.o.Store.Record(r.t.Context(), audit.Event{Action: audit.ConfigChanged}, "p1", "p2")
	for range 4 {
		err = errors.Join(err, watch.CatchUp(r.t.Context()))
	}
	broken := audit.Watched{Tenant: "p2", Fault: &audit.Fault{Tenant: "p2", Seq: 1, What: "it is missing"}, FoundAt: time.Now()}
	if err = errors.Join(err, r.o.Store.PutAuditWatched(r.t.Context(), []audit.Watched{broken})); err != nil {
		r.t.Fatal(err)
	}
}

// certified makes the configuration name a certificate, which is good until 2084.
func (r *room) certified() {
	r.t.Helper()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	r.config.TLS.CAFile = filepath.Join(r.t.TempDir(), "ca.pem")
	if err := os.WriteFile(r.config.TLS.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func TestMetricsTellWhatTheLedgerAndTheProcessKnow(t *testing.T) {
	r := newRoom(t, 2, "")
	r.work()
	if _, err := r.o.Store.Pause(t.Context(), store.Pause{Scope: store.PauseTenant, Object: "p2", Reason: "they move"}); err != nil {
		t.Fatal(err)
	}
	err := r.o.Store.In("p2").Do(t.Context(), func(tx *store.Tx) error {
		_, err := tx.SeeEnding(store.Ending{Reference: "A", Rule: "expired", OverAt: time.Now()})
		_, asked := tx.Ask(store.ExportRequest{Tenant: "p2", Kind: "full", By: "mirth", Source: store.FromTable})
		return errors.Join(err, asked)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.o.Store.PutCircuit(t.Context(), store.Circuit{Origin: "https://dead.example", OpenedAt: time.Now(), ProbeAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	status, text := r.get("/metrics", "")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	for _, want := range []string{
		`bulkhead_exports{state="completed",tenant="p1"} 1`, `bulkhead_exports{state="requested",tenant="p2"} 1`,
		`bulkhead_queue_exports{state="requested"} 1`, `bulkhead_queue_exports{state="unknown"} 0`,
		`bulkhead_last_transaction_timestamp_seconds{tenant="p1"} 1.7723232e+09`, `bulkhead_open_steps{kind="kickoff",state="ready"} 1`,
		`bulkhead_alerts{kind="failed",severity="warning"} 1`, `bulkhead_unsent_notices 0`, `bulkhead_unsent_callbacks 0`, `bulkhead_open_circuits 1`, `bulkhead_open_endings 1`, `bulkhead_untaken_requests 1`, `bulkhead_pauses{of="all"} 0`, `bulkhead_pauses{of="tenant"} 1`, `bulkhead_rate_window_requests{tenant="p1"} 1`,
		`bulkhead_tenant_info{profile="ecw",registration="",tenant="p2"} 1`, `bulkhead_agreement_end_timestamp_seconds{tenant="p1"} 1.8934560e+09`,
		`bulkhead_requests_total{answer="429",tenant="p1"} 1`, `bulkhead_requests_total{answer="none",tenant="p2"} 1`,
		`bulkhead_downloaded_bytes_total{tenant="p1"} 90`, `bulkhead_lines_total{fate="refused",tenant="p1"} 2`,
		`bulkhead_steps_total{kind="download",outcome="weather"} 1`, `bulkhead_steps_total{kind="ingest",outcome="problem"} 1`,
		`bulkhead_steps_total{kind="ingest",outcome="later"} 1`, `bulkhead_step_duration_seconds_count{kind="download"} 2`,
		`bulkhead_step_duration_seconds_bucket{kind="download",le="0.25"} 0`, `bulkhead_step_duration_seconds_bucket{kind="download",le="1"} 2`,
		`bulkhead_disk_free_bytes 1.099511627776e+12`, `bulkhead_ledger_trouble 0`, `bulkhead_audit_broken_chains 1`, `bulkhead_certificate_end_timestamp_seconds{field="tls.ca_file"} 3.6e+09`, `bulkhead_scrape_failed 0`, `bulkhead_build_info{version="v1"} 1`,
	} {
		if !strings.Contains(text, strings.ReplaceAll(want, "1.8934560e", "1.893456e")+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestMetricsWithoutTheLedgerSaySoAndTellTheRest(t *testing.T) {
	t.Attr("fault", "machine: the ledger cannot be read for metrics -> they say so, and tell what the process knows")
	r := newRoom(t, 2, "")
	r.work()
	if err := r.o.Store.Close(); err != nil {
		t.Fatal(err)
	}
	status, text := r.get("/metrics", "")
	for _, want := range []string{`bulkhead_scrape_failed 1`, `bulkhead_downloaded_bytes_total{tenant="p1"} 90`, `bulkhead_build_info{version="v1"} 1`} {
		if status != http.StatusOK || !strings.Contains(text, want+"\n") {
			t.Errorf("%d, no %s in %s", status, want, text)
		}
	}
	if strings.Contains(text, "bulkhead_exports{") {
		t.Errorf("a closed ledger tells exports: %s", text)
	}
}

func TestNoMetricHoldsWhatAServerOrARecordSays(t *testing.T) {
	t.Attr("fault", "canary: names, URLs, groups, problems and subjects of steps with a canary word -> no metric holds it")
	r := newRoom(t, 2, "")
	r.work()
	if _, text := r.get("/metrics", ""); strings.Contains(text, "canary") {
		t.Errorf("the canary is in the metrics: %s", text)
	}
}

func TestPracticesBeyondTheBoundShareOneId(t *testing.T) {
	r := newRoom(t, 30, "tenants: 3")
	for i := range 30 {
		r.completes(fmt.Sprint("p", i+1))
		r.Answered(fmt.Sprint("p", i+1), 200)
	}
	r.Answered("nobody", 200)
	_, text := r.get("/metrics", "")
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`tenant="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		ids[m[1]] = true
	}
	if len(ids) != 4 || !ids[others] || !strings.Contains(text, `bulkhead_exports{state="completed",tenant="others"} 27`) || !strings.Contains(text, `bulkhead_requests_total{answer="2xx",tenant="others"} 28`) {
		t.Errorf("ids %v in %s", ids, text)
	}
}

func TestPracticesThatComeAndGoLeaveNoMetrics(t *testing.T) {
	t.Attr("fault", "load: thirty practices come and go in a process that keeps three with metrics of their own -> never more ids than that, and what goes on counting goes on")
	r := newRoom(t, 30, "tenants: 3")
	all := r.config.Tenants
	for i := range all {
		c := *r.config
		c.Tenants = append(slices.Clone(all[:1]), all[i])
		r.o.Config = func() *config.Config { return &c }
		r.Answered(all[i].ID, 200)
		r.Answered("p1", 200)
		w := export.Work{Lease: store.Lease{StepRef: store.StepRef{Kind: export.Ingest}}, Export: store.Export{Tenant: all[i].ID}}
		r.Stepped(w, time.Second, export.Staged{Files: []export.StagedFile{{Summary: ingest.Summary{Delivered: 6}}}}, nil)
		w.Lease.Kind = export.Download
		r.Stepped(w, time.Second, export.Stored{Files: []store.File{{Bytes: 40}}}, nil)
	}
	_, text := r.get("/metrics", "")
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(`tenant="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		ids[m[1]] = true
	}
	if len(ids) != 2 || !ids["p1"] || !ids["p30"] || !strings.Contains(text, `bulkhead_requests_total{answer="2xx",tenant="p1"} 31`) {
		t.Errorf("ids %v in %s", ids, text)
	}
}

func TestMetricsAskForTheirToken(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRoom(t, 1, "token_file: "+token)
	for given, want := range map[string]int{"": 401, "wrong": 401, "canary": 200} {
		if status, _ := r.get("/metrics", given); status != want {
			t.Errorf("with %q: %d, want %d", given, status, want)
		}
	}
	if status, _ := r.get("/healthz", ""); status != http.StatusOK {
		t.Errorf("health is %d without a token", status)
	}
}

func TestHealthAndReadinessSayWhatTheyMean(t *testing.T) {
	t.Attr("fault", "machine: the engine stops ticking, the ledger cannot be written, the disk is full -> readiness says so, health only of the first")
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, 1, "")
		want := func(when string, health, ready int, code string) {
			t.Helper()
			h, _ := r.get("/healthz", "")
			s, text := r.get("/readyz", "")
			if h != health || s != ready || strings.TrimSpace(text) != code {
				t.Errorf("%s: health %d, ready %d %q; want %d, %d %q", when, h, s, text, health, ready, code)
			}
		}
		tick := func() {
			if err := r.CatchUp(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		want("before the engine starts", 200, 503, "internal")
		tick()
		want("at work", 200, 200, "ok")
		r.trouble = problem.New(problem.StorageFull, "canary", "canary")
		want("with a full disk under the ledger", 200, 503, "storage_full")
		r.trouble, r.free = nil, 1
		want("with a full disk", 200, 503, "storage_full")
		r.free = 1 << 40
		<-time.After(4 * time.Minute)
		want("after a pause", 200, 200, "ok")
		<-time.After(2 * time.Minute)
		want("after long silence", 503, 503, "internal")
		tick()
		want("when it ticks again", 200, 200, "ok")
		if err := r.o.Store.Close(); err != nil {
			t.Fatal(err)
		}
		want("when the ledger is closed", 200, 503, "ledger_damaged")
	})
}

// metricNames are the names of all metrics of bulkhead, as they are served.
func metricNames(t *testing.T) []string {
	t.Helper()
	r := newRoom(t, 2, "")
	r.work()
	_, text := r.get("/metrics", "")
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (bulkhead_\S+) `).FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	if len(names) < 20 {
		t.Fatalf("metrics: %v", names)
	}
	return names
}

func TestPagesAndRulesNameOnlyMetricsThatExist(t *testing.T) {
	names := metricNames(t)
	exists := func(name string) bool {
		for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && slices.Contains(names, base) {
				return true
			}
		}
		return false
	}
	files := []string{"metrics.md", "prometheus/alerts.yaml", "grafana/bulkhead.json"}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", file))
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`\bbulkhead_[a-z_]+`).FindAllString(string(text), -1)
		if len(used) < 8 {
			t.Errorf("%s names %d metrics", file, len(used))
		}
		for _, name := range used {
			if !exists(name) {
				t.Errorf("%s names %s, which does not exist", file, name)
			}
		}
		for _, name := range names {
			if file == "metrics.md" && !strings.Contains(string(text), "`"+name) {
				t.Errorf("%s does not explain %s", file, name)
			}
		}
	}
}

func TestTheDashboardAndTheRulesAreWhole(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "grafana", "bulkhead.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range board.Panels {
		if p.Title == "" || len(p.Targets) == 0 || ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q is not whole", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("panels %q and %q overlap", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			balanced(t, p.Title, target.Expr)
		}
	}
	if text, err = os.ReadFile(filepath.Join("..", "..", "docs", "prometheus", "alerts.yaml")); err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if !strings.HasPrefix(r.Alert, "Bulkhead") || r.Annotations["summary"] == "" || r.Annotations["todo"] == "" || !slices.Contains(config.Severities(), r.Labels["severity"]) {
				t.Errorf("rule %+v is not whole", r)
			}
			balanced(t, r.Alert, r.Expr)
		}
	}
	if len(rules.Groups) != 2 || len(board.Panels) < 10 {
		t.Errorf("%d groups of rules, %d panels", len(rules.Groups), len(board.Panels))
	}
}

// balanced checks that each bracket of an expression has its other one.
func balanced(t *testing.T, what, expr string) {
	t.Helper()
	var open []rune
	other := map[rune]rune{')': '(', ']': '[', '}': '{'}
	for _, r := range expr {
		switch r {
		case '(', '[', '{':
			open = append(open, r)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != other[r] {
				t.Errorf("%s: brackets of %s", what, expr)
				return
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 || expr == "" {
		t.Errorf("%s: brackets of %q", what, expr)
	}
}

func TestMetricsAreNamedAndDescribedAsPrometheusAsks(t *testing.T) {
	r := newRoom(t, 2, "")
	r.work()
	registry := prometheus.NewPedanticRegistry()
	r.register(t.Context(), registry)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
