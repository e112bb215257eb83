package alert

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

func TestAPracticeThatGrowsStaleIsToldOnceAndItsRecoveryOnce(t *testing.T) {
	run(t, 2, ", remind_every: 90d", "", func(w *world) {
		for range 3 {
			w.nightly("p1")
			w.nightly("p2")
			w.pass(day1, time.Hour)
		}
		w.want()
		for range 6 { // p1's export never ends well, and never begins
			w.nightly("p2")
			w.pass(day1, time.Hour)
		}
		w.want("[bulkhead] warning: p1: records grow stale")
		w.nightly("p1")
		w.nightly("p2")
		w.pass(day1, 10*time.Minute)
		w.want("[bulkhead] over: p1: records grow stale")
		if open := w.openAlerts(); len(open) > 0 {
			t.Errorf("still open: %+v", open)
		}
	})
}

func TestRecordsOfLastMonthAreStaleThoughExportsComplete(t *testing.T) {
	run(t, 1, "", "", func(w *world) {
		frozen := time.Now()
		for range 5 {
			w.complete(w.request("p1", "incremental"), frozen, calm)
			w.pass(day1, time.Hour)
		}
		if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "the server's records are those of "+wording.Moment(frozen)) || !strings.Contains(w.sent[0].Body, "the vendor") {
			t.Errorf("told: %+v", w.sent)
		}
	})
}

func TestAHundredPracticesOfADeadVendorAreOneMessage(t *testing.T) {
	t.Attr("fault", "load: the vendor of a hundred practices is down for five days -> one message that names it and the count for failing, one for growing stale, one for each recovery")
	run(t, 100, ", remind_every: 90d", "", func(w *world) {
		each := func(f func(tenant string)) {
			for i := range 100 {
				f(fmt.Sprint("p", i+1))
			}
		}
		each(w.nightly)
		w.pass(day1, time.Hour)
		w.want()
		for n := range 5 {
			each(func(tenant string) { w.fails(tenant, unreachable) })
			w.pass(10*time.Minute, time.Minute)
			if n == 0 {
				if len(w.sent) == 1 && (!strings.Contains(w.sent[0].Body, "p1, p10, p100") || !strings.Contains(w.sent[0].Body, "and 80 more") || strings.Count(w.sent[0].Body, "\n") > 10) {
					t.Errorf("the message: %s", w.sent[0].Body)
				}
				w.want("[bulkhead] warning: 100 practices of eClinicalWorks: the last export failed")
			}
			w.pass(day1, time.Hour)
		}
		w.want("[bulkhead] warning: 100 practices of eClinicalWorks: records grow stale")
		each(w.nightly)
		w.pass(day1/2, 5*time.Minute)
		w.want("[bulkhead] over: 100 practices of eClinicalWorks: the last export failed", "[bulkhead] over: 100 practices of eClinicalWorks: records grow stale")
	})
}

func TestAnAcknowledgedAlertIsQuietUntilTheTimeThatWasAgreed(t *testing.T) {
	run(t, 1, ", remind_every: 1d, stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", unreachable)
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] warning: p1: the last export failed")
		w.pass(2*day1+6*time.Hour, time.Hour)
		w.want("[bulkhead] still warning: p1: the last export failed", "[bulkhead] still warning: p1: the last export failed")
		a := w.openAlerts()[0]
		if err := w.store.In("p2").Acknowledge(w.t.Context(), a.ID, store.Ack{By: "ada", Until: time.Now().Add(time.Hour)}); err == nil {
			t.Error("an alert of one tenant was acknowledged as another's")
		}
		if err := w.store.In("p1").Acknowledge(w.t.Context(), a.ID, store.Ack{By: "ada", Until: time.Now().Add(5 * day1), Note: "the vendor knows"}); err != nil {
			t.Fatal(err)
		}
		w.pass(5*day1-time.Hour, time.Hour)
		w.want()
		w.pass(3*time.Hour, time.Minute)
		w.want("[bulkhead] still warning: p1: the last export failed")
		w.nightly("p1")
		w.pass(day1, time.Hour)
		w.want("[bulkhead] over: p1: the last export failed")
	})
}

