package door

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// signIns is what the page of signing in shows.
type signIns struct {
	Next, Name, Wrong string
	First             bool   // nobody may sign in yet, and whoever knows the code may be the first
	Provider          string // how the identity provider is called; empty: there is none
}

func (d *Door) signInPage(w http.ResponseWriter, r *http.Request) error {
	return d.showSignIn(w, r, http.StatusOK, signIns{Next: Local(r.URL.Query().Get("next"))})
}

func (d *Door) showSignIn(w http.ResponseWriter, r *http.Request, code int, v signIns) (err error) {
	if v.First, err = d.nobodyYet(r.Context()); err != nil {
		return err
	}
	if d.provider != nil {
		v.Provider = d.provider.conf.Name
	}
	return d.opts.Pages.Show(w, r, code, "sign-in", v)
}

// nobodyYet reports whether the first person may be made.
func (d *Door) nobodyYet(ctx context.Context) (bool, error) {
	if d.opts.Code == "" {
		return false, nil
	}
	people, err := d.opts.Store.People(ctx)
	return len(people) == 0, err
}

// signIn takes a name, a password, and the code of an app where the person has
// one: all at once, so that nobody learns which of them was right.
func (d *Door) signIn(w http.ResponseWriter, r *http.Request) error {
	name, next := strings.TrimSpace(r.FormValue("name")), Local(r.FormValue("next"))
	if err := d.Knock(name, r); err != nil {
		return err
	}
	p, known, err := d.opts.Store.Person(r.Context(), name)
	if err != nil {
		return err
	}
	factors, err := d.proof(r, p)
	if err != nil {
		return err
	}
	if factors == 0 || !known || !p.DisabledAt.IsZero() || lapsed(p) {
		if err := d.refused(r, knownAs(known, name)); err != nil {
			return err
		}
		return d.showSignIn(w, r, http.StatusUnauthorized, signIns{Next: next, Name: name, Wrong: "Name, password and code do not belong together."})
	}
	d.doors.welcome(name, r)
	ev := audit.Event{Action: audit.SignedIn, Object: p.ID}
	if d.provider != nil {
		ev.Action = audit.GlassBroken
	}
	return d.enter(w, r, entry{person: p, way: store.ByPassword, factors: factors, lasts: sessionAtMost, event: ev}, next)
}

// lapsed reports whether a password that somebody else set was not used in time.
func lapsed(p store.Person) bool {
	return !p.PasswordUntil.IsZero() && !time.Now().Before(p.PasswordUntil)
}

// refused puts on record and in the log that somebody was not let in.
func (d *Door) refused(r *http.Request, name string) error {
	d.opts.Log.Warn("sign-in refused", "person", name, "address", Address(r))
	return d.record(r, audit.Event{Action: audit.SignedIn, Object: name, Outcome: audit.Refused})
}

// proof counts the factors by which the form of a request shows that it comes
// from the person: 0 says that it does not. The work is the same for nobody, and
// whichever of them is wrong.
func (d *Door) proof(r *http.Request, p store.Person) (factors int64, err error) {
	right, secret := false, []byte(nil)
	if err := d.desk.take(r.Context(), func() { right, secret = access.Prove(p.PasswordHash, p.Factor, r.FormValue("password")) }); err != nil || !right {
		return 0, err
	}
	if p.Factor == "" {
		return 1, nil
	}
	step, ok := access.CheckCode(secret, r.FormValue("code"), time.Now())
	if !ok || secret == nil {
		return 0, nil
	}
	first, err := d.opts.Store.FactorUsed(r.Context(), p.ID, step)
	if err != nil || !first {
		return 0, err
	}
	return 2, nil
}

// knownAs hides a name that is nobody's: people type their passwords there.
func knownAs(is bool, name string) string {
	if !is {
		return access.Unknown
	}
	return name
}

// record puts what a person did on record, in the chain of the house.
func (d *Door) record(r *http.Request, ev audit.Event) error {
	return d.opts.Store.Record(r.Context(), ev, audit.House)
}

func accessChanged(kind, id string, grants []access.Grant) audit.Event {
	return audit.Event{Action: audit.AccessChanged, Object: kind + ":" + id, Facts: map[string]any{"may": texts(grants)}}
}

func texts(grants []access.Grant) []string {
	all := make([]string, len(grants))
	for i, g := range grants {
		all[i] = g.String()
	}
	return all
}

func (d *Door) signOut(w http.ResponseWriter, r *http.Request) error {
	way := store.ByPassword
	if c, err := r.Cookie(d.cookieName()); err == nil {
		session, known, err := d.opts.Store.Session(r.Context(), c.Value)
		if err = errors.Join(err, d.opts.Store.EndSession(r.Context(), c.Value)); err != nil {
			return err
		}
		if known {
			way = session.Way
		}
	}
	d.leave(w)
	return d.signedOut(w, r, way)
}

// firsts is what the page of the first person shows.
type firsts struct{ ID, Name, Wrong string }

func (d *Door) firstPage(w http.ResponseWriter, r *http.Request) error {
	if first, err := d.nobodyYet(r.Context()); err != nil || !first {
		return errors.Join(err, orNotFound(first))
	}
	return d.opts.Pages.Show(w, r, http.StatusOK, "first", firsts{})
}

func orNotFound(there bool) error {
	if there {
		return nil
	}
	return access.ErrNotFound
}

// first makes the first person: an admin and operator of every practice.
func (d *Door) first(w http.ResponseWriter, r *http.Request) error {
	if first, err := d.nobodyYet(r.Context()); err != nil || !first {
		return errors.Join(err, orNotFound(first))
	}
	if err := d.Knock("the first person", r); err != nil {
		return err
	}
	form := personForm(r)
	wrong := errors.Join(form.check(), form.checkPassword())
	if !access.SameHash(access.HashSecret(d.opts.Code), access.HashSecret(strings.ToUpper(strings.TrimSpace(r.FormValue("code"))))) {
		wrong = errors.New("this is not the code that bulkhead showed at its start")
	}
	if wrong != nil {
		return d.opts.Pages.Show(w, r, http.StatusUnprocessableEntity, "first", firsts{form.id, form.name, page.Sentence(wrong)})
	}
	p := form.person([]access.Grant{{Role: access.Admin, Tenant: access.Every}, {Role: access.Operator, Tenant: access.Every}})
	hash, err := d.hash(r.Context(), form.password)
	if err != nil {
		return err
	}
	p.PasswordHash = hash
	r = r.WithContext(as(r, p.Actor()))
	err = d.opts.Store.PutFirstPerson(r.Context(), p, accessChanged("person", p.ID, p.Grants))
	if errors.Is(err, store.ErrPeople) {
		return access.ErrNotFound
	}
	if err != nil {
		return err
	}
	return d.enter(w, r, entry{person: p, way: store.ByPassword, factors: 1, lasts: sessionAtMost, event: audit.Event{Action: audit.SignedIn, Object: p.ID}}, "/")
}
