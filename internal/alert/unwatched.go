package alert

import (
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// explain puts into the words of alerts that end why they do, where nothing has
// become well: nobody looks any more.
func (f *Facts) explain(now time.Time, changes []change) []change {
	for i := range changes {
		if changes[i].what != ends {
			continue
		}
		if why := f.unwatched(now, changes[i].alert); why != "" {
			a := &changes[i].alert
			a.Summary = clean("nobody looks at this any more, for " + why + ": " + a.Summary)
		}
	}
	return changes
}

// unwatched says why nobody looks at what an alert is about; empty when somebody
// does.
func (f *Facts) unwatched(now time.Time, a store.Alert) string {
	i := slices.IndexFunc(f.Practices, func(p PracticeFacts) bool { return p.Tenant == a.Tenant })
	switch {
	case a.Tenant == "":
		return ""
	case i < 0:
		return "the practice has left the configuration"
	case f.Practices[i].Paused && slices.Contains([]Kind{Stale, Waiting, Stuck, Request}, Kind(a.Kind)):
		return "the practice is paused"
	case !f.Practices[i].Agreement.begins(now) && slices.Contains([]Kind{Stale, Failed, Activation}, Kind(a.Kind)):
		return "no agreement lets its exports begin"
	}
	return ""
}
