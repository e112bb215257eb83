package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// ahead lets columns of the ledger be of a clock that was ahead by years.
func (w *world) ahead(table string, columns ...string) {
	w.t.Helper()
	for _, c := range columns {
		if _, err := w.store.DB().ExecContext(w.t.Context(), fmt.Sprintf(`UPDATE %s SET %s = %s + 100000000000 WHERE %s > 0`, table, c, c, c)); err != nil { //nolint:gosec // names of our own
			w.t.Fatal(err)
		}
	}
}

func TestAClockThatWasYearsAheadKeepsNoMessageBack(t *testing.T) {
	t.Attr("fault", "machine: the clock was years ahead and is set back while alerts are gathered, told, wait for a service or settle -> each is told as if it had been right")
	const begun, over = "[bulkhead] warning: p1: the last export failed", "[bulkhead] over: p1: the last export failed"
	for name, play := range map[string]func(w *world){
		"while news are gathered": func(w *world) {
			w.look()
			w.ahead("alert_news", "at")
			w.pass(time.Hour, 5*time.Minute)
			w.want(begun)
		},
		"while a service does not answer": func(w *world) {
			w.fail = errors.New("the service answered 503")
			w.pass(10*time.Minute, time.Minute)
			w.ahead("notice", "made_at", "due_at")
			w.fail = nil
			w.pass(2*time.Hour, 5*time.Minute)
			w.want(begun)
		},
		"after another message of the kind": func(w *world) {
			w.pass(time.Hour, 5*time.Minute)
			w.want(begun)
			w.ahead("notice", "made_at", "due_at", "sent_at")
			w.fails("p2", unreachable)
			w.pass(5*time.Hour, 10*time.Minute)
			w.want("[bulkhead] warning: p2: the last export failed")
		},
		"while its cause is gone": func(w *world) {
			w.pass(time.Hour, 5*time.Minute)
			w.want(begun)
			w.nightly("p1")
			w.pass(2*time.Minute, time.Minute)
			w.ahead("alert", "absent_at")
			w.pass(time.Hour, 5*time.Minute)
			w.want(over)
		},
		"after it was told": func(w *world) {
			w.pass(time.Hour, 5*time.Minute)
			w.want(begun)
			w.ahead("alert", "told_at")
			w.pass(2*day1, time.Hour)
			if n := len(w.told()); n != 1 {
				t.Errorf("after it was told: %d reminders", n)
			}
		},
	} {
		run(t, 2, ", stale_after: 60d", "", func(w *world) {
			w.nightly("p1")
			w.nightly("p2")
			w.fails("p1", unreachable)
			play(w)
			if t.Failed() {
				t.Fatal(name)
			}
		})
	}
	run(t, 1, "", "", func(w *world) {
		w.look()
		w.ahead("alert_watch", "since")
		w.pass(4*day1, time.Hour)
		w.want("[bulkhead] warning: p1: records grow stale")
	})
}

func TestARouteThatIsTakenOutIsNoRouteThatFails(t *testing.T) {
	run(t, 1, ", stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", unreachable)
		w.fail = errors.New("the service answered 503")
		w.pass(10*time.Minute, time.Minute)
		w.fail = nil
		w.config.Alerts.Routes = []config.AlertRoute{{Name: "other", Severity: config.SeverityInfo}}
		w.pass(day1, 10*time.Minute)
		w.want()
		if open := w.openAlerts(); len(open) != 1 {
			t.Errorf("open: %+v", open)
		}
	})
}

func TestARouteThatWorksAgainIsOverThoughSomethingWasGivenUp(t *testing.T) {
	run(t, 1, ", stale_after: 60d, remind_every: 30d", "", func(w *world) {
		w.nightly("p1")
		w.fails("p1", unreachable)
		w.fail = errors.New("the service answered 404")
		w.pass(26*time.Hour, 10*time.Minute)
		w.fail = nil
		w.free = 1 << 30
		w.pass(time.Hour, 5*time.Minute)
		w.want("[bulkhead] warning: the disk is nearly full")
		for _, a := range w.openAlerts() {
			if Kind(a.Kind) == Delivery {
				t.Errorf("the route works: %+v", a)
			}
		}
	})
}

