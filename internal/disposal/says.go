package disposal

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
)

// Says puts a decision into words: what becomes of something, when, and why.
func Says(d agreement.Disposal) string {
	on := d.At.Format(time.DateOnly)
	switch d.Rule {
	case agreement.LegalHold:
		return "kept: a legal hold"
	case agreement.InUse:
		return "kept: an export, or a replay, that is under way or can be resumed needs it"
	case agreement.NotReturned:
		return "kept until it is handed back to the practice; all must be gone by " + on
	case agreement.Frozen:
		if d.At.IsZero() {
			return "kept: nobody can say, for there is no agreement"
		}
		return "frozen: the agreement is over; goes on " + on
	case agreement.RetentionOver:
		return "goes: its time was over on " + on
	case agreement.AgreementOver:
		return "goes: the agreement is over, and the time to think as well"
	case agreement.Standing:
		if !d.At.IsZero() {
			return "goes on " + on
		}
	}
	return "kept as long as the agreement stands"
}
