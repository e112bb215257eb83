package disposal

import (
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
)

// sentences put the decisions of agreement.Dispose into words; DAY stands for
// the day on which something goes, or had to.
var sentences = map[agreement.Rule]string{
	agreement.LegalHold:     "kept: a legal hold",
	agreement.InUse:         "kept: an export, or a replay, that is under way or can be resumed needs it",
	agreement.NotReturned:   "kept until it is handed back to the practice; all must be gone by DAY",
	agreement.Frozen:        "frozen: the agreement is over; goes on DAY",
	agreement.RetentionOver: "goes: its time was over on DAY",
	agreement.AgreementOver: "goes: the agreement is over, and the time to think as well",
	agreement.Standing:      "goes on DAY",
}

// Says puts a decision into words: what becomes of something, when, and why.
func Says(d agreement.Disposal) string {
	said, known := sentences[d.Rule]
	switch {
	case d.Rule == agreement.Frozen && d.At.IsZero():
		return "kept: nobody can say, for there is no agreement"
	case !known, d.Rule == agreement.Standing && d.At.IsZero():
		return "kept as long as the agreement stands"
	}
	return strings.ReplaceAll(said, "DAY", d.At.Format(time.DateOnly))
}
