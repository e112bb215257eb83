package engine

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Jam is a step whose outcome the ledger does not take, though others are
// recorded. It is tried again for as long as the process lives, with growing
// pauses; meanwhile its export stands still and nothing of it is lost.
type Jam struct {
	Tenant, Export, Step string
	Since                time.Time // it could not be recorded first
	Attempts             int64     // at recording it, in a row
	Err                  error     // why not, the last time
}

// jam is a Jam as the engine keeps it, by step.
type jam struct {
	Jam
	until time.Time // it is tried again
	alone bool      // the ledger took the outcome of another step meanwhile
}

const (
	firstPause   = 5 * time.Second  // before an outcome is recorded again; each further one is twice as long
	longestPause = 5 * time.Minute  // at most
	ledgerPause  = time.Minute      // at most while nothing at all can be written
	grace        = 30 * time.Second // by which the executor may be late
)

// jammed notes that what came of a step could not be recorded, and gives the
// pause until it is tried again.
func (e *Engine) jammed(ref store.StepRef, err error) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	j, known := e.jams[ref.ID]
	if !known {
		j.Jam = Jam{Tenant: ref.Tenant, Export: ref.Export, Step: ref.Kind, Since: now}
	}
	j.Attempts, j.Err, j.alone = j.Attempts+1, err, e.recordedAt.After(j.Since)
	longest := longestPause
	if ofTheLedger(err) {
		longest = ledgerPause
	}
	pause := Retry{Base: firstPause, Cap: longest}.wait(j.Attempts)
	j.until = now.Add(pause)
	e.jams[ref.ID] = j
	return pause
}

// recorded notes that the outcome of a step is in the ledger.
func (e *Engine) recorded(ref store.StepRef) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.jams, ref.ID)
	e.trouble, e.recordedAt = nil, time.Now()
}

// paused gives the steps whose outcome is to be recorded again later: until
// then they are ours.
func (e *Engine) paused(now time.Time) []int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	var steps []int64
	for id, j := range e.jams {
		if now.Before(j.until.Add(grace)) {
			steps = append(steps, id)
		}
	}
	return steps
}

// Jams gives the steps whose outcome cannot be recorded though the ledger can be
// written, in the order of their tenants and exports.
func (e *Engine) Jams() []Jam {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []Jam
	all := e.unwritable() != nil
	for _, j := range e.jams {
		if j.alone || !all {
			list = append(list, j.Jam)
		}
	}
	slices.SortFunc(list, func(a, b Jam) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Export, b.Export), a.Since.Compare(b.Since))
	})
	return list
}

// Unwritable gives why the ledger takes no outcome at all at present; nil when
// it does, also while it does not take those of one export. The engine goes on
// trying: nothing is lost, and nothing moves.
func (e *Engine) Unwritable() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unwritable()
}

func (e *Engine) unwritable() error {
	if e.trouble == nil || ofTheLedger(e.trouble) {
		return e.trouble
	}
	export := ""
	for _, j := range e.jams {
		if j.alone {
			continue
		}
		if export != "" && export != j.Export {
			return e.trouble
		}
		export = j.Export
	}
	return nil
}

// Hindered gives why nothing of some exports can be recorded at present, nil
// when it can.
func (e *Engine) Hindered(exports ...string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, j := range e.jams {
		if slices.Contains(exports, j.Export) {
			return j.Err
		}
	}
	return e.unwritable()
}

// ofTheLedger reports whether an error says that the ledger itself cannot be
// written, whatever is written.
func ofTheLedger(err error) bool {
	p, ok := errors.AsType[*problem.Problem](err)
	return ok && slices.Contains([]problem.Code{problem.StorageFull, problem.StorageUnwritable, problem.LedgerDamaged}, p.Code)
}
