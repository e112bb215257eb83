package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestEachServerThatCannotBeReachedIsOneCondition(t *testing.T) {
	t.Parallel()
	const origin = "https://ehr.example"
	for _, c := range []struct {
		name  string
		facts CircuitFacts
		want  string // how the summary begins; empty: nothing is told
	}{
		{"for a moment", CircuitFacts{Since: ago(30 * time.Minute), Practices: []string{"p1"}}, ""},
		{"for two hours", CircuitFacts{Since: ago(2 * time.Hour), Tried: noon, Why: "no answer in time", Practices: []string{"p1"}}, "the server of p1, https://ehr.example, cannot be reached since 2026-03-02 10:00 UTC: no answer in time"},
		{"of many", CircuitFacts{Since: ago(2 * time.Hour), Tried: noon, Practices: make([]string, 90)}, "the server of 90 practices, https://ehr.example, cannot be reached"},
		{"of tokens, nobody says whose", CircuitFacts{Since: ago(2 * time.Hour), Tried: noon}, "the server https://ehr.example cannot be reached"},
		{"that nobody uses any more", CircuitFacts{Since: ago(40 * day1), Tried: ago(9 * day1)}, ""},
		{"that is asked once a month", CircuitFacts{Since: ago(40 * day1), Tried: ago(9 * day1), Practices: []string{"p1"}}, "the server of p1"},
	} {
		c.facts.Origin = origin
		list := Evaluate(noon, Facts{Circuits: []CircuitFacts{c.facts}, Machine: MachineFacts{Free: 1 << 40}}, rules(t))
		if c.want == "" && len(list) == 0 {
			continue
		}
		if len(list) != 1 || list[0].Kind != Circuit || list[0].Tenant != "" || list[0].Object != origin || list[0].Party != Vendor || !strings.HasPrefix(list[0].Summary, c.want) || !strings.HasSuffix(list[0].Remedy, ".") {
			t.Errorf("%s: %+v", c.name, list)
		}
	}
}

func TestADeadServerOfAHundredPracticesIsOneAlertForAllTheirOwners(t *testing.T) {
	t.Attr("fault", "server: that of a hundred practices cannot be reached for a day -> one alert about it, on the routes of their owners too, and one when it can be again")
	run(t, 100, ", stale_after: 60d", "", func(w *world) {
		w.config.Alerts.Routes = append(w.config.Alerts.Routes,
			config.AlertRoute{Name: "ada", Severity: "info", Owners: []string{"ADA@example.org"}}, config.AlertRoute{Name: "bob", Severity: "info", Owners: []string{"Bob"}},
			config.AlertRoute{Name: "p7", Severity: "info", Tenants: []string{"p7"}}, config.AlertRoute{Name: "loud", Severity: "critical"})
		for i := range 100 {
			w.nightly(fmt.Sprint("p", i+1))
		}
		c := store.Circuit{Origin: "https://ehr.example", Failures: 5, LastError: "the connection broke", OpenedAt: time.Now()}
		open := func() {
			c.ProbeAt = time.Now().Add(10 * time.Minute)
			if err := w.store.PutCircuit(w.t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		for range 24 {
			open()
			w.pass(time.Hour, 20*time.Minute)
		}
		var routes strings.Builder
		for _, n := range w.sent {
			routes.WriteString(n.Route + " ")
		}
		const subject = "[bulkhead] warning: a server cannot be reached"
		w.want(subject, subject, subject)
		if routes.String() != "desk ada p7 " {
			t.Errorf("told on %s", routes.String())
		}
		c.ClosedAt = time.Now()
		open()
		w.pass(time.Hour, 5*time.Minute)
		const over = "[bulkhead] over: a server cannot be reached"
		w.want(over, over, over)
	})
}

func TestACircuitTellsWhoseServerItIs(t *testing.T) {
	t.Parallel()
	c := configure(t, t.TempDir(), 3, "", "")
	for i := range c.Tenants {
		c.Tenants[i].Open = false
	}
	c.Tenants[2].FHIRBaseURL = "https://other.example/p3"
	c.Registrations = map[string]config.Registration{"ecw": {Profile: "ecw", TokenURL: "https://tokens.example/t"}}
	for origin, want := range map[string]string{"https://ehr.example": "p1 p2", "https://other.example": "p3", "https://tokens.example": "p1 p2 p3", "https://files.example": ""} {
		f := circuitFacts(c, store.Circuit{Origin: origin})
		if got := strings.Join(f.Practices, " "); got != want || (want != "") != (f.Source != "") {
			t.Errorf("%s: %q of %q, want %q", origin, got, f.Source, want)
		}
	}
}
