package schedule

import (
	"cmp"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Ageing is how long an export waits for a slot to be worth one class more
// than it began with. So none waits for ever behind those that are worth more:
// after Ageing times the number of classes, only older ones go before it.
const Ageing = 30 * time.Minute

// BySchedule is who asks for what a schedule began.
const BySchedule = "schedule"

// The classes of exports that wait for a slot, as they begin.
const (
	classLow = iota
	classNormal
	classHigh
	classPerson // somebody is waiting for it
)

// Class gives what an export that waits for a slot is worth now: what its
// practice's priority says, more where a person asked for it, and one more for
// every Ageing that it has waited. The larger goes first.
func Class(c *config.Config, w store.Candidate, now time.Time) int {
	class := classNormal
	t, err := c.Tenant(w.Tenant)
	switch {
	case w.By != BySchedule || w.FailedIn != "": // a person resumed it
		class = classPerson
	case err == nil && t.Priority == config.PriorityHigh:
		class = classHigh
	case err == nil && t.Priority == config.PriorityLow:
		class = classLow
	}
	return class + int(max(now.Sub(w.Since), 0)/Ageing)
}

// A Queue puts exports that wait for slots in their order. It is for one
// admission, and not for concurrent use.
type Queue struct {
	waiting []waiting
	load    map[string]int // slots taken, by share
}

type waiting struct {
	store.Candidate
	class int
}

// NewQueue makes the queue of those that wait. Slots that are taken already are
// told by Taken.
func NewQueue(c *config.Config, list []store.Candidate, now time.Time) *Queue {
	q := &Queue{load: map[string]int{}}
	for _, w := range list {
		q.waiting = append(q.waiting, waiting{w, Class(c, w, now)})
	}
	return q
}

// Taken tells that an export has a slot.
func (q *Queue) Taken(c store.Candidate) { q.load[share(c)]++ }

// share names those among whom slots are divided evenly: the practices of a
// registration together, one without by itself.
func share(c store.Candidate) string { return cmp.Or(c.Registration, "tenant "+c.Tenant) }

// Next takes the export out of the queue that goes first: the highest class;
// among equals one of the registration that has the fewest slots, so that one
// of a hundred practices leaves room for one of three; then who has waited
// longest. ok is false when the queue is empty.
func (q *Queue) Next() (c store.Candidate, ok bool) {
	if len(q.waiting) == 0 {
		return c, false
	}
	best := 0
	for i := 1; i < len(q.waiting); i++ {
		if q.before(q.waiting[i], q.waiting[best]) {
			best = i
		}
	}
	c = q.waiting[best].Candidate
	q.waiting = slices.Delete(q.waiting, best, best+1)
	return c, true
}

func (q *Queue) before(a, b waiting) bool {
	return cmp.Or(
		cmp.Compare(b.class, a.class),
		cmp.Compare(q.load[share(a.Candidate)], q.load[share(b.Candidate)]),
		a.Since.Compare(b.Since),
		cmp.Compare(a.Export, b.Export),
	) < 0
}
