package web

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// errTooOften says that somebody tries too often.
var errTooOften = errors.New("too many attempts to sign in; wait some minutes")

// doors count attempts to sign in: for each name, so that one password is not
// guessed, and for each address, so that one guess is not tried on all names
// (ASVS 2.2.1). It holds so many at most, whatever is tried.
type doors struct {
	mu        sync.Mutex
	names     map[string]*rate.Limiter
	addresses map[string]*rate.Limiter
}

const (
	doorsAtMost = 10_000

	nameEvery, nameBurst       = time.Minute, 10
	addressEvery, addressBurst = 5 * time.Second, 40
)

func newDoors() *doors {
	return &doors{names: map[string]*rate.Limiter{}, addresses: map[string]*rate.Limiter{}}
}

// try reports whether an attempt may be made, and counts it.
func (d *doors) try(name string, r *http.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := door(d.addresses, address(r), addressEvery, addressBurst)
	n := door(d.names, name, nameEvery, nameBurst)
	return a.Allow() && n.Allow()
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

// forget makes room: of those that have nothing to remember, or of any.
func forget(of map[string]*rate.Limiter, burst int) {
	for key, l := range of {
		if l.Tokens() >= float64(burst) || len(of) >= doorsAtMost {
			delete(of, key)
		}
	}
}
