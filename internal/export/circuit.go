package export

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
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

	// believed is how long a server counts as well after it was reached: as many
	// requests leave then as want to. Before, and while connections fail, at most
	// as many are under way as may fail before it is in doubt; the others wait as
	// long as queued for what those find out.
	believed = time.Minute
	queued   = 5 * time.Second
	// doubted is the pause between two requests to a server in doubt: of which so
	// many connections failed that it is taken for away when that lasts.
	doubted = 5 * time.Second
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
	failures int64     // in a row
	first    time.Time // of them
	last     time.Time
	well     time.Time     // when it was reached last
	feeling  int64         // requests under way that find out whether it can be reached
	news     chan struct{} // closed when one of them has; nil while nobody waits for that
	opened   time.Time     // zero while it is closed
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

// A pass is a request that was let through.
type pass struct {
	circuits *Circuits
	origin   string
	feels    bool // it is one of those that find out whether the server can be reached
}

// enter asks whether a request may leave for a server: with a pass when it may,
// whose end must be told, else until when to wait. While others find out
// whether the server can be reached it waits for them, a little.
func (c *Circuits) enter(ctx context.Context, origin string) (pass, *Later) {
	var patience <-chan time.Time
	for {
		p, wait, news := c.ask(ctx, origin)
		if news == nil {
			return p, wait
		}
		if patience == nil {
			patience = time.After(queued)
		}
		select {
		case <-news:
		case <-patience:
			return pass{}, away(origin, time.Now().Add(probeTakes))
		case <-ctx.Done():
			return pass{}, away(origin, time.Now())
		}
	}
}

func away(origin string, until time.Time) *Later {
	return &Later{Until: until, Reason: origin + " cannot be reached at present", Held: store.HeldByCircuit, Origin: origin}
}

// ask gives a pass, or until when to wait, or what is closed when there is news.
func (c *Circuits) ask(ctx context.Context, origin string) (pass, *Later, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.load(ctx)
	of := c.by[origin]
	if of == nil {
		of = &circuit{}
		c.by[origin] = of
	}
	p, now := pass{circuits: c, origin: origin}, time.Now()
	if !of.opened.IsZero() {
		if wait := of.probe(origin, now); wait != nil {
			return p, wait, nil
		}
		return p, nil, nil
	}
	if of.failures == 0 && now.Sub(of.well) < believed {
		return p, nil, nil
	}
	room := failuresOpen - of.failures
	if room <= 0 {
		if next := of.last.Add(doubted); now.Before(next) {
			return p, away(origin, next), nil
		}
		room = 1
	}
	if of.feeling >= room {
		if of.news == nil {
			of.news = make(chan struct{})
		}
		return p, nil, of.news
	}
	of.feeling++
	p.feels = true
	return p, nil, nil
}

// probe lets one request through at the time to try a server whose circuit is
// open: nil for that one, else until when to wait.
func (of *circuit) probe(origin string, now time.Time) *Later {
	switch {
	case now.Before(of.probeAt):
		return away(origin, of.probeAt)
	case of.probing.IsZero() || now.Sub(of.probing) > probeLost:
		of.probing = now
		return nil
	}
	return away(origin, now.Add(probeTakes))
}

// reached tells that there is a connection, though no answer yet: those that
// wait for that go on, unless connections have failed that were there, too.
func (p *pass) reached() {
	p.circuits.mu.Lock()
	defer p.circuits.mu.Unlock()
	if of := p.circuits.by[p.origin]; of != nil && of.failures == 0 && of.opened.IsZero() {
		of.well = time.Now()
		of.tell()
	}
}

// tell lets those look again that wait for news.
func (of *circuit) tell() {
	if of.news != nil {
		close(of.news)
		of.news = nil
	}
}

// left tells how a request ended that was let through: nil when the server
// answered.
func (p *pass) left(ctx context.Context, err error) {
	c := p.circuits
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.by[p.origin]
	if p.feels {
		of.feeling--
	}
	defer of.tell()
	switch {
	case err == nil:
		if !of.opened.IsZero() {
			c.keep(ctx, p.origin, of, "", time.Now())
		}
		*of = circuit{well: time.Now(), feeling: of.feeling, news: of.news}
	case !isAway(ctx, err):
		of.probing = time.Time{} // it says nothing of the server: another one may try
	default:
		c.failed(ctx, p.origin, of, err)
	}
}

// failed counts a connection that failed, and opens the circuit when it is time.
func (c *Circuits) failed(ctx context.Context, origin string, of *circuit, err error) {
	now, open := time.Now(), !of.opened.IsZero()
	if of.failures == 0 {
		of.first = now
	}
	of.failures++
	of.last = now
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
// then, or what the step has found out itself.
func (b *broken) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, origin := r.Context(), store.Origin(r.URL.String())
	p, wait := b.circuits.enter(ctx, origin)
	if wait != nil {
		err := foundOut(ctx, origin)
		if err == nil {
			err = wait
		}
		if r.Body != nil {
			err = errors.Join(err, r.Body.Close())
		}
		return nil, err
	}
	if p.feels {
		r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
			if !got.Reused {
				p.reached()
			}
		}}))
	}
	answer, err := b.next.RoundTrip(r)
	p.left(ctx, err)
	if err != nil && isAway(ctx, err) {
		found(ctx, origin, err)
	}
	return answer, err
}