func TestAnExportThatIsTakenUpAgainIsNotOverUntilItIs(t *testing.T) {
	run(t, 1, "", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", unreachable)
		w.pass(time.Hour, time.Minute)
		w.told()
		x := w.request("p1", "incremental")
		w.pass(5*time.Hour, time.Minute)
		w.want()
		w.do("p1", func(tx *store.Tx) error {
			return errors.Join(tx.SetProblem(&x, unreachable), tx.Move(&x, life.Refuse))
		})
		w.pass(5*time.Hour, time.Minute)
		w.want()
	})
}

func TestARevokedActivationTakesThePlaceOfAFailure(t *testing.T) {
	refused := problem.New(problem.TokenRefused, "the authorization server gave no token", "See its reasons.")
	run(t, 1, "", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", unreachable)
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] warning: p1: the last export failed")
		w.fails("p1", refused)
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] critical: p1: the server refuses us now")
		w.nightly("p1")
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] over: p1: the server refuses us now")
	})
}

func TestWhatComesAndGoesIsToldLessAndLess(t *testing.T) {
	run(t, 1, ", group_every: 5m, stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		for range 24 { // it fails and recovers every hour for a day
			w.fails("p1", unreachable)
			w.pass(30*time.Minute, time.Minute)
			w.nightly("p1")
			w.pass(30*time.Minute, time.Minute)
		}
		if n := len(w.told()); n > 6 {
			t.Errorf("a practice that flaps was told of %d times in a day", n)
		}
		w.pass(day1, time.Hour)
		w.want("[bulkhead] over: p1: the last export failed")
	})
}

func TestWhatIsOverBeforeItWasToldIsNotTold(t *testing.T) {
	run(t, 1, ", group_for: 1h, settle: 5m", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", unreachable)
		w.pass(10*time.Minute, time.Minute)
		w.nightly("p1")
		w.pass(6*time.Hour, time.Minute)
		w.want()
	})
}

func TestARestartNeitherRepeatsNorForgets(t *testing.T) {
	t.Attr("fault", "machine: bulkhead restarts every minute while alerts are open and messages cannot be sent -> each is told once, when the service is back")
	run(t, 1, "", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", unreachable)
		w.fail = errors.New("the service answered 503")
		for range 40 {
			w.begin()
			w.pass(time.Minute, time.Minute)
		}
		w.want()
		list, err := w.store.Notices(w.t.Context(), time.Time{})
		if err != nil || len(list) != 1 || list[0].Attempts < 3 || list[0].Attempts > 8 || list[0].LastError != "the service answered 503" {
			t.Errorf("messages: %+v, %v", list, err)
		}
		w.fail = nil
		w.pass(2*time.Hour, time.Minute)
		w.want("[bulkhead] warning: p1: the last export failed")
	})
}

func TestMessagesThatDoNotLeaveAreThemselvesAnAlert(t *testing.T) {
	run(t, 1, "", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", unreachable)
		w.fail = errors.New("the service answered 404")
		w.pass(time.Hour, time.Minute)
		open := w.openAlerts()
		if len(open) != 2 || Kind(open[1].Kind) != Delivery || open[1].Object != "desk" || !strings.Contains(open[1].Summary, "404") {
			t.Errorf("open: %+v", open)
		}
		w.pass(2*day1, time.Hour)
		list, err := w.store.Notices(w.t.Context(), time.Time{})
		if err != nil || len(list) == 0 || list[0].GivenUpAt.IsZero() {
			t.Errorf("a message is not given up after two days: %+v, %v", list, err)
		}
	})
}

func TestNoMessageHoldsTheQueryOfAURLOrAToken(t *testing.T) {
	t.Attr("fault", "canary: a problem's text quotes a URL with its query and a token -> neither the alert, nor the message, nor the ledger's rows of them hold it")
	run(t, 1, "", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", problem.New(problem.ServerFailing, "GET https://canary@ehr.example/f?name=canary#canary answered 500, Bearer canarycanary", "Look at https://ehr.example/s?token=canary."))
		w.pass(time.Hour, time.Minute)
		if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "https://ehr.example/f answered 500") {
			t.Errorf("told: %+v", w.sent)
		}
		rows := fmt.Sprintf("%+v %+v", w.sent, w.openAlerts())
		if strings.Contains(rows, "canary") {
			t.Errorf("the canary: %s", rows)
		}
	})
}

