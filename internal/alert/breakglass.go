package alert

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// A SightFact is that somebody looked at patients' records of late, or signed in
// with a password beside the identity provider.
type SightFact struct {
	Tenant string // whose records; empty: of no practice
	Action audit.Action
	Actor  string
	Last   time.Time
}

// sightTold is for how long a sight is told.
const sightTold = 24 * time.Hour

// sights tells the house who looked behind the glass: it is permitted, and
// somebody else should know.
func sights(now time.Time, list []SightFact) []Condition {
	var told []Condition
	for _, f := range list {
		if now.Sub(f.Last) > sightTold {
			continue
		}
		c := Condition{
			Kind: Glass, Tenant: f.Tenant, Object: string(f.Action) + " " + f.Actor, Severity: config.SeverityWarning, Party: Us, Since: f.Last,
			Remedy: "See when and why with bulkhead audit who-saw " + f.Tenant + ". If nobody knows of it, take the person's access and handle it as a breach.",
		}
		switch f.Action {
		case audit.LinesRevealed:
			c.Summary = f.Actor + " looked at refused lines as they were received"
		case audit.PatientsListed:
			c.Summary = f.Actor + " asked whose records an export holds"
		case audit.TablesQueried:
			c.Summary = f.Actor + " saw rows of practices whose agreements do not permit it, with --break-glass"
			c.Remedy = "See of which and why with bulkhead audit export --house. If it was no emergency, handle it as a breach."
		default:
			c.Summary = f.Actor + " signed in with a password beside the identity provider"
			c.Remedy = "See the record of the house with bulkhead audit export --house. If it was not " + f.Actor + ", take their access and end their sessions."
		}
		told = append(told, c)
	}
	return told
}
