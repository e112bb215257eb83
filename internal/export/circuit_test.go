package export

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const deadEHR, wellEHR = "https://dead.example:8443", "https://well.example"

// A district is servers, some of which cannot be reached, and how often each
// was tried.
type district struct {
	away  map[string]error
	tried map[string]int
}

func (d *district) RoundTrip(r *http.Request) (*http.Response, error) {
	origin := store.Origin(r.URL.String())
	d.tried[origin]++
	if err := d.away[origin]; err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody}, nil
}

// ask sends a request and gives the *Later with which it was kept back, or nil.
func ask(t *testing.T, way http.RoundTripper, origin string) *Later {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/fhir/metadata", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := way.RoundTrip(r)
	if later, ok := errors.AsType[*Later](err); ok {
		return later
	}
	if err == nil {
		answer.Body.Close()
	}
	return nil
}

func openLedger(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openOnes(t *testing.T, s *store.Store) []store.Circuit {
	t.Helper()
	list, err := s.OpenCircuits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestADeadServerIsTriedByOneNowAndThenAndOthersFeelNothing(t *testing.T) {
	t.Attr("fault", "server: it cannot be reached for hours, by any practice -> one request now and then tries it, other servers feel nothing, the first connection lets all go on")
	synctest.Test(t, func(t *testing.T) {
		s := openLedger(t)
		d := &district{away: map[string]error{deadEHR: errors.New("connection refused")}, tried: map[string]int{}}
		way := &broken{next: d, circuits: NewCircuits(s)}
		for range 6 { // ten practices, each every five seconds
			for range 10 {
				ask(t, way, deadEHR)
			}
			<-time.After(5 * time.Second)
		}
		if open := openOnes(t, s); len(open) != 1 || open[0].Origin != deadEHR || open[0].LastError != "the connection broke" {
			t.Fatalf("open circuits: %+v", open)
		}
		before := d.tried[deadEHR]
		for range 6 * 60 { // six hours of ten practices that come whenever they are told to
			for range 10 {
				ask(t, way, deadEHR)
				if wait := ask(t, way, wellEHR); wait != nil {
					t.Fatalf("a server that is well: %v", wait)
				}
			}
			<-time.After(time.Minute)
		}
		if n := d.tried[deadEHR] - before; n < 30 || n > 45 {
			t.Errorf("in six hours %d requests tried the dead server, want one in about ten minutes", n)
		}
		d.away = nil
		begin := time.Now()
		for ask(t, way, deadEHR) != nil {
			<-time.After(time.Second)
		}
		if took := time.Since(begin); took > probeLongest {
			t.Errorf("a server that is back was found after %s", took)
		}
		if wait := ask(t, way, deadEHR); wait != nil || len(openOnes(t, s)) != 0 {
			t.Errorf("after the first connection: %v, %+v", wait, openOnes(t, s))
		}
		if all, err := s.LatestCircuits(t.Context(), 9); err != nil || len(all) != 1 || all[0].ClosedAt.IsZero() {
			t.Errorf("what is left in the ledger: %+v, %v", all, err)
		}
	})
}

func TestOneEventOfManyRequestsOpensNoCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openLedger(t)
		d := &district{away: map[string]error{deadEHR: errors.New("reset")}, tried: map[string]int{}}
		way := &broken{next: d, circuits: NewCircuits(s)}
		for range 50 {
			ask(t, way, deadEHR)
		}
		d.away = nil
		<-time.After(10 * time.Second)
		if wait := ask(t, way, deadEHR); wait != nil || len(openOnes(t, s)) != 0 {
			t.Errorf("after one event: %v", wait)
		}
	})
}

func TestTheNextProcessKnowsWhichServersAreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openLedger(t)
		until := time.Now().Add(7 * time.Minute)
		if err := s.PutCircuit(t.Context(), store.Circuit{Origin: deadEHR, Failures: 9, LastError: "no answer", OpenedAt: time.Now(), ProbeAt: until}); err != nil {
			t.Fatal(err)
		}
		d := &district{tried: map[string]int{}}
		way := &broken{next: d, circuits: NewCircuits(s)}
		if wait := ask(t, way, deadEHR); wait == nil || !wait.Until.Equal(until.Truncate(time.Millisecond)) || wait.Held != store.HeldByCircuit || d.tried[deadEHR] != 0 {
			t.Fatalf("kept back: %+v, and tried %d times", wait, d.tried[deadEHR])
		}
		<-time.After(7 * time.Minute)
		if wait := ask(t, way, deadEHR); wait != nil || len(openOnes(t, s)) != 0 {
			t.Errorf("a server that is back: %v", wait)
		}
	})
}

func TestWhatSaysNothingOfAServerLeavesItsCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, err := range map[string]error{
			"a window that is spent": &Later{Until: time.Now()},
			"an address of our own":  &addressError{host: "x", why: thisMachine},
		} {
			s := openLedger(t)
			way := &broken{next: &district{away: map[string]error{deadEHR: err}, tried: map[string]int{}}, circuits: NewCircuits(s)}
			for range 30 {
				ask(t, way, deadEHR)
				<-time.After(time.Second)
			}
			if open := openOnes(t, s); len(open) != 0 {
				t.Errorf("%s: %+v", name, open)
			}
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if isAway(stopped, context.Canceled) {
			t.Error("a request that we stopped counts as a server that is away")
		}
	})
}

// A step whose first request found the server away has tried: the second is not
// a wait, which no attempt would be spent on.
func TestAStepThatFoundTheServerAwayItselfDoesNotWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		d := &district{away: map[string]error{deadEHR: refused}, tried: map[string]int{}}
		way := &broken{next: d, circuits: NewCircuits(openLedger(t))}
		for ask(t, way, deadEHR) == nil {
			<-time.After(5 * time.Second)
		}
		before := d.tried[deadEHR]
		<-time.After(probeFirst)
		ctx := onTrial(t.Context())
		send := func() error {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, deadEHR+"/fhir/metadata", nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = way.RoundTrip(r)
			return err
		}
		if err := send(); !errors.Is(err, refused) || errors.Is(err, bulkdata.ErrNotSent) {
			t.Errorf("the probe ended with %v", err)
		}
		err := send()
		if !errors.Is(err, refused) || !errors.Is(err, bulkdata.ErrNotSent) || isLater(err) {
			t.Errorf("the request behind the probe ended with %v", err)
		}
		if n := d.tried[deadEHR] - before; n != 1 {
			t.Errorf("%d connections were tried, want the probe alone", n)
		}
		if ask(t, way, deadEHR) == nil {
			t.Error("the request of another step was not kept back")
		}
	})
}
