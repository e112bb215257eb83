package engine

import (
	"math/rand/v2"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Retry says how weather is waited out. The zero value has the defaults.
type Retry struct {
	Base     time.Duration // the first wait; default 2 s
	Cap      time.Duration // the longest wait; default 5 min
	Attempts int64         // failures in a row after which a person is asked; default 8
}

func (r Retry) withDefaults() Retry {
	if r.Base <= 0 {
		r.Base = 2 * time.Second
	}
	if r.Cap <= 0 {
		r.Cap = 5 * time.Minute
	}
	if r.Attempts <= 0 {
		r.Attempts = 8
	}
	return r
}

// longer is how much more patience there is with the status of an export that
// the server works on: nothing is lost by asking on through a night of
// maintenance, and hours of the server's work are by giving up.
const longer = 8

// patience gives the failures in a row after which a step's export fails.
func (e *Engine) patience(l store.Lease) int64 {
	if l.Kind == export.Poll {
		return longer * e.retry.Attempts
	}
	cfg := e.config()
	if t, err := cfg.Tenant(l.Tenant); err == nil && l.Kind == export.Download {
		if most := cfg.Profile(t).MaxFileDownloads; most > 0 {
			return min(e.retry.Attempts, int64(most))
		}
	}
	return e.retry.Attempts
}

// wait gives the pause after the attempt-th failure in a row, from 1: doubling
// up to the cap, less up to a quarter by chance, so that a hundred practices
// behind one broken proxy do not come back in one second.
func (r Retry) wait(attempt int64) time.Duration {
	d := r.Cap
	if shift := attempt - 1; shift < 30 {
		d = min(r.Base<<shift, r.Cap)
	}
	return d - time.Duration(rand.Int64N(int64(d)/4+1))
}
