package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// polling makes the server of lakeside work until told that it has done.
func polling(s *script) (polled <-chan struct{}, done func()) {
	asked, ended := make(chan struct{}, 1000), make(chan struct{})
	s.on[export.Poll] = func(_ context.Context, w export.Work) (export.Outcome, error) {
		asked <- struct{}{}
		select {
		case <-ended:
			return nil, nil
		default:
			return export.InProgress{PollAt: time.Now().Add(time.Millisecond)}, nil
		}
	}
	return asked, func() { close(ended) }
}

// held waits until so many steps are held by a cause.
func (b *bench) held(cause string, want int) {
	b.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for n := -1; n != want; {
		if err := b.store.DB().QueryRowContext(b.t.Context(), `SELECT count(*) FROM step WHERE held = ? AND state = 'ready'`, cause).Scan(&n); err != nil {
			b.t.Fatal(err)
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%d steps are held by %s, want %d", n, cause, want)
		}
	}
}

func (b *bench) pause(p store.Pause) {
	b.t.Helper()
	p.Reason = "the practice moves house"
	if _, err := b.Pause(audit.As(b.t.Context(), audit.Identity{Actor: "anna"}), p); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) unpause(scope, object string) {
	b.t.Helper()
	if ok, err := b.Unpause(b.t.Context(), scope, object, ""); err != nil || !ok {
		b.t.Fatalf("Unpause = %v, %v", ok, err)
	}
}

func TestAPausedPracticeStartsNothingAndAnotherDoes(t *testing.T) {
	b := newBench(t, newScript(1))
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "lakeside"})
	id := b.request("lakeside", export.Wish{})
	b.wait("hillcrest", b.request("hillcrest", export.Wish{}), life.Completed)
	if x, err := b.store.In("lakeside").Export(t.Context(), id); err != nil || x.State != life.Requested {
		t.Errorf("the paused practice's export is %s, %v", x.State, err)
	}
	if n := b.steps.count("lakeside"); n != 0 {
		t.Errorf("%d steps of the paused practice ran", n)
	}
	b.unpause(store.PauseTenant, "lakeside")
	b.wait("lakeside", id, life.Completed)
}

func TestARunningExportStopsBetweenStepsWhilePausedAndGoesOnAfterARestart(t *testing.T) {
	t.Attr("fault", "load: a practice is paused while its export runs -> no further step, nothing lost, it goes on when the pause ends")
	s := newScript(2)
	polled, done := polling(s)
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	<-polled
	b.pause(store.Pause{Scope: store.PauseAll})
	b.held(store.HeldByPause, 1)
	asked := s.count("lakeside poll")
	b.stop()
	b.start() // the pause is in the ledger
	done()
	b.held(store.HeldByPause, 1)
	if n := s.count("lakeside poll"); n != asked {
		t.Errorf("%d polls left while all was paused", n-asked)
	}
	b.unpause(store.PauseAll, "")
	b.wait("lakeside", id, life.Completed)
	if pauses, err := b.store.LatestPauses(t.Context(), 5); err != nil || len(pauses) != 1 || pauses[0].By != "anna" || pauses[0].EndedAt.IsZero() {
		t.Errorf("pauses = %+v, %v", pauses, err)
	}
}

func TestAPausedPracticeLeavesItsSlotToAnother(t *testing.T) {
	s := newScript(1)
	polled, done := polling(s)
	b := newBench(t, s) // two slots
	first := b.request("lakeside", export.Wish{})
	second := b.request("hillcrest", export.Wish{})
	<-polled
	<-polled
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "lakeside"})
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "hillcrest"})
	b.held(store.HeldByPause, 2)
	done()
	b.wait("riverbend", b.request("riverbend", export.Wish{}), life.Completed)
	b.unpause(store.PauseTenant, "lakeside")
	b.unpause(store.PauseTenant, "hillcrest")
	b.wait("lakeside", first, life.Completed)
	b.wait("hillcrest", second, life.Completed)
}

func TestThePauseOfARegistrationHoldsItsPracticesOnly(t *testing.T) {
	registered := strings.Replace(practices, "tenants:\n", "registrations: {oak: {profile: standard, client_id: c, key_file: k.pem}}\ntenants:\n", 1)
	registered = strings.Replace(registered, "https://riverbend.example/fhir\"", "https://riverbend.example/fhir\", open: false, registration: oak", 1)
	s := newScript(1)
	polled, done := polling(s)
	b := newBenchOf(t, s, registered)
	running := b.request("riverbend", export.Wish{})
	<-polled
	b.pause(store.Pause{Scope: store.PauseRegistration, Object: "oak"})
	b.held(store.HeldByPause, 1)
	done()
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	b.held(store.HeldByPause, 1)
	b.unpause(store.PauseRegistration, "oak")
	b.wait("riverbend", running, life.Completed)
}

