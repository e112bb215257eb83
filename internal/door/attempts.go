package door

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
)

var (
	// ErrTooOften says that somebody tries too often.
	ErrTooOften = page.Refusal(http.StatusTooManyRequests, "too many attempts to sign in; wait some minutes", "Wait some minutes, then try again.")
	// errCrowd says that more people sign in at once than passwords are checked.
	errCrowd = page.Refusal(http.StatusServiceUnavailable, "too many people sign in at this moment; try again in some seconds", "Wait some seconds, then try again.")
)

// doors count attempts to sign in (ASVS 2.2.1). Each address has a door, so that
// one guess is not tried on all names. Each name has one for each address, and
// one, much slower, for all addresses together: a password is not guessed from
// many places, and yet a stranger who uses up that one does not shut out a
// person who comes from where they have been before. They hold so many at most,
// whatever is tried.
type doors struct {
	mu        sync.Mutex
	addresses map[string]*rate.Limiter
	pairs     map[string]*rate.Limiter // of a name at an address
	names     map[string]*rate.Limiter
	known     map[string]time.Time // names at addresses at which they have signed in
	told      *rate.Limiter        // of log lines about those who are refused
}

const (
	doorsAtMost = 10_000

	addressEvery, addressBurst = 5 * time.Second, 40
	pairEvery, pairBurst       = 2 * time.Minute, 10
	nameEvery, nameBurst       = 2 * time.Minute, 20
)

func newDoors() *doors {
	none := func() map[string]*rate.Limiter { return map[string]*rate.Limiter{} }
	return &doors{addresses: none(), pairs: none(), names: none(), known: map[string]time.Time{}, told: rate.NewLimiter(rate.Every(time.Second), 20)}
}

// try reports whether an attempt may be made, and counts it.
func (d *doors) try(name string, r *http.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	from := network(r)
	pair := name + "\n" + from
	open := door(d.addresses, from, addressEvery, addressBurst).Allow() && door(d.pairs, pair, pairEvery, pairBurst).Allow()
	if _, known := d.known[pair]; known || !open {
		return open
	}
	return door(d.names, name, nameEvery, nameBurst).Allow()
}

// refused counts a request that names nobody and was refused, and reports whether
// it is one of those that are to be on record: too many would fill it.
func (d *doors) refused(r *http.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return door(d.addresses, network(r), addressEvery, addressBurst).Allow()
}

// welcome notes that somebody signed in: their attempts there count no longer.
func (d *doors) welcome(name string, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	pair := name + "\n" + network(r)
	delete(d.pairs, pair)
	if len(d.known) >= doorsAtMost {
		clear(d.known)
	}
	d.known[pair] = time.Now()
}

// network is where a request comes from, as far as one party holds it: an IPv4
// address, or the /64 of an IPv6 one.
func network(r *http.Request) string {
	a, err := netip.ParseAddr(Address(r))
	if err != nil {
		return Address(r)
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a.String()
	}
	return p.String()
}

func door(of map[string]*rate.Limiter, key string, every time.Duration, burst int) *rate.Limiter {
	if known := of[key]; known != nil {
		return known
	}
	if len(of) >= doorsAtMost {
		forget(of, burst)
	}
	made := rate.NewLimiter(rate.Every(every), burst)
	of[key] = made
	return made
}

// forget makes room for many: of those that have nothing to remember, or of any.
func forget(of map[string]*rate.Limiter, burst int) {
	for key, l := range of {
		if l.Tokens() >= float64(burst) {
			delete(of, key)
		}
	}
	for key := range of {
		if len(of) <= doorsAtMost-doorsAtMost/4 {
			break
		}
		delete(of, key)
	}
}

// Knock counts an attempt of a request to act as a name, before it is known
// whether it may: ErrTooOften says that it must wait. Who is refused is told in the
// log, now and then.
func (d *Door) Knock(name string, r *http.Request) error {
	if len(name) <= 200 && d.doors.try(name, r) {
		return nil
	}
	return d.tooOften(r)
}

// tooOften tells the log, now and then, that somebody must wait.
func (d *Door) tooOften(r *http.Request) error {
	if d.doors.told.Allow() {
		d.opts.Log.Warn("sign-in refused", "why", "too many attempts", "path", r.URL.Path, "address", Address(r))
	}
	return ErrTooOften
}

// A desk checks passwords one at a time, for each takes 19 MiB, and lets so many
// wait.
type desk struct {
	turn    chan struct{}
	waiting chan struct{}
}

const waitingAtMost = 32

func newDesk() desk {
	return desk{make(chan struct{}, 1), make(chan struct{}, waitingAtMost)}
}

// take does work with passwords when it is its turn. errCrowd says that too many
// wait; the context's error, that whoever asked has gone.
func (d desk) take(ctx context.Context, work func()) error {
	select {
	case d.waiting <- struct{}{}:
	default:
		return errCrowd
	}
	defer func() { <-d.waiting }()
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-d.turn }()
	work()
	return nil
}

// hash gives what is kept of a password, in turn.
func (d *Door) hash(ctx context.Context, password string) (hash string, err error) {
	err = d.desk.take(ctx, func() { hash = access.HashPassword(password) })
	return hash, err
}
