package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A desk is a configuration with alerts in its ledger and a web hook.
type desk struct {
	t    *testing.T
	file string
	got  []string // what the hook got
}

func newDesk(t *testing.T, alerts ...store.Alert) *desk {
	t.Helper()
	d := &desk{t: t}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		d.got = append(d.got, string(b))
	}))
	t.Cleanup(hook.Close)
	t.Setenv("DESK", "generic+"+hook.URL+"/canary")
	t.Setenv("NOBODY", "generic+http://127.0.0.1:1/canary")
	dir := t.TempDir()
	d.file = filepath.Join(dir, "bulkhead.yaml")
	text := "alerts: {routes: [{name: desk, url_env: DESK}, {name: nobody, url_env: NOBODY}]}\n" +
		"tenants: [{id: lakeside, open: true, level: system, fhir_base_url: 'https://ehr.example/f'}]\n"
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(dir, "bulkhead", "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside"}}); err != nil {
		t.Fatal(err)
	}
	err = s.Alerting(t.Context(), func(tx *store.AlertTx) error {
		for _, a := range alerts {
			if _, err := tx.Add(a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs a command and gives its status and all that it printed.
func (d *desk) run(args ...string) (int, string) {
	d.t.Helper()
	var out bytes.Buffer
	status := Main(d.t.Context(), append([]string{"--config", d.file}, args...), Streams{Out: &out, Err: &out})
	return status, out.String()
}

func TestAlertsAreListedTheWorstFirstAndTakenOn(t *testing.T) {
	d := newDesk(t,
		store.Alert{Tenant: "lakeside", Kind: "failed", Severity: "warning", Party: "vendor", Summary: "the server cannot be reached", Remedy: "Ask the vendor."},
		store.Alert{Kind: "disk", Severity: "critical", Party: "us", Summary: "no room is left", Remedy: "Free some."},
	)
	status, text := d.run("alerts")
	if disk, failed := strings.Index(text, "no room is left"), strings.Index(text, "cannot be reached"); status != 0 || disk < 0 || failed < disk || !strings.Contains(text, "who must act: vendor") {
		t.Errorf("alerts: %d %s", status, text)
	}
	if _, text := d.run("alerts", "list", "lakeside"); strings.Contains(text, "no room") || !strings.Contains(text, "next: Ask the vendor.") {
		t.Errorf("alerts of one practice: %s", text)
	}
	for want, args := range map[string][]string{"2 alerts that nobody has taken on: bulkhead alerts list\n": {"status"}, "1 alert that nobody has taken on: bulkhead alerts list lakeside\n": {"status", "lakeside"}} {
		if _, text := d.run(args...); !strings.HasSuffix(text, want) {
			t.Errorf("%v: %s", args, text)
		}
	}
	if status, text := d.run("alerts", "ack", "1", "2", "--for", "12h", "--by", "ada", "--note", "the vendor knows"); status != 0 || !strings.Contains(text, "alert 2 is taken on by ada") {
		t.Errorf("ack: %d %s", status, text)
	}
	if _, text := d.run("--json", "alerts"); strings.Count(text, `"acknowledged_by":"ada"`) != 2 || !strings.Contains(text, `"note":"the vendor knows"`) {
		t.Errorf("after the acknowledgement: %s", text)
	}
	if _, text := d.run("status"); strings.Contains(text, "taken on") {
		t.Errorf("an overview of alerts that are taken on: %s", text)
	}
	if status, text := d.run("alerts", "ack", "3"); status != 2 || !strings.Contains(text, "no open alert 3") {
		t.Errorf("ack of none: %d %s", status, text)
	}
	if status, _ := d.run("alerts", "list", "nobody"); status != 2 {
		t.Errorf("alerts of a practice that is none: %d", status)
	}
}

func TestEachAlertRouteIsTriedAndItsAddressNotShown(t *testing.T) {
	d := newDesk(t)
	if status, text := d.run("alerts", "test", "desk"); status != 0 || len(d.got) != 1 || !strings.Contains(d.got[0], "Nothing is wrong") {
		t.Errorf("test of one route: %d %s, the hook got %q", status, text, d.got)
	}
	status, text := d.run("alerts", "test")
	if status != 2 || !strings.Contains(text, "route desk took") || !strings.Contains(text, "route nobody: nothing listens") || strings.Contains(text, "canary") {
		t.Errorf("test of all: %d %s", status, text)
	}
	if status, _ := d.run("alerts", "test", "elsewhere"); status != 2 {
		t.Errorf("test of no route: %d", status)
	}
	if _, text := d.run("alerts"); !strings.Contains(text, "nothing needs anybody now") {
		t.Errorf("no alerts: %s", text)
	}
}
