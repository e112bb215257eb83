package agreement

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// A Kind is a kind of what an export leaves here.
type Kind string

// The kinds, in the order in which an export leaves them. What sinks have is
// not among them: no clock of its own runs for it, only the end of the agreement.
const (
	KindRaw         Kind = "raw"
	KindStaged      Kind = "staged"
	KindQuarantine  Kind = "quarantine"
	KindAttachments Kind = "attachments"
	KindHistory     Kind = "history"
	KindDelivered   Kind = "delivered"
)

// Kinds lists them.
var Kinds = []Kind{KindRaw, KindStaged, KindQuarantine, KindAttachments, KindHistory, KindDelivered}

// Kept is something of an export that is still here.
type Kept struct {
	Kind      Kind
	Since     time.Time // when the export completed, or ended otherwise; zero while it has not
	Resumable bool      // the export, or another that is made from it, may be taken up again and needs it
	Ended     time.Time // when the agreement was terminated; zero while it is not
	Returned  bool      // it was handed back to the practice
}

// The rules of what is kept and what must go.
const (
	LegalHold     Rule = "legal_hold"      // kept: a court or the law may need it
	InUse         Rule = "in_use"          // kept: an export that runs, or can be resumed, needs it
	Standing      Rule = "standing"        // kept: as long as the agreement stands
	Frozen        Rule = "frozen"          // kept: the agreement is over, and its end may be a mistake
	NotReturned   Rule = "not_returned"    // kept: it must be handed back first
	RetentionOver Rule = "retention_over"  // must go: its clock has run out
	AgreementOver Rule = "agreement_ended" // must go: the agreement is over, and the time to think as well
)

// A Disposal says whether something must go.
type Disposal struct {
	Due  bool
	Rule Rule
	At   time.Time // when it must go, or must have gone; zero as long as nobody can say
}

// Dispose says whether something that is kept must go at a time. A legal hold
// wins over everything; what an export needs outlasts its clock, not the
// agreement. After the end of the agreement everything is frozen for half of its
// disposal deadline, so that a late renewal costs nothing, and then is due.
// Without an agreement nobody can say: it is kept, frozen.
func Dispose(a *config.Agreement, k Kept, at time.Time) Disposal {
	if a == nil {
		return Disposal{Rule: Frozen}
	}
	if a.LegalHold.Holds() {
		return Disposal{Rule: LegalHold}
	}
	if end := endOf(a, k, at); !end.IsZero() {
		return afterEnd(a, k, end, at)
	}
	clock := clockOf(a.Retention, k.Kind)
	switch {
	case clock == 0:
		return Disposal{Rule: Standing}
	case k.Since.IsZero() || k.Resumable:
		return Disposal{Rule: InUse}
	}
	over := k.Since.Add(clock)
	if at.Before(over) {
		return Disposal{Rule: Standing, At: over}
	}
	return Disposal{Due: true, Rule: RetentionOver, At: over}
}

// Over reports whether an agreement is over at a time, and by which rule:
// Terminated or Expired. A suspended one is not.
func Over(a *config.Agreement, at time.Time) (Rule, bool) {
	switch {
	case a == nil:
		return "", false
	case a.Status == config.AgreementTerminated:
		return Terminated, true
	case !a.ExpiresAt.IsZero() && !at.Before(a.ExpiresAt.Time):
		return Expired, true
	}
	return "", false
}

// endOf gives when the agreement ended, or the zero time while it has not. A
// suspended one has not.
func endOf(a *config.Agreement, k Kept, at time.Time) time.Time {
	end := time.Time{}
	if a.Status == config.AgreementTerminated {
		end = k.Ended
		if end.IsZero() {
			end = at // it is over, and nobody wrote down since when
		}
	}
	if expires := a.ExpiresAt.Time; !expires.IsZero() && !at.Before(expires) && (end.IsZero() || expires.Before(end)) {
		end = expires
	}
	return end
}

func afterEnd(a *config.Agreement, k Kept, end, at time.Time) Disposal {
	due := end.Add(a.DisposalDeadline.Std() / 2)
	switch {
	case a.Disposal == config.DisposalReturn && !k.Returned:
		return Disposal{Rule: NotReturned, At: end.Add(a.DisposalDeadline.Std())}
	case at.Before(due):
		return Disposal{Rule: Frozen, At: due}
	}
	return Disposal{Due: true, Rule: AgreementOver, At: due}
}

// Clocked reports whether a kind has a clock of its own.
func Clocked(a *config.Agreement, kind Kind) bool { return a != nil && clockOf(a.Retention, kind) > 0 }

// clockOf gives how long a kind may be kept after its export; 0 for as long as
// the agreement stands.
func clockOf(r config.Retention, kind Kind) time.Duration {
	switch kind {
	case KindRaw:
		return r.Raw.Std()
	case KindStaged:
		return r.Staged.Std()
	case KindQuarantine:
		return r.Quarantine.Std()
	case KindAttachments:
		return r.Attachments.Std()
	case KindHistory:
		return r.History.Std()
	case KindDelivered:
	}
	return 0
}
