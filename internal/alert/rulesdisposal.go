package alert

import (
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// The objects of alerts about what must be destroyed.
const (
	DisposalLate  = ""      // its time is over, and it is here still
	DisposalFails = "fails" // it was tried
)

// overdue is how long what is due may be here still: it is looked at once a day.
const overdue = 48 * time.Hour

// disposal looks at what must be handed back or destroyed of a practice.
func disposal(now time.Time, p *PracticeFacts, _ Rules) []Condition {
	var list []Condition
	late := p.late(now)
	if f := p.Disposal; f != nil {
		c := Condition{
			Kind: Disposal, Object: DisposalFails, Severity: config.SeverityWarning, Party: Us, Since: f.Since, Pending: !f.Looked,
			Summary: "what may not be kept of it any more cannot be destroyed", Remedy: "See why with bulkhead dispose " + p.Tenant + ", which tries it at once; the log of bulkhead run names the error, too.",
		}
		if f.Code != "" {
			c.Code, c.Summary, c.Remedy = f.Code, c.Summary+": "+f.Summary, f.Remedy+" Then try it with bulkhead dispose "+p.Tenant+"."
		}
		list = append(list, c)
		if late != nil && late.Severity != config.SeverityCritical {
			late = nil // the failure says it, and why
		}
	}
	if late != nil {
		list = append(list, *late)
	}
	return list
}

// late says what is to be handed back or destroyed because the agreement is
// over; nil when nothing is late.
func (p *PracticeFacts) late(now time.Time) *Condition {
	e := p.End
	if e == nil {
		return nil
	}
	c := Condition{Kind: Disposal, Object: DisposalLate, Severity: config.SeverityWarning, Party: Us}
	half := e.Deadline / 2
	switch {
	case e.Rule == agreement.NotReturned && now.Before(e.At.Add(-half)):
		return nil
	case e.Rule == agreement.NotReturned:
		c.Since = e.At.Add(-half)
		c.Summary = "its agreement is over: what is kept of it must be handed back and destroyed by " + wording.Moment(e.At)
		c.Remedy = "Write it into a folder with bulkhead dispose " + p.Tenant + " --return DIR and give that to the practice; what is kept here goes after that."
		if !now.Before(e.At) {
			c.Severity = config.SeverityCritical
			c.Summary = "its agreement is over: what was to be handed back and destroyed by " + wording.Moment(e.At) + " is here still"
		}
	case !e.Due || now.Sub(e.At) <= min(overdue, half):
		return nil
	default:
		c.Since = e.At
		c.Summary = "its agreement is over: what was to be destroyed since " + wording.Moment(e.At) + " is here still"
		c.Remedy = "See what is in its way with bulkhead dispose " + p.Tenant + "; an export that has not ended is stopped with bulkhead cancel " + p.Tenant + "."
		if by := e.At.Add(half); !now.Before(by) {
			c.Severity = config.SeverityCritical
			c.Summary = fmt.Sprintf("its agreement is over: all was to be destroyed by %s, and is not", wording.Moment(by))
		}
	}
	return &c
}

// endFacts gives what becomes of what is kept of a practice whose agreement is
// over; nil while it is not, and when all is destroyed.
func endFacts(t *config.Tenant, l ledgerFacts, now time.Time) *EndFacts {
	brought := l.brought(t.ID)
	if _, over := agreement.Over(t.Agreement, now); !over || brought.IsZero() {
		return nil
	}
	kept := agreement.Kept{Kind: agreement.KindDelivered}
	if end, seen := l.ended[t.ID]; seen && end.CalledOffAt.IsZero() {
		if !end.EndedAt.IsZero() && !brought.After(end.BegunAt) {
			return nil
		}
		if end.EndedAt.IsZero() {
			kept.Ended, kept.Returned = end.OverAt, !end.ReturnedAt.IsZero()
		}
	}
	d := agreement.Dispose(t.Agreement, kept, now)
	return &EndFacts{Disposal: d, Deadline: t.Agreement.DisposalDeadline.Std()}
}

// brought gives when the last export of a tenant was asked for that can have
// brought something: one that was refused before its kick-off has not.
func (l ledgerFacts) brought(tenant string) (at time.Time) {
	for _, of := range []map[string]store.Export{l.last, l.full, l.some} {
		x, ok := of[tenant]
		if ok && (x.State != life.Denied || !x.KickoffSentAt.IsZero()) && x.RequestedAt.After(at) {
			at = x.RequestedAt
		}
	}
	return at
}

// disposalFacts gives how the last look at what must go of a practice ended;
// nil when it ended well.
func (g *gatherer) disposalFacts(tenant string, now time.Time) *DisposalFacts {
	if g.o.Disposal == nil {
		return nil
	}
	last, looked := g.o.Disposal(tenant)
	switch {
	case !looked:
		return &DisposalFacts{Since: now}
	case last.Failed == nil:
		return nil
	}
	f := &DisposalFacts{Looked: true, Since: last.Since}
	if p := problem.Of(last.Failed); p.Code != problem.Internal {
		f.Code, f.Summary, f.Remedy = p.Code, p.Summary, p.Remedy
	}
	return f
}
