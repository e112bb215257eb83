package look

import (
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Mark says in one or two words how a practice stands, as the overview does,
// and who has paused it, and why; by is empty when nobody has.
func Mark(s store.Standing, ground schedule.Ground, now time.Time) (mark, by string) {
	r := RowOf(s, ground, now)
	return r.Mark, r.Held
}

// Marks lists the words that Mark has for it, the worst first.
func Marks() []string {
	return slices.Clone(marks)
}
