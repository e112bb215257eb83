package alert

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// Rules are the bounds of the rules: those of the configuration.
type Rules = config.Alerts

// Evaluate gives everything that a person should know now, in the order of the
// facts. It looks at nothing but its arguments.
func Evaluate(now time.Time, f Facts, r Rules) []Condition {
	var list []Condition
	for i := range f.Practices {
		p := &f.Practices[i]
		for _, rule := range practiceRules {
			for _, c := range rule(now, p, r) {
				c.Tenant, c.Source = p.Tenant, p.Source
				list = append(list, c)
			}
		}
	}
	for _, reg := range f.Registrations {
		list = append(list, keys(now, reg)...)
	}
	list = append(list, certificates(now, f.Certificates, r)...)
	list = append(list, onRecord(now, f.Record)...)
	list = append(list, jams(now, f.Jams)...)
	list = append(list, files(now, f.Files)...)
	list = append(list, disk(now, f.Machine, r)...)
	list = append(list, delivery(now, f.Routes)...)
	list = append(list, callback(now, f.Callees)...)
	list = append(list, circuits(now, f.Circuits, r)...)
	list = append(list, refusals(f.Refusals)...)
	list = append(list, credentials(now, f.Credentials)...)
	return append(list, sights(now, f.Sights)...)
}

// practiceRules are the rules about one practice. What they return has no
// tenant yet.
var practiceRules = []func(time.Time, *PracticeFacts, Rules) []Condition{
	stale, failed, open, refused, drift, roster, agreementEnds, disposal, rate, untaken,
}

func one(c Condition) []Condition { return []Condition{c} }

// stale looks at the age of what is here, by our clock and by the server's: an
// export can complete every night and bring last month's records.
func stale(now time.Time, p *PracticeFacts, r Rules) []Condition {
	if p.Pause == 0 || p.Paused || !p.Agreement.begins(now) || p.WatchedSince.IsZero() {
		return nil
	}
	bound := max(r.StaleAfter.Std(), 2*p.Pause)
	old := func(t time.Time) bool { return now.Sub(t) > bound && now.Sub(p.WatchedSince) > bound } // after a pause its exports must come first
	c := Condition{Kind: Stale, Severity: config.SeverityWarning, Party: Us}
	ended := p.WatchedSince
	if p.Finished != nil {
		ended = p.Finished.EndedAt
	}
	switch {
	case old(ended) && p.Finished == nil:
		c.Since, c.Summary = ended, "no export has ever completed, watched since "+wording.Moment(ended)
		c.Remedy = "See bulkhead status " + p.Tenant + " for what holds it up, or try the server with bulkhead check " + p.Tenant + "."
	case old(ended):
		c.Since, c.Summary = ended, "no export has completed since "+wording.Moment(ended)
		c.Remedy = "See bulkhead status " + p.Tenant + " for what holds it up."
	case p.Finished != nil && !p.Finished.TransactionTime.IsZero() && old(p.Finished.TransactionTime):
		c.Since, c.Party = p.Finished.TransactionTime, Vendor
		c.Summary = "exports complete, but the server's records are those of " + wording.Moment(c.Since)
		c.Remedy = "Ask the vendor why its bulk data lags behind: the transactionTime of its exports does not move on."
	case p.Finished != nil && p.Finished.ServerErrors > 0 && old(p.Whole):
		c.Since, c.Party = p.Whole, Vendor
		c.Summary = "exports complete, but none is whole: in each the server reports errors"
		if c.Since.IsZero() {
			c.Since = p.WatchedSince
		}
		c.Remedy = "See bulkhead status " + p.Tenant + " --export " + p.Finished.ID + " for what it reports, and ask the vendor. Until an export is whole, each begins where the last whole one ended."
	default:
		return nil
	}
	return one(c)
}

