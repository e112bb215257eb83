package disposal_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
)

// calendar gives what goes of lakeside when, one line each.
func (h *house) calendar(lakeside *config.Tenant) (lines []string) {
	h.Helper()
	f, _, err := h.keeper.Facts(h.Context(), lakeside, time.Now())
	h.must(err)
	for _, d := range disposal.Calendar(f) {
		lines = append(lines, fmt.Sprintf("%s %s of %d, due %v, %s", d.At.UTC().Format(time.DateOnly), d.What, d.Exports, d.Due, d.Rule))
	}
	return lines
}

func TestTheCalendarSaysWhatGoesOnWhichDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the day is 2000-01-01
		h, lakeside := newHouse(t), agreed("lakeside")
		lakeside.Agreement.Retention.Staged = 0
		for range 2 {
			h.export(order{tenant: "lakeside"})
		}
		pass(day)
		h.export(order{tenant: "lakeside"})
		h.export(order{tenant: "lakeside", ends: completes[:3]}) // under way
		h.export(order{tenant: "hillcrest"})
		want := []string{
			"2000-01-02 raw of 2, due true, retention_over",
			"2000-01-03 raw of 1, due false, standing",
			"2000-01-04 quarantine of 2, due false, standing",
			"2000-01-05 quarantine of 1, due false, standing",
			"2000-01-05 attachments of 2, due false, standing",
			"2000-01-06 attachments of 1, due false, standing",
			"2000-01-06 history of 2, due false, standing",
			"2000-01-07 history of 1, due false, standing",
		}
		if diff := cmp.Diff(want, h.calendar(lakeside)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		lakeside.Agreement.LegalHold = config.LegalHold{Since: config.Moment{Time: time.Now()}, Reason: "case 12", By: "C. Counsel"}
		if got := h.calendar(lakeside); len(got) > 0 {
			t.Errorf("under a legal hold: %v", got)
		}
		lakeside.Agreement.LegalHold = config.LegalHold{}
		lakeside.Agreement.Status = config.AgreementTerminated
		if got := h.calendar(lakeside); len(got) > 0 {
			t.Errorf("an end that is not in force: %v", got)
		}
		lakeside.Agreement.Status, lakeside.Agreement.ExpiresAt = config.AgreementActive, config.Moment{Time: time.Now().Add(-time.Second)}
		for _, when := range []string{"before it is seen", "after"} {
			if diff := cmp.Diff([]string{"2000-01-16 delivered of 0, due false, frozen"}, h.calendar(lakeside)); diff != "" {
				t.Errorf("the end of the agreement, %s (-want +got):\n%s", when, diff)
			}
			h.dispose(lakeside) // it is seen
		}
		pass(16 * day)
		if diff := cmp.Diff([]string{"2000-01-16 delivered of 0, due true, agreement_ended"}, h.calendar(lakeside)); diff != "" {
			t.Errorf("when it is due (-want +got):\n%s", diff)
		}
	})
}
