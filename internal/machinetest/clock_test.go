package machinetest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// times are the columns of the ledger in which its writer's clock stands, in
// milliseconds.
var times = map[string][]string{
	"step":      {"due_at", "heartbeat_at", "created_at"},
	"export":    {"requested_at", "state_at", "waiting_until", "kickoff_sent_at", "accepted_at", "next_poll_at", "ended_at", "released_at"},
	"event":     {"at"},
	"schedule":  {"next_at", "last_at"},
	"watermark": {"moved_at", "full_at"},
}

// ahead changes the ledger to what a clock would have written that was ahead by
// so much, or behind by a negative time. The present is then that of a clock
// that was set right.
func ahead(t *testing.T, w *scenario.World, by time.Duration) {
	t.Helper()
	execute := func(statement string, args ...any) {
		t.Helper()
		if _, err := w.Store.DB().ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	for table, columns := range times {
		for _, column := range columns {
			execute(fmt.Sprintf("UPDATE %s SET %s = %[2]s + ? WHERE %[2]s > 0", table, column), by.Milliseconds())
		}
	}
	execute("UPDATE rate_window SET minute = minute + ?", int64(by/time.Minute))
	seconds := fmt.Sprintf("%+d seconds", int(by.Seconds()))
	execute("UPDATE river_job SET scheduled_at = strftime('%Y-%m-%d %H:%M:%f', scheduled_at, ?), created_at = strftime('%Y-%m-%d %H:%M:%f', created_at, ?)", seconds, seconds)
	execute("UPDATE river_leader SET expires_at = strftime('%Y-%m-%d %H:%M:%f', expires_at, ?)", seconds)
}

// setClock ends the work, lets the ledger be of a clock that was ahead by so
// much, and begins to work again.
func setClock(t *testing.T, w *scenario.World, by time.Duration) {
	t.Helper()
	if err := w.Engine.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	ahead(t, w, by)
	if err := w.Engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// asks is a spec of one practice with these knobs.
func asks(config string, knobs func(*sandbox.Knobs)) scenario.Spec {
	return scenario.Spec{Tenant: scenario.Tenant{Knobs: knobs}, Config: config}
}

// asksTwice is asks for an export whose first kick-off is known to start nothing.
func asksTwice(config string, knobs func(*sandbox.Knobs)) scenario.Spec {
	spec := asks(config, knobs)
	spec.Kickoffs = 2
	return spec
}

// hangups are the waits in which a clock may be set back, how they are come to,
// and how long they may last from then on.
var hangups = []struct {
	name   string
	spec   scenario.Spec
	in     life.State
	within time.Duration
	by     []time.Duration
}{
	{"between polls", asks("", func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = time.Hour, 10*time.Minute }), life.Polling, 75 * time.Minute, []time.Duration{6 * time.Hour, 3 * 365 * 24 * time.Hour}},
	{"while the server is busy", asksTwice("", func(k *sandbox.Knobs) {
		k.Faults = []sandbox.Fault{{On: sandbox.KindKickoff, Do: sandbox.ActionStatus, Status: http.StatusTooManyRequests, RetryAfter: "10m", Times: 1}}
	}), life.Waiting, 30 * time.Minute, []time.Duration{6 * time.Hour}},
	{"between tries of a download", asks("", func(k *sandbox.Knobs) {
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Do: sandbox.ActionStatus, Status: http.StatusServiceUnavailable, RetryAfter: "5m", Times: 2}}
	}), life.Downloading, 20 * time.Minute, []time.Duration{6 * time.Hour}},
	{"in a rate window", asksTwice("limits: {requests_per_minute: 3}", nil), life.Downloading, 20 * time.Minute, []time.Duration{6 * time.Hour}},
}

func TestAClockThatIsSetBackProlongsNoWait(t *testing.T) {
	t.Attr("fault", "machine: the clock was hours or years ahead and is set back, between polls, while a server is busy, between tries of a download, in a rate window -> each wait lasts as long as the server asked; complete, one kick-off")
	for _, h := range hangups {
		for _, by := range h.by {
			t.Run(fmt.Sprint(h.name, " ", by), func(t *testing.T) {
				scenario.Run(t, h.spec, func(w *scenario.World) {
					x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), h.in)
					w.Pass(5 * time.Second)
					setClock(t, w, by)
					began := time.Now()
					x = w.Want(w.Settle(x), life.Completed)
					if took := time.Since(began); took > h.within {
						t.Errorf("it took another %v, at most %v were to come: %s", took, h.within, x)
					}
					if x.Happened("clock_set_back") != 1 {
						t.Errorf("its timeline does not say that the clock was set back: %s", x)
					}
				})
			})
		}
	}
}

// scheduled is a practice that is exported every night.
func scheduled(id string) scenario.Tenant {
	return scenario.Tenant{ID: id, Config: `{schedule: "0 3 * * *", time_zone: UTC}`, Patients: 2, Types: []string{"Patient"}}
}

