package cli

import (
	"context"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A tally adds up the output files of exports for those who look on, not so
// often that looking costs more than a twentieth of the time: of many thousands
// of files it takes a while.
type tally struct {
	store *store.Store
	sums  map[string]sum // by export
}

// A sum is what the files of an export were when they were last added up.
type sum struct {
	store.FileTotals
	at   time.Time
	took time.Duration
}

func newTally(s *store.Store) *tally { return &tally{s, map[string]sum{}} }

// of gives an export's files in numbers, as of a little while ago at most.
func (t *tally) of(ctx context.Context, tenant, export string) (store.FileTotals, error) {
	known, now := t.sums[export], time.Now()
	if now.Sub(known.at) < 20*known.took {
		return known.FileTotals, nil
	}
	f, err := t.store.In(tenant).FileTotals(ctx, export)
	t.sums[export] = sum{f, time.Now(), time.Since(now)}
	return f, err
}

// keep forgets the exports that are not among these.
func (t *tally) keep(exports map[string]bool) {
	for id := range t.sums {
		if !exports[id] {
			delete(t.sums, id)
		}
	}
}
