package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
)

func TestABrokenRecordIsToldOnceAndUntilSomebodyHasExaminedIt(t *testing.T) {
	t.Attr("fault", "hostile: somebody rewrites the newest row of the audit record -> found within a day, told once as critical with what to do, over when a person has examined it and found it whole")
	run(t, 1, ", stale_after: 300d, remind_every: 90d", "", func(w *world) {
		watch := audit.NewWatch(w.store, w.config.Folder+"/anchors")
		look := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); {
				w.pass(10*time.Minute, 5*time.Minute)
				if err := watch.CatchUp(w.t.Context()); err != nil {
					w.t.Fatal(err)
				}
			}
		}
		forge := func(actor string) {
			for _, s := range []string{"DROP TRIGGER IF EXISTS audit_not_updated", "UPDATE audit SET actor = '" + actor + "' WHERE tenant_id = 'p1' AND seq = 1"} {
				if _, err := w.store.DB().ExecContext(w.t.Context(), s); err != nil {
					w.t.Fatal(err)
				}
			}
		}
		w.nightly("p1")
		if err := w.store.Record(w.t.Context(), audit.Event{Action: audit.ConfigChanged}, "p1"); err != nil {
			t.Fatal(err)
		}
		look(2 * time.Hour)
		w.want()
		forge("nobody")
		look(26 * time.Hour)
		if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "the chain of p1, row 1: what it says is not what was recorded") || !strings.Contains(w.sent[0].Body, "audit_broken") || !strings.Contains(w.sent[0].Body, "bulkhead audit review p1") {
			t.Errorf("told: %+v", w.sent)
		}
		w.want("[bulkhead] critical: p1: the audit record needs somebody")
		forge("bulkhead") // whoever it was writes it back
		look(3 * day1)
		w.want()
		if err := w.store.Record(audit.As(w.t.Context(), audit.Identity{Actor: "anna"}), audit.Event{Action: audit.RecordSigned}, "p1"); err != nil {
			t.Fatal(err)
		}
		look(2 * time.Hour)
		w.want("[bulkhead] over: p1: the audit record needs somebody")
	})
}

func TestARecordThatNobodyVerifiesIsTold(t *testing.T) {
	t.Parallel()
	broken := audit.Watched{Tenant: "p1", Fault: &audit.Fault{Tenant: "p1", Seq: 3, What: "it is missing"}, FoundAt: ago(9 * day1)}
	seen := func(age time.Duration) audit.Watched { return audit.Watched{Tenant: "p2", VerifiedAt: ago(age)} }
	for name, c := range map[string]struct {
		facts RecordFacts
		want  string
	}{
		"verified today":                       {RecordFacts{[]audit.Watched{seen(time.Hour)}, ago(9 * day1)}, ""},
		"not for four days":                    {RecordFacts{[]audit.Watched{seen(4 * day1)}, ago(9 * day1)}, "unverified"},
		"not for four days, off until an hour": {RecordFacts{[]audit.Watched{seen(4 * day1)}, ago(time.Hour)}, ""},
		"never, at work for four days":         {RecordFacts{nil, ago(4 * day1)}, "unverified"},
		"by a command, which verifies nothing": {RecordFacts{[]audit.Watched{seen(9 * day1)}, time.Time{}}, ""},
		"broken, the others are well":          {RecordFacts{[]audit.Watched{broken, seen(time.Hour)}, ago(9 * day1)}, "p1"},
		"all are broken":                       {RecordFacts{[]audit.Watched{broken}, ago(9 * day1)}, "p1"},
	} {
		var got []string
		for _, k := range onRecord(noon, c.facts) {
			got = append(got, k.Tenant+k.Object)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