func TestASeverityThatComesAndGoesIsNoStorm(t *testing.T) {
	t.Attr("fault", "machine: the free space swings about the bound of critical all day -> told when it begins, when it first gets worse, and when it is over")
	run(t, 1, ", stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		for range 36 {
			w.free = 1 << 30
			w.pass(20*time.Minute, 5*time.Minute)
			w.free = 1 << 20
			w.pass(20*time.Minute, 5*time.Minute)
		}
		if list := w.told(); len(list) > 3 {
			t.Errorf("told %d times in a day: %v", len(list), list)
		}
		w.free = 1 << 40
		w.pass(time.Hour, 5*time.Minute)
		w.want("[bulkhead] over: the disk is nearly full")
	})
}

func TestTheAlertThatNoLedgerKeepsIsSentAgainUntilItArrives(t *testing.T) {
	t.Attr("fault", "machine: the ledger cannot be written, and the service that takes alerts is down for an hour at first -> told once it is back")
	run(t, 1, ", stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		w.keeper.o.Trouble = func() error { return problem.New(problem.StorageFull, "no space", "Free some.") }
		w.fail = errors.New("the service answered 503")
		w.pass(time.Hour, 5*time.Minute)
		w.want()
		w.fail = nil
		w.pass(2*time.Hour, 5*time.Minute)
		w.want("[bulkhead] critical: the ledger cannot be written")
	})
}

func TestAStopOfTenDaysIsNoStorm(t *testing.T) {
	t.Attr("fault", "machine: bulkhead stands still for ten days while alerts of a hundred practices are open -> a message of each kind, and one when it is over")
	run(t, 100, "", "", func(w *world) {
		for i := range 100 {
			w.nightly(fmt.Sprint("p", i+1))
		}
		for i := range 30 {
			w.fails(fmt.Sprint("p", i+1), unreachable)
		}
		open := w.request("p99", "incremental")
		w.pass(time.Hour, 5*time.Minute)
		w.want("[bulkhead] warning: 30 practices of eClinicalWorks: the last export failed")
		<-time.After(10 * day1)
		w.begin()
		w.pass(20*time.Minute, 5*time.Minute)
		w.want("[bulkhead] warning: 100 practices of eClinicalWorks: records grow stale", "[bulkhead] still warning: 30 practices of eClinicalWorks: the last export failed", "[bulkhead] warning: p99: an export stands still")
		w.complete(open, time.Now(), calm)
		for i := range 100 {
			w.nightly(fmt.Sprint("p", i+1))
		}
		w.pass(6*time.Hour, 10*time.Minute)
		w.want("[bulkhead] over: 30 practices of eClinicalWorks: the last export failed", "[bulkhead] over: 100 practices of eClinicalWorks: records grow stale", "[bulkhead] over: p99: an export stands still")
	})
}

func TestAMessageOnItsWayWhenBulkheadStopsIsSentOnce(t *testing.T) {
	t.Attr("fault", "machine: bulkhead is stopped while a message is on its way to a service that takes two seconds -> it is sent once")
	run(t, 1, ", stale_after: 60d", "", func(w *world) {
		for took, want := range map[time.Duration]int{2 * time.Second: 1, 8 * time.Second: 2} { // it is not waited for so long
			sent := 0
			s := NewSender(w.store, func() *config.Config { return w.config }, func(ctx context.Context, _ config.AlertRoute, _ store.Notice) error {
				sent++
				select {
				case <-time.After(took):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}, slog.New(slog.DiscardHandler))
			n := sample
			n.MadeAt, n.Turn = time.Now(), store.Opened
			if err := w.store.Alerting(w.t.Context(), func(tx *store.AlertTx) error { return tx.Write(n, nil) }); err != nil {
				w.t.Fatal(err)
			}
			s.Start(w.t.Context())
			<-time.After(time.Second)
			s.Stop()
			if err := s.SendDue(w.t.Context()); err != nil || sent != want {
				t.Errorf("sent %d times, want %d: %v", sent, want, err)
			}
		}
	})
}

func TestWhatNobodyLooksAtAnyMoreIsNotCalledWell(t *testing.T) {
	for why, change := range map[string]func(w *world){
		"for the practice is paused": func(w *world) {
			if _, err := w.store.Pause(w.t.Context(), store.Pause{Scope: store.PauseTenant, Object: "p1", Reason: "they move"}); err != nil {
				w.t.Fatal(err)
			}
		},
		"for the practice has left the configuration": func(w *world) { w.config.Tenants = w.config.Tenants[1:] },
		"for no agreement lets its exports begin":     func(w *world) { w.config.Tenants[0].Agreement.Status = config.AgreementSuspended },
	} {
		run(t, 2, ", remind_every: 90d", "", func(w *world) {
			w.nightly("p1")
			for range 4 {
				w.nightly("p2")
				w.pass(day1, 6*time.Hour)
			}
			w.want("[bulkhead] warning: p1: records grow stale")
			change(w)
			w.pass(6*time.Hour, 20*time.Minute)
			if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "nobody looks at this any more, "+why+": no export has completed since") {
				t.Errorf("%s: %+v", why, w.sent)
			}
		})
	}
}

