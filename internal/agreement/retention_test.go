package agreement_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

const oneDay = 24 * time.Hour

// kept is what a completed export left on the agreement's first day, under an
// agreement that lets raw files stay for ten days and others as long as it
// stands, and wants all gone thirty days after its end.
func kept() (*config.Agreement, agreement.Kept) {
	a := standing()
	a.Retention.Raw, a.Disposal, a.DisposalDeadline = config.Duration(10*oneDay), config.DisposalDestroy, config.Duration(30*oneDay)
	return a, agreement.Kept{Kind: agreement.KindRaw, Since: day}
}

func TestWhatIsKeptGoesWhenItsClockOrItsAgreementIsOver(t *testing.T) {
	end := day.AddDate(1, 0, 0) // of the agreement, unless it is terminated before
	cases := []struct {
		name   string
		change func(*config.Agreement, *agreement.Kept)
		at     time.Time
		want   agreement.Disposal
	}{
		{"before its clock is over", nil, day.Add(10*oneDay - 1), agreement.Disposal{Rule: agreement.Standing, At: day.Add(10 * oneDay)}},
		{"when its clock is over", nil, day.Add(10 * oneDay), agreement.Disposal{Due: true, Rule: agreement.RetentionOver, At: day.Add(10 * oneDay)}},
		{"of an export that runs", func(_ *config.Agreement, k *agreement.Kept) { k.Since = time.Time{} }, day.Add(90 * oneDay), agreement.Disposal{Rule: agreement.InUse}},
		{"of an export that can be resumed", func(_ *config.Agreement, k *agreement.Kept) { k.Resumable = true }, day.Add(90 * oneDay), agreement.Disposal{Rule: agreement.InUse}},
		{"a kind without a clock", func(_ *config.Agreement, k *agreement.Kept) { k.Kind = agreement.KindStaged }, end.Add(-1), agreement.Disposal{Rule: agreement.Standing}},
		{"what sinks have", func(_ *config.Agreement, k *agreement.Kept) { k.Kind = agreement.KindDelivered }, end.Add(-1), agreement.Disposal{Rule: agreement.Standing}},
		{"under a suspended agreement", func(a *config.Agreement, k *agreement.Kept) {
			a.Status, k.Kind = config.AgreementSuspended, agreement.KindStaged
		}, day.Add(90 * oneDay), agreement.Disposal{Rule: agreement.Standing}},
		{"at the end of the agreement", func(_ *config.Agreement, k *agreement.Kept) { k.Kind = agreement.KindDelivered }, end, agreement.Disposal{Rule: agreement.Frozen, At: end.Add(15 * oneDay)}},
		{"a while after its end", func(_ *config.Agreement, k *agreement.Kept) { k.Kind = agreement.KindDelivered }, end.Add(15 * oneDay), agreement.Disposal{Due: true, Rule: agreement.AgreementOver, At: end.Add(15 * oneDay)}},
		{"terminated before its end, although it can be resumed", func(a *config.Agreement, k *agreement.Kept) {
			a.Status, k.Ended, k.Resumable = config.AgreementTerminated, day.Add(oneDay), true
		}, day.Add(16 * oneDay), agreement.Disposal{Due: true, Rule: agreement.AgreementOver, At: day.Add(16 * oneDay)}},
		{"terminated, nobody knows when", func(a *config.Agreement, _ *agreement.Kept) { a.Status = config.AgreementTerminated }, day.Add(40 * oneDay), agreement.Disposal{Rule: agreement.Frozen, At: day.Add(55 * oneDay)}},
		{"to be handed back first", func(a *config.Agreement, _ *agreement.Kept) { a.Disposal = config.DisposalReturn }, end.Add(20 * oneDay), agreement.Disposal{Rule: agreement.NotReturned, At: end.Add(30 * oneDay)}},
		{"handed back", func(a *config.Agreement, k *agreement.Kept) { a.Disposal, k.Returned = config.DisposalReturn, true }, end.Add(20 * oneDay), agreement.Disposal{Due: true, Rule: agreement.AgreementOver, At: end.Add(15 * oneDay)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, k := kept()
			if c.change != nil {
				c.change(a, &k)
			}
			if diff := cmp.Diff(c.want, agreement.Dispose(a, k, c.at)); diff != "" {
				t.Errorf("disposal (-want +got):\n%s", diff)
			}
			a.LegalHold = config.LegalHold{Since: config.Moment{Time: day}, Reason: "case 12", By: "C. Counsel"}
			if got := agreement.Dispose(a, k, c.at); got != (agreement.Disposal{Rule: agreement.LegalHold}) {
				t.Errorf("under a legal hold: %+v", got)
			}
		})
	}
	_, k := kept()
	if got := agreement.Dispose(nil, k, day); got.Due || got.Rule != agreement.Frozen {
		t.Errorf("without an agreement: %+v", got)
	}
}

func TestEveryKindHasItsOwnClock(t *testing.T) {
	a, k := kept()
	a.Retention = config.Retention{Raw: config.Duration(oneDay), Staged: config.Duration(2 * oneDay), Quarantine: config.Duration(3 * oneDay), Attachments: config.Duration(4 * oneDay), History: config.Duration(5 * oneDay)}
	for i, kind := range agreement.Kinds {
		k.Kind = kind
		want := agreement.Disposal{Due: true, Rule: agreement.RetentionOver, At: day.Add(time.Duration(i+1) * oneDay)}
		if kind == agreement.KindDelivered {
			want = agreement.Disposal{Rule: agreement.Standing}
		}
		if got := agreement.Dispose(a, k, day.Add(time.Duration(i+1)*oneDay)); got != want {
			t.Errorf("%s: %+v, want %+v", kind, got, want)
		}
	}
}
