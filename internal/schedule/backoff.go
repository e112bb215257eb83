package schedule

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// pauses are how long after a practice's last failed export its schedule starts
// the next one at the soonest, by how many have failed in a row: a server is
// not asked every night for what somebody must mend first.
var pauses = []time.Duration{0, 0, 24 * time.Hour, 2 * 24 * time.Hour, 3 * 24 * time.Hour}

// slack is what a pause of whole days may be shorter, so that it ends in time
// for the same hour of a later day, also over a change of clocks.
const slack = 2 * time.Hour

// Looks is how many of a practice's latest exports BackoffOf wants to see.
const Looks = 20

// weather are the codes of exports that a server's absence or trouble ended: it
// is waited for, and asked at the schedule's next time.
var weather = []problem.Code{problem.ServerUnreachable, problem.ServerFailing}

// counts reports whether a failure is one that somebody must mend.
func counts(x *store.Export) bool {
	return (x.State == life.Failed || x.State == life.Gone) && !slices.Contains(weather, problem.Code(x.ProblemCode))
}

// A Backoff is how a practice's schedule is kept back because its exports fail.
type Backoff struct {
	Failures int       // in a row
	Code     string    // of the last one
	Until    time.Time // when the next may start at the soonest; zero: any time
}

// BackoffOf counts the failures in a row of a practice's exports, the latest
// export first, since what is its own in the configuration was last changed,
// which may have mended it. Exports that were cancelled, denied without asking the server, or failed
// of the weather, and replays, neither count nor end the row; one that
// completed ends it.
func BackoffOf(latest []store.Export, changed time.Time) (b Backoff) {
	for i := range latest {
		x := &latest[i]
		if x.State == life.Completed && x.Purpose != store.Replay || x.RequestedAt.Before(changed) {
			break
		}
		if x.Purpose == store.Replay || !counts(x) {
			continue
		}
		if b.Failures++; b.Failures == 1 {
			b.Code, b.Until = x.ProblemCode, x.RequestedAt
		}
	}
	pause := pauses[min(b.Failures, len(pauses)-1)]
	if pause == 0 {
		b.Until = time.Time{}
		return b
	}
	b.Until = b.Until.Add(pause - slack)
	return b
}

// Says tells a person why the schedule is kept back; "" when it is not.
func (b Backoff) Says() string {
	if b.Until.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d exports in a row failed, the last with %s: not before %s, a completed export or a changed configuration ends this", b.Failures, b.Code, wording.Moment(b.Until))
}
