package alert

import (
	"cmp"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// RecordFacts are what is known of the chains of the audit record.
type RecordFacts struct {
	Chains []audit.Watched
	Since  time.Time // since when this process verifies them; zero: it does not
}

// unverified is how long the record may go without being verified: it is done
// every day.
const unverified = 3 * 24 * time.Hour

// onRecord tells of chains that are broken, until a person has examined them,
// and that nobody looks whether they are.
func onRecord(now time.Time, f RecordFacts) []Condition {
	var list []Condition
	last := now
	if len(f.Chains) == 0 {
		last = f.Since
	}
	for _, w := range f.Chains {
		if w.Fault == nil {
			if w.VerifiedAt.Before(last) {
				last = w.VerifiedAt
			}
			continue
		}
		list = append(list, Condition{
			Tenant: w.Tenant, Kind: Audit, Severity: config.SeverityCritical, Party: Us, Since: w.FoundAt, Code: problem.AuditBroken,
			Summary: "the audit record is not what was recorded: " + w.Fault.String(),
			Remedy: "Keep a copy of the state folder as it is, and of the record: bulkhead audit export " + cmp.Or(w.Tenant, "--house") + ". Compare it with ends that were kept elsewhere (bulkhead audit verify --anchors FILE), " +
				"and find out who could write the ledger: it may be a breach. Nothing is repaired, and exports go on. It is told until somebody has examined it and found it whole, at the page Audit or with " + strings.TrimSpace("bulkhead audit review "+w.Tenant) + ".",
		})
	}
	if f.Since.After(last) {
		last = f.Since
	}
	if !f.Since.IsZero() && now.Sub(last) > unverified {
		list = append(list, Condition{
			Kind: Audit, Object: "unverified", Severity: config.SeverityWarning, Party: Us, Since: last,
			Summary: "the audit record has not been verified since " + wording.Moment(last) + ", which bulkhead does every day",
			Remedy:  "See the reason in the log (verify the record), and look with bulkhead audit verify. Mostly the file of anchors beside the ledger cannot be read.",
		})
	}
	return list
}
