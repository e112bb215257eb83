package door

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// toProvider leads a person to the identity provider.
func (d *Door) toProvider(w http.ResponseWriter, r *http.Request) error {
	if d.provider == nil {
		return access.ErrNotFound
	}
	f := newFlow(Local(r.URL.Query().Get("next")), r.URL.Query().Get("again") != "")
	to, err := d.provider.lead(r.Context(), f)
	if err != nil {
		return err
	}
	d.keepFlow(w, f)
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// fromProvider takes the provider's answer: it begins a session, or renews the
// proof of who somebody is. Who is refused is on record.
func (d *Door) fromProvider(w http.ResponseWriter, r *http.Request) error {
	if d.provider == nil {
		return access.ErrNotFound
	}
	f, ours := d.endFlow(w, r)
	if !ours {
		return refusal("this answer does not belong to a sign-in that began in this browser within ten minutes", nil)
	}
	c, err := d.provider.take(r.Context(), f, r.URL.Query().Get)
	if err == nil && f.again {
		return d.provedThere(w, r, c, f.next)
	}
	var e entry
	if err == nil {
		e, err = d.provided(r, c)
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		if !d.doors.refused(r) {
			return d.tooOften(r)
		}
		d.opts.Log.Warn("sign-in refused", "way", store.ByProvider, "why", p.Summary, "cause", p.Err, "address", Address(r))
		ev := audit.Event{Action: audit.SignedIn, Object: knownAs(e.person.ID != "", e.person.ID), Outcome: audit.Refused, Reason: string(p.Code)}
		return errors.Join(err, d.record(r, ev))
	}
	if err != nil {
		return err
	}
	return d.enter(w, r, e, f.next)
}

// provided is how a person enters whom the provider has named: the roles are
// those that it gives them now.
func (d *Door) provided(r *http.Request, c claims) (entry, error) {
	p, there, err := d.personOf(r.Context(), c)
	if err != nil {
		return entry{}, err
	}
	grants, err := c.grants(d.provider.conf)
	if err != nil {
		return entry{}, err
	}
	e := entry{person: p, way: store.ByProvider, factors: c.factors(d.provider.conf), providerSession: c.Session, lasts: time.Until(c.Expires), event: audit.Event{Action: audit.SignedIn, Object: p.ID, Facts: map[string]any{"way": store.ByProvider}}}
	if d := d.provider.conf.Session.Std(); d > 0 {
		e.lasts = d
	}
	if !there && len(grants) == 0 { // nobody of ours, and not to be
		e.person = store.Person{}
		return e, noRole()
	}
	if err := d.follow(r, &e.person, c, grants, there); err != nil {
		return e, err
	}
	switch {
	case len(grants) == 0:
		return e, noRole()
	case !p.DisabledAt.IsZero():
		return e, refusal("your access was taken here", nil)
	case e.factors < 2 && (d.provider.conf.RequireMFA || d.wantsFactor(e.person.Actor())):
		return e, refusal("the identity provider does not say that you showed a second factor, which is demanded here", nil)
	}
	return e, nil
}

func noRole() error {
	return refusal("none of the roles that the identity provider gives you is one of this bulkhead", nil)
}

// follow makes what is known here of a person what the provider says, and puts
// it on record where they may do something else than before.
func (d *Door) follow(r *http.Request, p *store.Person, c claims, grants []access.Grant, there bool) error {
	was := slices.SortedFunc(slices.Values(p.Grants), compareGrants)
	name := c.shownName(p.ID)
	if there && name == p.Name && slices.Equal(was, grants) {
		return nil
	}
	p.Name, p.Grants = name, grants
	ev := accessChanged("person", p.ID, grants)
	ev.Facts["was"], ev.Facts["by"] = texts(was), store.ByProvider
	return d.opts.Store.PutProvided(r.Context(), *p, ev)
}

// provedThere renews the proof of a person who has signed in: the provider must
// name the same one, and say that they showed a moment ago who they are.
func (d *Door) provedThere(w http.ResponseWriter, r *http.Request, c claims, next string) error {
	v, known, err := d.visitor(r)
	switch {
	case err != nil || !known:
		return cmp.Or(err, access.ErrNobody)
	case v.person.Subject != c.Subject:
		return refusal("the identity provider names somebody else than who has signed in", nil)
	case time.Since(c.SignedIn).Abs() > proofHolds:
		return refusal("the identity provider does not say that you signed in there a moment ago", nil)
	}
	r = r.WithContext(as(r, v.person.Actor()))
	ev := audit.Event{Action: audit.SignedIn, Object: v.person.ID, Facts: map[string]any{"again": true, "way": store.ByProvider}}
	done, err := d.opts.Store.SessionProved(r.Context(), v.secret, max(v.session.Factors, c.factors(d.provider.conf)), ev)
	if err != nil || !done {
		return cmp.Or(err, access.ErrNobody)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// outThere is what the page says to who has signed out.
type outThere struct{ Provider, Link string }

// signedOut leads on who has signed out; whom the provider let in may sign out
// there too. It is a link: a form would not be followed to another site.
func (d *Door) signedOut(w http.ResponseWriter, r *http.Request, way string) error {
	if way == store.ByProvider && d.provider != nil {
		if says, err := d.provider.discover(r.Context()); err == nil && says.endSession != "" {
			link, err := url.Parse(says.endSession)
			if err != nil {
				return err
			}
			q := link.Query()
			q.Set("client_id", d.provider.conf.ClientID)
			q.Set("post_logout_redirect_uri", d.provider.after)
			link.RawQuery = q.Encode()
			return d.opts.Pages.Show(w, r.WithContext(as(r, access.Actor{})), http.StatusOK, "signed-out", outThere{d.provider.conf.Name, link.String()})
		}
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}

// errNoLogout says that a logout token is not one, whatever the reason.
// https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse
var errNoLogout = page.Refusal(http.StatusBadRequest, "this logout token ends no session here", "Sign it by the identity provider's keys for this bulkhead; the log has the reason.")

// outAtProvider ends sessions of somebody who has signed out at the provider, on
// its word.
func (d *Door) outAtProvider(w http.ResponseWriter, r *http.Request) error {
	if d.provider == nil {
		return access.ErrNotFound
	}
	subject, session, err := d.provider.signedOut(r.Context(), r.FormValue("logout_token"))
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		if !d.doors.refused(r) {
			return d.tooOften(r)
		}
		d.opts.Log.Warn("sign-out refused", "way", store.ByProvider, "why", p.Summary, "cause", p.Err, "address", Address(r))
		return errNoLogout
	}
	if err != nil {
		return err
	}
	ev := audit.Event{Action: audit.SessionsEnded, Facts: map[string]any{"by": store.ByProvider}}
	if err := d.opts.Store.EndProviderSessions(r.Context(), subject, session, ev); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
