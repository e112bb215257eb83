package export

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	// failuresOpen is how many connections to a server fail in a row before it
	// is taken for away.
	failuresOpen = 5
	// failuresSpan is how long they must go on at least: many requests that
	// break at once are one event.
	failuresSpan = 15 * time.Second
	// probeFirst is how long nothing is sent then, and probeLongest what that
	// grows to, doubling with every probe that fails.
	probeFirst, probeLongest = time.Minute, 10 * time.Minute
	// probeTakes is how long the others wait for what a probe finds out, before
	// they look again.
	probeTakes = 15 * time.Second
	// probeLost is how old a probe is of which nobody has told the end.
	probeLost = 5 * time.Minute
)

// Circuits know which servers cannot be reached. To one that cannot nothing is
// sent, by any practice, but one request now and then that tries it; the first
// connection closes the circuit. What a server answers does not matter here,
// only that it does. They may be used concurrently.
type Circuits struct {
	ledger *store.Store

	mu     sync.Mutex
	loaded bool
	by     map[string]*circuit // by origin
}

type circuit struct {
	failures int64 // in a row
	first    time.Time
	opened   time.Time // zero while it is closed
	probeAt  time.Time
	pause    time.Duration
	probing  time.Time // since when a probe is under way; zero: none is
}

// NewCircuits makes circuits that are kept in the ledger while they are open.
func NewCircuits(s *store.Store) *Circuits { return &Circuits{ledger: s, by: map[string]*circuit{}} }

// Guard makes the circuits decide whether requests leave. It is called before
// the first one.
func (c *Connections) Guard(circuits *Circuits) { c.circuits = circuits }

// load takes over what an earlier process knew.
func (c *Circuits) load(ctx context.Context) {
	if c.loaded {
		return
	}
	open, err := c.ledger.OpenCircuits(ctx)
	if err != nil {
		return // what is dead is found out again
	}
	c.loaded = true
	for _, o := range open {
		c.by[o.Origin] = &circuit{failures: o.Failures, first: o.OpenedAt, opened: o.OpenedAt, probeAt: o.ProbeAt, pause: probeFirst}
	}
}

// enter asks whether a request may leave for a server: nil when it may, else
// until when to wait.
func (c *Circuits) enter(ctx context.Context, origin string) *Later {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load(ctx)
	of := c.by[origin]
	if of == nil || of.opened.IsZero() {
		return nil
	}
	now, until := time.Now(), of.probeAt
	if !now.Before(of.probeAt) {
		if of.probing.IsZero() || now.Sub(of.probing) > probeLost {
			of.probing = now
			return nil
		}
		until = now.Add(probeTakes)
	}
	return &Later{Until: until, Reason: origin + " cannot be reached at present", Held: store.HeldByCircuit}
}

// left tells how a request ended that was let through: nil when the server
// answered.
func (c *Circuits) left(ctx context.Context, origin string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.by[origin]
	switch {
	case err == nil && of == nil:
	case err == nil:
		delete(c.by, origin)
		if !of.opened.IsZero() {
			c.keep(ctx, origin, of, "", time.Now())
		}
	case !isAway(ctx, err):
		if of != nil {
			of.probing = time.Time{} // it says nothing of the server: another one may try
		}
	default:
		if of == nil {
			of = &circuit{first: time.Now()}
			c.by[origin] = of
		}
		c.failed(ctx, origin, of, err)
	}
}

// failed counts a connection that failed, and opens the circuit when it is time.
func (c *Circuits) failed(ctx context.Context, origin string, of *circuit, err error) {
	of.failures++
	now, open := time.Now(), !of.opened.IsZero()
	switch {
	case open && of.probing.IsZero():
		return // it left before the circuit opened
	case open:
		of.pause = min(2*of.pause, probeLongest)
	case of.failures >= failuresOpen && now.Sub(of.first) >= failuresSpan:
		of.opened, of.pause = now, probeFirst
	default:
		return
	}
	of.probing, of.probeAt = time.Time{}, now.Add(of.pause)
	c.keep(ctx, origin, of, reasonOf(err), time.Time{})
}

// keep writes what is known into the ledger, for people and for the next
// process. Where it cannot be written, this process knows it all the same.
func (c *Circuits) keep(ctx context.Context, origin string, of *circuit, reason string, closed time.Time) {
	_ = c.ledger.PutCircuit(context.WithoutCancel(ctx), store.Circuit{
		Origin: origin, Failures: of.failures, LastError: reason, OpenedAt: of.opened, ProbeAt: of.probeAt, ClosedAt: closed,
	})
}

// isAway reports whether an error says that a server cannot be reached: not
// that we did not want to, nor that it is another than it should be.
func isAway(ctx context.Context, err error) bool {
	if errors.Is(ctx.Err(), context.Canceled) || isLater(err) || explainTLS(err) != nil {
		return false
	}
	_, stray := errors.AsType[*addressError](err)
	return !stray
}

// broken keeps requests from servers that cannot be reached.
type broken struct {
	next     http.RoundTripper
	circuits *Circuits
}

// RoundTrip sends the request unless its server's circuit is open; a *Later
// then.
func (b *broken) RoundTrip(r *http.Request) (*http.Response, error) {
	origin := store.Origin(r.URL.String())
	if wait := b.circuits.enter(r.Context(), origin); wait != nil {
		if r.Body != nil {
			return nil, errors.Join(wait, r.Body.Close())
		}
		return nil, wait
	}
	answer, err := b.next.RoundTrip(r)
	b.circuits.left(r.Context(), origin, err)
	return answer, err
}
