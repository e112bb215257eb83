package alert

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestWhatIsNotHandedBackOrDestroyedInTimeIsTold(t *testing.T) {
	t.Parallel()
	const deadline = 30 * day1
	at := func(rule agreement.Rule, due bool, at time.Time) *EndFacts {
		return &EndFacts{agreement.Disposal{Due: due, Rule: rule, At: at}, deadline}
	}
	broken := &DisposalFacts{Looked: true, Since: ago(time.Hour), Code: problem.StorageUnwritable, Summary: "files cannot be removed", Remedy: "Make them writable."}
	for _, c := range []struct {
		name  string
		end   *EndFacts
		fails *DisposalFacts
		want  string // object severity
	}{
		{"its agreement stands", nil, nil, ""},
		{"frozen", at(agreement.Frozen, false, noon.Add(day1)), nil, ""},
		{"a legal hold", at(agreement.LegalHold, false, time.Time{}), nil, ""},
		{"due since yesterday", at(agreement.AgreementOver, true, ago(day1)), nil, ""},
		{"due since three days", at(agreement.AgreementOver, true, ago(3*day1)), nil, " warning"},
		{"its deadline is over", at(agreement.AgreementOver, true, ago(15*day1)), nil, " critical"},
		{"to be handed back, in three weeks", at(agreement.NotReturned, false, noon.Add(21*day1)), nil, ""},
		{"to be handed back, in two weeks", at(agreement.NotReturned, false, noon.Add(14*day1)), nil, " warning"},
		{"to be handed back, yesterday", at(agreement.NotReturned, false, ago(day1)), nil, " critical"},
		{"it fails", nil, broken, "fails warning"},
		{"it fails, and is due since three days", at(agreement.AgreementOver, true, ago(3*day1)), broken, "fails warning"},
		{"it fails, and its deadline is over", at(agreement.AgreementOver, true, ago(16*day1)), broken, "fails warning,  critical"},
		{"it fails, and nobody knows why", nil, &DisposalFacts{Looked: true, Since: ago(time.Hour)}, "fails warning"},
		{"nobody has looked yet", nil, &DisposalFacts{Since: noon}, "fails pending"},
	} {
		p := healthy()
		p.End, p.Disposal = c.end, c.fails
		var got []string
		for _, x := range disposal(noon, &p, rules(t)) {
			word := x.Severity
			if x.Pending {
				word = "pending"
			}
			got = append(got, x.Object+" "+word)
			if x.Kind != Disposal || x.Party != Us || x.Since.IsZero() || x.Since.After(noon) || strings.HasSuffix(x.Summary, ".") || !strings.Contains(x.Remedy, "bulkhead dispose lakeside") || !strings.HasSuffix(x.Remedy, ".") {
				t.Errorf("%s: %+v", c.name, x)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, strings.Join(got, ", "), c.want)
		}
	}
}

// over makes the agreement of p1 be over since a time, with what is to become
// of its records.
func (w *world) over(disposal string, since time.Time) {
	a := w.config.Tenants[0].Agreement
	a.ExpiresAt, a.Disposal = config.Moment{Time: since}, disposal
	w.do("p1", func(tx *store.Tx) error {
		_, err := tx.SeeEnding(store.Ending{Reference: a.Reference, Rule: "expired", OverAt: since})
		return err
	})
}

// ending gives the end of p1's agreement that is on its way.
func (w *world) ending(f func(tx *store.Tx, e store.Ending) error) {
	w.t.Helper()
	w.do("p1", func(tx *store.Tx) error {
		e, ok, err := tx.OpenEnding()
		if err != nil || !ok {
			return errors.Join(err, errors.New("no agreement has ended"))
		}
		return f(tx, e)
	})
}

func TestRecordsThatOutliveTheirAgreementAreToldUntilTheyAreGone(t *testing.T) {
	run(t, 1, "", "", func(w *world) {
		w.config.Alerts.Routes[0].Kinds = []string{"disposal"}
		w.nightly("p1")
		w.over(config.DisposalDestroy, time.Now())
		w.pass(17*day1-2*time.Hour, 8*time.Hour)
		w.want()
		w.pass(6*time.Hour, time.Hour)
		w.want("[bulkhead] warning: p1: what may not be kept is here still")
		w.acknowledge(40 * day1)
		w.pass(13*day1+12*time.Hour, 6*time.Hour)
		w.want("[bulkhead] critical: p1: what may not be kept is here still")
		w.ending(func(tx *store.Tx, e store.Ending) error {
			_, err := tx.BeginEnding(e)
			return errors.Join(err, tx.EndEnding(e, []byte("{}"), "ab"))
		})
		w.pass(6*time.Hour, 10*time.Minute)
		w.want("[bulkhead] over: p1: what may not be kept is here still")
		for range 5 { // its schedule goes on, and is refused every night
			w.do("p1", func(tx *store.Tx) error {
				id, err := tx.Request(store.Intent{Stream: "s", Endpoint: "https://ehr.example/p1", Level: "group", Group: "g", Mode: "full"})
				if err != nil {
					return err
				}
				x, err := tx.Export(id)
				return errors.Join(err, tx.Move(&x, life.Deny))
			})
			w.pass(day1, 6*time.Hour)
		}
		w.want()
	})
}

func TestWhatMustBeHandedBackIsToldWhileThereIsTime(t *testing.T) {
	run(t, 1, "", "", func(w *world) {
		w.config.Alerts.Routes[0].Kinds = []string{"disposal"}
		w.nightly("p1")
		w.over(config.DisposalReturn, time.Now())
		w.pass(14*day1, 12*time.Hour)
		w.want()
		w.pass(2*day1, 6*time.Hour)
		w.want("[bulkhead] warning: p1: what may not be kept is here still")
		w.ending(func(tx *store.Tx, e store.Ending) error { return tx.SetReturned(e, "ab") })
		w.pass(day1, time.Hour)
		w.want("[bulkhead] over: p1: what may not be kept is here still")
	})
}

func TestADisposalThatFailsIsToldAndANewProcessDoesNotCallItOver(t *testing.T) {
	t.Attr("fault", "machine: what may not be kept any more cannot be destroyed, day after day, and bulkhead restarts -> told once, with the reason, and once when it is gone")
	run(t, 1, ", stale_after: 60d, remind_every: 30d", "", func(w *world) {
		last, looked := Disposed{}, true
		w.disposal = func(string) (Disposed, bool) { return last, looked }
		w.begin()
		w.nightly("p1")
		w.pass(day1, time.Hour)
		w.want()
		last = Disposed{problem.New(problem.StorageUnwritable, "files cannot be removed", "Make them writable."), time.Now()}
		w.pass(time.Hour, 5*time.Minute)
		if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "cannot be destroyed: files cannot be removed (storage_unwritable)") {
			t.Errorf("told: %+v", w.sent)
		}
		w.told()
		looked = false
		w.begin()
		w.pass(2*time.Hour, 10*time.Minute)
		looked = true
		w.pass(day1, time.Hour)
		w.want()
		last = Disposed{}
		w.pass(day1, time.Hour)
		w.want("[bulkhead] over: p1: what may not be kept is here still")
	})
}