func TestAPauseEndsByItselfAndIsOnRecord(t *testing.T) {
	b := newBench(t, newScript(1))
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "lakeside", Until: time.Now().Add(50 * time.Millisecond)})
	pauses, err := b.store.Pauses(t.Context())
	if err != nil || len(pauses) > 1 {
		t.Fatalf("pauses = %+v, %v", pauses, err)
	}
	b.pause(store.Pause{Scope: store.PauseTenant, Object: "lakeside", Until: time.Now().Add(60 * time.Millisecond)})
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	var actions []audit.Action
	for e, err := range b.store.In("lakeside").Audit(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == audit.Paused && e.Actor == "anna" && e.Reason == "the practice moves house" {
			actions = append(actions, e.Action)
		}
	}
	if len(actions) != 2 {
		t.Errorf("%d pauses are on record, want 2", len(actions))
	}
}

func TestAPauseThatCannotBeIsRefused(t *testing.T) {
	b := newBench(t, newScript(1))
	for name, p := range map[string]store.Pause{
		"no such practice":     {Scope: store.PauseTenant, Object: "nowhere", Reason: "x"},
		"no such registration": {Scope: store.PauseRegistration, Object: "nowhere", Reason: "x"},
		"no such scope":        {Scope: "some", Reason: "x"},
		"no reason":            {Scope: store.PauseAll},
		"over":                 {Scope: store.PauseAll, Reason: "x", Until: time.Now()},
	} {
		if _, err := b.Pause(t.Context(), p); problem.Of(err).Code == problem.Internal {
			t.Errorf("%s: %v, want a problem that says what to do", name, err)
		}
	}
	if ok, err := b.Unpause(t.Context(), store.PauseAll, "", ""); ok || err != nil {
		t.Errorf("the end of a pause that is not: %v, %v", ok, err)
	}
}

func TestAServerThatCannotBeReachedHoldsItsOwnPracticesOnlyAndOneTriesIt(t *testing.T) {
	t.Attr("fault", "server: it cannot be reached when exports are to start -> its practices wait without slots, others run, one of those that wait tries it")
	same := strings.ReplaceAll(practices, "https://hillcrest.example/fhir", "https://lakeside.example/hillcrest")
	s := newScript(1)
	tried, let := make(chan string, 10), make(chan struct{})
	s.on[export.Kickoff] = func(_ context.Context, w export.Work) (export.Outcome, error) {
		if w.Lease.Tenant != "riverbend" {
			tried <- w.Lease.Tenant
			<-let
		}
		return nil, nil
	}
	b := newBenchOf(t, s, same)
	c := store.Circuit{Origin: "https://lakeside.example", Failures: 5, LastError: "refused", OpenedAt: time.Now(), ProbeAt: time.Now().Add(time.Second)}
	if err := b.store.PutCircuit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{"lakeside": b.request("lakeside", export.Wish{}), "hillcrest": b.request("hillcrest", export.Wish{})}
	b.wait("riverbend", b.request("riverbend", export.Wish{}), life.Completed)
	first := <-tried
	if time.Now().Before(c.ProbeAt) {
		t.Error("the server was tried before its time")
	}
	for tenant, id := range ids {
		if x, err := b.store.In(tenant).Export(t.Context(), id); err != nil || (x.State == life.Requested) != (tenant != first) {
			t.Errorf("%s tries the server, and %s is %s, %v", first, tenant, x.State, err)
		}
	}
	c.ClosedAt = time.Now()
	if err := b.store.PutCircuit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	close(let)
	for tenant, id := range ids {
		b.wait(tenant, id, life.Completed)
	}
}

func TestWhatAServerPutsOffAllDownloadsOfTheExportWaitFor(t *testing.T) {
	t.Attr("fault", "server: 429 with a time for one of several downloads -> no further download of the export leaves before that time")
	s := newScript(8)
	var once sync.Once
	var until time.Time
	s.on[export.Download] = func(_ context.Context, w export.Work) (export.Outcome, error) {
		early := false
		once.Do(func() { until, early = time.Now().Add(700*time.Millisecond), true })
		if early {
			return nil, &export.Later{Until: until, Held: store.HeldByServer}
		}
		if n, at := s.count("lakeside download"), time.Now(); n > 2 && at.Before(until) { // two may have been on their way
			t.Errorf("request %d left %s before its time", n, until.Sub(at))
		}
		return nil, nil
	}
	b := newBench(t, s)
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
}