// failed looks at the export that was asked for last. While it is at work
// nothing can be said: it may be the one that failed, taken up again.
func failed(now time.Time, p *PracticeFacts, _ Rules) []Condition {
	if p.Last == nil {
		return nil
	}
	c := Condition{Kind: Failed, Severity: config.SeverityWarning, Since: p.Last.At, Code: p.Last.Code, Summary: p.Last.Summary, Remedy: p.Last.Remedy}
	c.Party = partyOf(c.Code)
	refusal := c.Code == problem.TokenRefused || c.Code == problem.AccessDenied
	switch {
	case !p.Last.State.Over():
		other := c
		other.Kind, c.Pending, other.Pending = Activation, true, true
		return []Condition{c, other}
	case p.settled(now):
		return nil
	case p.Last.State == life.Completed || p.Last.State == life.Cancelled:
		return nil
	case refusal && p.Finished != nil:
		c.Kind, c.Severity = Activation, config.SeverityCritical
		c.Summary = "the server took us until " + wording.Moment(p.Finished.EndedAt) + " and now refuses: " + c.Summary
		c.Remedy = "Ask the practice whether it has ended the app's activation, and the vendor whether the registration or its keys were changed. " + c.Remedy
	case c.Code.Kind() == problem.StorageFull.Kind() || c.Code == problem.Internal:
		c.Severity = config.SeverityCritical
	}
	return one(c)
}

// settled reports whether the last export's refusal by the agreement is nothing
// new: it was meant, the rule of agreements tells it, or exports begin again
// since then.
func (p *PracticeFacts) settled(now time.Time) bool {
	refused := p.Last.Code == problem.AgreementDenied || p.Last.Code == problem.AgreementMissing
	return refused && (!p.Agreement.begins(now) || p.Last.At.Before(p.WatchedSince))
}

func partyOf(code problem.Code) Party {
	switch code.Kind() {
	case problem.ExportFailed.Kind():
		return Vendor
	case problem.TokenRefused.Kind():
		if code == problem.AgreementMissing || code == problem.AgreementDenied {
			return Us
		}
		return Practice
	}
	return Us
}

// enough is how many exports a percentile needs.
const enough = 5

// open looks at the exports that have not ended.
func open(now time.Time, p *PracticeFacts, r Rules) []Condition {
	var list []Condition
	for _, x := range p.Open {
		switch {
		case x.State == life.Unknown:
			if now.Sub(x.At) > r.UnknownAfter.Std() {
				list = append(list, Condition{
					Kind: Unknown, Object: x.ID, Severity: config.SeverityWarning, Party: Us, Since: x.At, Code: problem.KickoffUnknown,
					Summary: "a kick-off left and no answer came: an export may run at the server whose address nobody has; nothing is exported meanwhile",
					Remedy:  "Ask once more with bulkhead export " + p.Tenant + " --resume, or give it up with bulkhead cancel " + p.Tenant + ". A schedule asks once more by itself, half a day later at the earliest and three times in all.",
				})
			}
		case x.State == life.Requested || x.State == life.Waiting:
			list = append(list, waiting(now, p, x, r)...)
		case x.State.Busy():
			list = append(list, stuck(now, p, x, r)...)
		}
	}
	return list
}

func waiting(now time.Time, p *PracticeFacts, x OpenExport, r Rules) []Condition {
	if p.Paused || now.Sub(x.Asked) <= r.WaitingAfter.Std() {
		return nil
	}
	c := Condition{Kind: Waiting, Object: x.ID, Severity: config.SeverityWarning, Party: Us, Since: x.Asked}
	c.Summary = "an export waits for a slot since " + wording.Moment(x.Asked)
	c.Remedy = "Look with bulkhead status what holds the slots; limits.exports and the registration's exports bound them."
	if x.State == life.Waiting && x.WaitingFor != store.ForSlot {
		c.Party, c.Summary = Vendor, "the server keeps an export waiting since "+wording.Moment(x.Asked)
		c.Remedy = "Ask the vendor what runs there for us, and how long it keeps its exports apart. If nothing does, cancel it with bulkhead cancel " + p.Tenant + " and start anew."
		if x.WaitingFor != "" {
			c.Summary += ": " + clean(x.WaitingFor)
		}
	}
	return one(c)
}

