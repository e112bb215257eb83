package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A deadline is something that ends, or must be done, at a time; or that is so
// already.
type deadline struct {
	At     time.Time `json:"at" doc:"When it breaks; in the past: since when it has been broken."`
	Kind   string    `json:"kind" enum:"agreement,disposal,key,certificate,token,roster,rate,disk,activation,jwks"`
	Tenant string    `json:"tenant,omitempty" doc:"Absent: it is of the house."`
	Name   string    `json:"name,omitempty"`
	Says   string    `json:"says"`
	Who    string    `json:"who_must_act" enum:"us,practice,vendor"`
	Do     string    `json:"remedy"`
}

// Class says how near it is.
func (d deadline) Class(now time.Time) string {
	switch left := d.At.Sub(now); {
	case left <= 0:
		return "over"
	case left < 7*24*time.Hour:
		return "near"
	case left < 30*24*time.Hour:
		return "soon"
	}
	return "far"
}

// A standingAgreement is what one practice's agreement says now.
type standingAgreement struct {
	Tenant, Name string
	Agreement    *config.Agreement // nil: there is none
	Rule         agreement.Rule    // what it says to a kick-off at this moment
	Problem      string            // why it forbids it; empty when it does not
	Remedy       string
}

// Class says whether an export may start.
func (a standingAgreement) Class() string {
	if a.Problem == "" {
		return "good"
	}
	return "bad"
}

// deadlines is what the page of agreements and ends shows.
type deadlines struct {
	Within     int // days
	Agreements bool
	Find       string
	Near       []deadline
	Counts     []nearness
	All        []standingAgreement
	Practices  int
}

// A nearness counts the deadlines of one nearness.
type nearness struct {
	Class, Says string
	Count       int
}

// withinAtMost is how far ahead deadlines are looked for, in days.
const withinAtMost = 400

// deadlinesPage shows what ends soon, the nearest first, and who must act; or
// the agreements of all practices.
func (s *Server) deadlinesPage(w http.ResponseWriter, r *http.Request) error {
	d := deadlines{
		Within: int(min(max(whole(r.FormValue("within"), 90), 1), withinAtMost)), Agreements: r.FormValue("show") == "agreements",
		Find: strings.TrimSpace(r.FormValue("find")),
	}
	now := time.Now()
	all, err := s.deadlines(r.Context(), now)
	if err != nil {
		return err
	}
	d.All = s.agreements(r.Context(), now)
	d.Practices = len(d.All)
	d.narrow(all, now)
	return s.pages.Show(w, r, http.StatusOK, "deadlines", d)
}

// narrow keeps what is near enough and what is looked for, and counts.
func (d *deadlines) narrow(all []deadline, now time.Time) {
	wanted := func(tenant, name string) bool {
		find := strings.ToLower(d.Find)
		return strings.Contains(strings.ToLower(tenant), find) || strings.Contains(strings.ToLower(name), find)
	}
	d.All = slices.DeleteFunc(d.All, func(a standingAgreement) bool { return !wanted(a.Tenant, a.Name) })
	counts := map[string]int{}
	for _, one := range all {
		if !wanted(one.Tenant, one.Name) {
			continue
		}
		counts[one.Class(now)]++
		if one.At.Sub(now) < time.Duration(d.Within)*24*time.Hour {
			d.Near = append(d.Near, one)
		}
	}
	for _, n := range []nearness{{Class: "over", Says: "broken now"}, {Class: "near", Says: "within 7 days"}, {Class: "soon", Says: "within 30 days"}, {Class: "far", Says: "later"}} {
		n.Count = counts[n.Class]
		d.Counts = append(d.Counts, n)
	}
}

// deadlines gives everything with a date that who asks may see, the nearest
// first.
func (s *Server) deadlines(ctx context.Context, now time.Time) ([]deadline, error) {
	c, actor := s.opts.Config(), access.ActorOf(ctx)
	var list []deadline
	for i := range c.Tenants {
		t := &c.Tenants[i]
		if !actor.May(access.See, t.ID) {
			continue
		}
		list = append(list, endsOf(t, now)...)
		d, ok, err := s.disposalOf(ctx, t, now)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, d)
		}
	}
	if actor.May(access.See, "") {
		list = append(list, s.keys.of(c, now)...)
	}
	if actor.May(access.Administer, "") {
		tokens, err := s.opts.Store.Tokens(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, endsOfTokens(tokens, now)...)
	}
	open, err := s.opts.Store.OpenAlerts(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range open {
		if slices.Contains(breaking, alert.Kind(a.Kind)) && actor.May(access.See, a.Tenant) {
			list = append(list, deadline{At: a.Since, Kind: a.Kind, Tenant: a.Tenant, Says: a.Summary, Who: a.Party, Do: a.Remedy})
		}
	}
	names, err := s.look.Names(ctx)
	for i := range list {
		if list[i].Tenant != "" {
			list[i].Name = cmp.Or(names[list[i].Tenant], list[i].Tenant)
		}
	}
	slices.SortStableFunc(list, func(a, b deadline) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Tenant, b.Tenant)) })
	return list, err
}

