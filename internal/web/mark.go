package web

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Mark says in one or two words how a practice stands, as the overview does.
func Mark(s store.Standing, now time.Time) string { return string(markOf(s, now)) }

// Marks lists what Mark may say, the worst first.
func Marks() []string {
	words := make([]string, len(marks))
	for i, m := range marks {
		words[i] = string(m)
	}
	return words
}
