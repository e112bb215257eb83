package export

import (
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A crowd is a server for many practices at once.
type crowd struct {
	connects time.Duration // until a connection is there, or has failed
	answers  time.Duration // after that
	away     atomic.Bool
	tried    atomic.Int64
}

func (s *crowd) RoundTrip(r *http.Request) (*http.Response, error) {
	s.tried.Add(1)
	<-time.After(s.connects)
	if s.away.Load() {
		return nil, errors.New("connection refused")
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	<-time.After(s.answers)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// insists asks a server as a step does, until it answers or the time is over:
// again when it was told to, or after growing pauses.
func insists(t *testing.T, way http.RoundTripper, end time.Time) {
	pause := 2 * time.Second
	for time.Now().Before(end) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, deadEHR+"/fhir/metadata", http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		answer, err := way.RoundTrip(r)
		if err == nil {
			answer.Body.Close()
			return
		}
		if later, ok := errors.AsType[*Later](err); ok {
			<-time.After(time.Until(later.Until))
			continue
		}
		<-time.After(pause)
		pause = min(2*pause, 5*time.Minute)
	}
}

func TestADeadServerCostsTheSameHoweverManyPracticesAsk(t *testing.T) {
	t.Attr("fault", "server: it is away for hours, and hundreds of practices are due there at one moment -> a handful of connections until that is known, then one in ten minutes, whatever their number")
	for what, connects := range map[string]time.Duration{"refuses at once": 0, "does not answer": 20 * time.Second} {
		for _, practices := range []int{1, 67, 200} {
			synctest.Test(t, func(t *testing.T) {
				server := &crowd{connects: connects}
				server.away.Store(true)
				way := &broken{next: server, circuits: NewCircuits(openLedger(t))}
				begin := time.Now()
				var all sync.WaitGroup
				for range practices {
					all.Go(func() { insists(t, way, begin.Add(3*time.Hour)) })
				}
				<-time.After(5 * time.Minute)
				if n := server.tried.Load(); n > 14 {
					t.Errorf("%d practices, it %s: %d connections in five minutes", practices, what, n)
				}
				all.Wait()
				if n := server.tried.Load(); n > 3*6+15 {
					t.Errorf("%d practices, it %s: %d connections in three hours", practices, what, n)
				}
			})
		}
	}
}

func TestAServerThatIsBackServesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &crowd{connects: 50 * time.Millisecond}
		server.away.Store(true)
		way := &broken{next: server, circuits: NewCircuits(openLedger(t))}
		var all sync.WaitGroup
		for range 67 {
			all.Go(func() { insists(t, way, time.Now().Add(24*time.Hour)) })
		}
		<-time.After(6 * time.Hour)
		server.away.Store(false)
		back := time.Now()
		all.Wait()
		if took := time.Since(back); took > probeLongest+time.Minute {
			t.Errorf("the last was served %s after it was back", took)
		}
	})
}

func TestAServerThatIsWellKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &crowd{connects: 200 * time.Millisecond, answers: 100 * time.Second} // it is slow, and there
		way := &broken{next: server, circuits: NewCircuits(openLedger(t))}
		begin := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { insists(t, way, begin.Add(time.Hour)) })
		}
		all.Wait()
		if took := time.Since(begin); took > server.answers+time.Second || server.tried.Load() != 100 {
			t.Errorf("a hundred requests took %s in %d tries", took, server.tried.Load())
		}
	})
}