// breaking are the kinds of alerts that say that something without a date is
// about to break.
var breaking = []alert.Kind{alert.Roster, alert.Rate, alert.Disk, alert.Activation}

// endsOf gives the dates of one practice's agreement.
func endsOf(t *config.Tenant, now time.Time) []deadline {
	a := t.Agreement
	if a == nil {
		return nil // the agreements themselves say so: nothing of it ends
	}
	d := deadline{Tenant: t.ID, Kind: "agreement", Who: config.ContactUs}
	switch {
	case a.Status == config.AgreementDraft, a.Status == config.AgreementTerminated:
		return nil
	case a.EffectiveFrom.After(now):
		d.At, d.Says, d.Do = a.EffectiveFrom.Time, "agreement "+a.Reference+" begins; nothing is exported before", "Wait until then, or correct effective_from."
		return []deadline{d}
	case a.ExpiresAt.IsZero():
		return nil
	}
	d.At = a.ExpiresAt.Time
	d.Says = "agreement " + a.Reference + " ends: nothing is exported after that"
	d.Do = "Renew it with the practice and set the new expires_at, or set terminated if it is meant to end."
	switch {
	case !now.Before(d.At):
		d.Says = "agreement " + a.Reference + " has ended: nothing is exported any more"
	case a.AutoRenew:
		d.Says = "agreement " + a.Reference + " renews itself unless a party gives notice"
		d.Do = fmt.Sprintf("Give notice %s before, or set the new expires_at.", days(a.Notice.Std()))
	}
	return []deadline{d}
}

// disposalOf gives when what is kept of a practice must go whose agreement is
// over; false while it is not, or while nobody can say.
func (s *Server) disposalOf(ctx context.Context, t *config.Tenant, now time.Time) (d deadline, ok bool, err error) {
	a := t.Agreement
	if a == nil || a.Status != config.AgreementTerminated && (a.ExpiresAt.IsZero() || now.Before(a.ExpiresAt.Time)) {
		return d, false, nil
	}
	endings, err := s.opts.Store.In(t.ID).Endings(ctx)
	if err != nil {
		return d, false, err
	}
	kept := agreement.Kept{Kind: agreement.KindDelivered}
	for _, e := range endings {
		if !e.EndedAt.IsZero() && e.Reference == a.Reference {
			return d, false, nil // it is done
		}
		if e.CalledOffAt.IsZero() && e.EndedAt.IsZero() {
			kept.Ended, kept.Returned = e.OverAt, !e.ReturnedAt.IsZero()
		}
	}
	due := agreement.Dispose(a, kept, now)
	d = deadline{At: due.At, Kind: "disposal", Tenant: t.ID, Who: config.ContactUs, Says: "everything of agreement " + a.Reference + " is destroyed", Do: "Renew the agreement before, if its end is a mistake."}
	if due.Rule == agreement.NotReturned {
		d.Says, d.Do = "everything of agreement "+a.Reference+" must be handed back, and be gone", "Write it out for the practice with bulkhead dispose "+t.ID+" --return DIR."
	}
	return d, !due.At.IsZero(), nil
}

func endsOfTokens(tokens []store.Token, now time.Time) (list []deadline) {
	for _, t := range tokens {
		if !t.RevokedAt.IsZero() || t.ExpiresAt.Before(now.AddDate(0, 0, -30)) {
			continue
		}
		list = append(list, deadline{
			At: t.ExpiresAt, Kind: "token", Who: config.ContactUs, Says: "API token " + t.Name + " (" + t.ID + ") ends", Do: "Make a new one and give it to the program; then revoke this one.",
		})
	}
	return list
}

// agreements gives how every practice's agreement stands that who asks may see,
// by practice.
func (s *Server) agreements(ctx context.Context, now time.Time) []standingAgreement {
	c, actor := s.opts.Config(), access.ActorOf(ctx)
	list := []standingAgreement{}
	for i := range c.Tenants {
		t := &c.Tenants[i]
		if !actor.May(access.See, t.ID) {
			continue
		}
		list = append(list, agreementOf(t, now))
	}
	return list
}

// agreementOf says what a practice's agreement permits now.
func agreementOf(t *config.Tenant, now time.Time) standingAgreement {
	v := agreement.Decide(t.Agreement, agreement.Ask{Stage: agreement.AtPoll, Tenant: t.ID, At: now})
	one := standingAgreement{Tenant: t.ID, Name: cmp.Or(t.Name, t.ID), Agreement: t.Agreement, Rule: v.Rule}
	if v.Problem != nil {
		one.Problem, one.Remedy = v.Problem.Summary, v.Problem.Remedy
	}
	return one
}

func days(d time.Duration) string { return fmt.Sprintf("%d days", int(d.Hours()/24)) }