func TestASchedulesNextTimeFollowsTheClock(t *testing.T) {
	t.Attr("fault", "machine: the clock was days ahead and is set back -> a schedule is due when it next is, not when the wrong clock said")
	t.Attr("fault", "machine: the clock was days behind and is set forward -> each schedule starts one export for all the times that it passed")
	for _, by := range []time.Duration{96 * time.Hour, -96 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			scenario.Run(t, scenario.Spec{Tenant: scheduled("lakeside")}, func(w *scenario.World) {
				w.Pass(time.Minute)
				setClock(t, w, by)
				for day, want := range []int{1, 2} {
					if by < 0 {
						want++ // what was passed, at once
					}
					w.Pass(24 * time.Hour)
					if n := w.Count(sandbox.KindKickoff); n != want {
						t.Errorf("%d exports after %d days, want %d", n, day+1, want)
					}
				}
			})
		})
	}
}

func TestAClockThatIsSetForwardStampedesNobody(t *testing.T) {
	t.Attr("fault", "machine: the clock is set forward by hours while many practices wait -> each is asked once, within its rate window and the slots; complete, one kick-off each")
	many := scenario.Spec{Config: "limits: {requests_per_minute: 20, exports: 3}", EarlyPolls: 1}
	knobs := func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 8*time.Hour, 5*time.Hour }
	for n := range 6 {
		many.More = append(many.More, scenario.Tenant{ID: fmt.Sprintf("practice-%d", n), Knobs: knobs, Patients: 2, Types: []string{"Patient"}})
	}
	many.Tenant, many.More = many.More[0], many.More[1:]
	scenario.Run(t, many, func(w *scenario.World) {
		var all []*scenario.Export
		for n := range 6 {
			all = append(all, w.Request(fmt.Sprintf("practice-%d", n), export.Wish{By: "test"}))
		}
		w.Pass(10 * time.Minute)
		setClock(t, w, -6*time.Hour)
		w.Pass(time.Minute)
		kickoffs := 0
		for n := range 6 {
			id := fmt.Sprintf("practice-%d", n)
			if polls := w.Count(sandbox.KindPoll, id); polls > 1 {
				t.Errorf("%s was polled %d times", id, polls)
			}
			kickoffs += w.Count(sandbox.KindKickoff, id)
		}
		if kickoffs != 3 {
			t.Errorf("%d exports were kicked off, there are 3 slots", kickoffs)
		}
		for _, x := range all {
			w.Want(w.Settle(x), life.Completed)
		}
	})
}

func TestAClockThatIsSetDoesNotRunAStepTwice(t *testing.T) {
	t.Attr("fault", "machine: the clock is set back or forward by hours while a step runs -> its lease holds, it runs once; what it finds out is recorded")
	for _, by := range []time.Duration{6 * time.Hour, -6 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			slow := func(k *sandbox.Knobs) {
				k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Type: "Patient", Do: sandbox.ActionStall, Pace: 20 * time.Millisecond, Times: 1}}
			}
			spec := scenario.Spec{Tenant: scenario.Tenant{Knobs: slow, Patients: 2, Types: []string{"Patient"}}}
			scenario.Run(t, spec, func(w *scenario.World) {
				x := w.Await(w.Request(w.Tenant().ID, export.Wish{By: "test"}), life.Downloading)
				ahead(t, w, by)
				w.Pass(30 * time.Second)
				x = w.Want(w.Settle(x), life.Completed)
				if n := w.Count(sandbox.KindFile); n != 1 {
					t.Errorf("the file was asked for %d times: %s", n, x)
				}
			})
		})
	}
}

// kickedOff notes the server's time at the latest kick-off, and lets it tell
// the time in every answer.
type kickedOff struct {
	mu sync.Mutex
	at time.Time
}

func (k *kickedOff) play(w *scenario.World) sandbox.Player {
	return func(q sandbox.Request, a http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		now := w.Sandbox.Now()
		a.Header().Set("Date", now.Format(http.TimeFormat))
		if q.Kind == sandbox.KindKickoff {
			k.mu.Lock()
			k.at = now
			k.mu.Unlock()
		}
		return false
	}
}

func TestTheWatermarkIsHonestByTheServersClock(t *testing.T) {
	t.Attr("fault", "machine: the clock is hours ahead of the server's, which gives a transactionTime that is none, or that of the export's end -> the next _since is no later than the kick-off by the server's clock, so nothing is passed over")
	for _, transaction := range []sandbox.TxTime{sandbox.TxGarbage, sandbox.TxEnd} {
		t.Run(string(transaction), func(t *testing.T) {
			spec := asks("", func(k *sandbox.Knobs) {
				k.TxTime, k.Takes, k.RetryAfter = transaction, time.Hour, 10*time.Minute
			})
			spec.Serve = func(c *sandbox.Config) { c.Epoch = scenario.Begin.Add(-6 * time.Hour) }
			scenario.Run(t, spec, func(w *scenario.World) {
				var k kickedOff
				w.Sandbox.Play(k.play(w))
				for range 2 {
					w.Pass(time.Hour)
					x := w.Want(w.Export(), life.Completed)
					mark, ok, err := w.Store.In(x.Tenant).Watermark(t.Context(), x.Stream)
					if err != nil || !ok {
						t.Fatalf("there is no watermark: %v", err)
					}
					since, err := fhir.ParseInstant(mark.Since)
					if err != nil || since.After(k.at) || k.at.Sub(since) > time.Hour {
						t.Errorf("the next _since is %s, the kick-off was at %s: %v", mark.Since, k.at, err)
					}
				}
			})
		})
	}
}