func TestABrokenSummaryOfOnePracticeSilencesNoOther(t *testing.T) {
	t.Attr("fault", "machine: the summary of one practice's export is broken in the ledger -> the alerts of all others are told")
	run(t, 2, ", stale_after: 60d", "", func(w *world) {
		w.nightly("p1")
		if _, err := w.store.DB().ExecContext(w.t.Context(), `UPDATE quality SET summary = '{"lines":'`); err != nil {
			w.t.Fatal(err)
		}
		w.nightly("p2")
		w.fails("p2", unreachable)
		w.pass(time.Hour, 5*time.Minute)
		w.want("[bulkhead] warning: p2: the last export failed")
	})
}

func TestAServiceThatDoesNotAnswerHoldsUpNoOther(t *testing.T) {
	t.Attr("fault", "network: one of two services that take alerts lets every message run into its time-out -> the other has its own within a minute, however many wait for the first")
	run(t, 1, ", stale_after: 60d", "", func(w *world) {
		w.config.Alerts.Routes = append(w.config.Alerts.Routes, config.AlertRoute{Name: "well", Severity: config.SeverityInfo})
		err := w.store.Alerting(w.t.Context(), func(tx *store.AlertTx) error {
			for i := range 61 {
				n := sample
				n.MadeAt, n.Turn = time.Now(), store.Opened
				if n.Route = "desk"; i == 60 {
					n.Route = "well"
				}
				if err := tx.Write(n, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
		began, took := time.Now(), time.Duration(0)
		w.sender.deliver = func(_ context.Context, route config.AlertRoute, _ store.Notice) error {
			if route.Name == "well" {
				took = time.Since(began)
				return nil
			}
			<-time.After(10 * time.Second)
			return errSilent
		}
		if err := w.sender.SendDue(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		if took == 0 || took > time.Minute {
			t.Errorf("the other service had its message after %s", took)
		}
	})
}

func TestAMessageIsOfALengthThatEveryServiceTakes(t *testing.T) {
	t.Parallel()
	long := clean(strings.Repeat("what happened and what is to be done ", 30))
	b := bundle{route: "desk", kind: string(Failed), turn: store.Opened}
	for i := range 200 {
		b.news = append(b.news, store.News{Route: "desk", Turn: store.Opened, Alert: store.Alert{
			ID: int64(i), Tenant: fmt.Sprintf("%s-%03d", strings.Repeat("practice", 7), i), Source: fmt.Sprint("vendor ", i%40), Severity: config.SeverityWarning,
			Summary: fmt.Sprint(i, long), Remedy: long, Party: string(Us), Since: noon,
		}})
	}
	n := b.notice(noon)
	if len(n.Body) > 3600 || !strings.Contains(n.Body, "to do: ") || !strings.HasSuffix(n.Body, "more: bulkhead alerts list") {
		t.Errorf("%d bytes, ending %q", len(n.Body), n.Body[max(0, len(n.Body)-80):])
	}
}