func TestALedgerThatCannotBeWrittenIsToldWithoutIt(t *testing.T) {
	t.Attr("fault", "machine: the ledger cannot be written for hours -> told once, without the ledger, and once when it can be again")
	run(t, 1, "", "", func(w *world) {
		w.nightly("p1")
		trouble := problem.New(problem.StorageFull, "no space is left for the ledger", "Free space.")
		w.keeper.o.Trouble = func() error { return trouble }
		w.pass(time.Minute, 10*time.Second)
		w.want()
		w.pass(6*time.Hour, time.Minute)
		if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "no space is left for the ledger (storage_full)") {
			t.Errorf("told: %+v", w.sent)
		}
		w.want("[bulkhead] critical: the ledger cannot be written")
		w.keeper.o.Trouble = func() error { return nil }
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] over: the ledger cannot be written")
	})
}

func TestADiskThatFillsIsToldWorseAndOver(t *testing.T) {
	run(t, 1, "", "", func(w *world) {
		w.nightly("p1")
		w.free = 1 << 30
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] warning: the disk is nearly full")
		w.free = 1 << 20
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] critical: the disk is nearly full")
		w.free = 1 << 40
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] over: the disk is nearly full")
	})
}

func TestABudgetThatIsSpentForMostOfAnHourIsTold(t *testing.T) {
	run(t, 1, ", stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		for minute := range 300 {
			if minute < 120 {
				if err := w.store.In("p1").FillWindow(w.t.Context(), w.config.Tenants[0].FHIRBaseURL, int64(w.config.RequestsPerMinute(&w.config.Tenants[0]))); err != nil {
					w.t.Fatal(err)
				}
			}
			w.pass(time.Minute, time.Second*10)
		}
		w.want("[bulkhead] info: p1: the budget of requests is spent", "[bulkhead] over: p1: the budget of requests is spent")
	})
}

func TestAnAgreementThatEndsIsToldWeeksBeforeDaysBeforeAndAtItsEnd(t *testing.T) {
	run(t, 1, ", stale_after: 300d", ", expires_at: 2000-03-01", func(w *world) {
		w.nightly("p1")
		w.pass(29*day1, 2*time.Hour) // to 30 January; the notice is thirty days
		w.want()
		w.pass(2*day1, 2*time.Hour)
		w.want("[bulkhead] warning: p1: the agreement ends")
	})
}

func TestRoutesTakeWhatIsTheirs(t *testing.T) {
	c := configure(t, t.TempDir(), 2, "", "")
	c.Alerts.Routes = []config.AlertRoute{
		{Name: "all", Severity: "info"},
		{Name: "loud", Severity: "critical"},
		{Name: "p2", Severity: "info", Tenants: []string{"p2"}},
		{Name: "ada", Severity: "info", Owners: []string{"ada@example.org"}},
		{Name: "bob", Severity: "info", Owners: []string{"Bob"}},
		{Name: "disks", Severity: "warning", Kinds: []string{"disk", "delivery"}},
	}
	r := routesOf(c)
	cases := []struct {
		alert store.Alert
		want  string
	}{
		{store.Alert{Tenant: "p1", Kind: "stale", Severity: "warning"}, "all ada"},
		{store.Alert{Tenant: "p2", Kind: "stale", Severity: "critical"}, "all loud p2 ada"},
		{store.Alert{Kind: "disk", Severity: "warning"}, "all disks"},
		{store.Alert{Kind: "disk", Severity: "critical"}, "all loud disks"},
		{store.Alert{Kind: "delivery", Severity: "critical", Object: "all"}, "loud disks"},
	}
	for _, c := range cases {
		if got := strings.Join(r.fitting(c.alert), " "); got != c.want {
			t.Errorf("%+v is told on %q, want %q", c.alert, got, c.want)
		}
	}
}