// stuck compares an export with those before it; one of a practice that is
// paused stands still on purpose.
func stuck(now time.Time, p *PracticeFacts, x OpenExport, r Rules) []Condition {
	if p.Paused {
		return nil
	}
	began := x.KickedOff
	if began.IsZero() {
		began = x.At
	}
	bound, against := r.StuckAfter.Std(), "none is known to compare it with"
	if len(x.Took) >= enough {
		typical := percentile(x.Took, 95)
		bound = max(2*typical, r.StuckFloor.Std())
		against = fmt.Sprintf("19 of 20 of its %s exports took %s at most", x.Mode, rough(typical))
	}
	if now.Sub(began) <= bound {
		return nil
	}
	c := Condition{
		Kind: Stuck, Object: x.ID, Severity: config.SeverityWarning, Party: Vendor, Since: began,
		Summary: fmt.Sprintf("a %s export is at work since %s (%s); %s", x.Mode, wording.Moment(began), x.State, against),
		Remedy:  "See bulkhead status " + p.Tenant + " --export " + x.ID + ". If the server makes no progress, ask the vendor, or cancel it with bulkhead cancel " + p.Tenant + ".",
	}
	if x.State != life.Polling && x.State != life.KickingOff {
		c.Party = Us
		c.Remedy = "See bulkhead status " + p.Tenant + " --export " + x.ID + " for the step that does not end, and the log for its reason."
	}
	return one(c)
}

// percentile gives the value that so many of a hundred do not exceed.
func percentile(values []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)*percent+99)/100-1]
}

func refused(_ time.Time, p *PracticeFacts, r Rules) []Condition {
	x := p.Finished
	switch {
	case x == nil:
		return nil
	case !x.Counted, x.Lines == 0: // of one that brought nothing the lines before it are missing still
		return one(Condition{Kind: Refused, Pending: true})
	case x.Refused == 0 || x.Refused*100 <= int64(r.RefusedPercent)*x.Lines:
		return nil
	}
	return one(Condition{
		Kind: Refused, Severity: config.SeverityWarning, Party: Vendor, Since: x.EndedAt,
		Summary: fmt.Sprintf("%d of %d lines of export %s were refused", x.Refused, x.Lines, x.ID),
		Remedy:  "See the reasons with bulkhead quarantine list " + p.Tenant + "; what the server sends wrongly, its vendor must mend.",
	})
}

func agreementEnds(now time.Time, p *PracticeFacts, _ Rules) []Condition {
	a := p.Agreement
	notice := max(a.Notice, lastWeek)
	if a.Status != config.AgreementActive || a.Ends.IsZero() || now.Before(a.Ends.Add(-notice)) {
		return nil
	}
	c := Condition{
		Kind: Agreement, Severity: config.SeverityWarning, Party: Us, Since: a.Ends.Add(-notice),
		Summary: "its agreement ends on " + wording.Moment(a.Ends) + "; nothing is exported after that",
		Remedy:  "Renew it with the practice and change expires_at, or let it end: terminated says that it was meant.",
	}
	switch {
	case !now.Before(a.Ends):
		c.Severity, c.Since, c.Code = config.SeverityCritical, a.Ends, problem.AgreementDenied
		c.Summary = "its agreement has ended on " + wording.Moment(a.Ends) + ": nothing is exported any more"
	case !now.Before(a.Ends.Add(-lastWeek)):
		c.Severity = config.SeverityCritical
		c.Summary = "its agreement ends on " + wording.Moment(a.Ends) + ": an export that may outlast it is no longer begun"
	}
	return one(c)
}

// lastWeek is how long before the end of an agreement no export is begun, at most.
const lastWeek = 7 * 24 * time.Hour

func rate(now time.Time, p *PracticeFacts, r Rules) []Condition {
	switch {
	case p.Budget == 0:
		return nil
	case p.SpentMinutes >= cmp.Or(r.RateMinutes, 60):
	case p.Sampled < time.Hour:
		return one(Condition{Kind: Rate, Pending: true})
	default:
		return nil
	}
	return one(Condition{
		Kind: Rate, Severity: config.SeverityInfo, Party: Us, Since: now.Add(-time.Hour),
		Summary: fmt.Sprintf("its budget of %d requests a minute is nearly spent for most of an hour: exports take longer than they must", p.Budget),
		Remedy:  "Spread the schedules of practices that share it, export fewer types at a time, or ask the vendor for a higher limit.",
	})
}

// rough writes a duration for people.
func rough(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d seconds", int(d.Seconds()))
}
