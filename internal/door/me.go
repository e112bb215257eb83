package door

import (
	"cmp"
	"errors"
	"html/template"
	"net/http"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var (
	// ErrProof says that the person must prove again who they are.
	ErrProof = page.Refusal(http.StatusForbidden, "prove again who you are: it is too long ago", "Open the page again: it asks for your password first.")
	// errNewPassword says that the password was set by somebody else.
	errNewPassword = page.Refusal(http.StatusForbidden, "choose a password of your own first", "Open /me/password and choose one.")
	// errSecondFactor says that an agreement demands a second factor.
	errSecondFactor = page.Refusal(http.StatusForbidden, "an agreement demands a second factor of everybody who signs in", "Open /me/factor and set one up; or sign in at the identity provider with one.")
)

// unsettled says what a person must do before anything else; nil for nothing,
// and for tokens.
func (d *Door) unsettled(v visit) error {
	switch {
	case v.secret == "":
		return nil
	case !v.person.PasswordUntil.IsZero():
		return errNewPassword
	case v.session.Factors < 2 && d.wantsFactor(v.person.Actor()):
		return errSecondFactor
	}
	return nil
}

// wantsFactor reports whether the agreement of a practice that somebody sees
// demands a second factor.
func (d *Door) wantsFactor(who access.Actor) bool {
	tenants := d.opts.Config().Tenants
	for i := range tenants {
		if a := tenants[i].Agreement; a != nil && a.Security.MFA && who.May(access.See, tenants[i].ID) {
			return true
		}
	}
	return false
}

// mine is what the page about oneself shows.
type mine struct {
	Person   store.Person
	Sessions []store.Session
	Here     string // the id of the session that looks
	Changes  []store.CredentialChange
	Changed  bool   // something changed since they signed in before
	Next     string // where they wanted to go then
}

// changesShown is for how long a person is shown what changed of how they sign
// in.
const changesShown = 90 * 24 * time.Hour

func (d *Door) mePage(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	list, err := d.opts.Store.SessionsOf(r.Context(), v.person.ID, time.Now().Add(-idleAtMost))
	if err != nil {
		return err
	}
	changes, err := d.opts.Store.CredentialChangesOf(r.Context(), v.person.ID, time.Now().Add(-changesShown))
	if err != nil {
		return err
	}
	changed := r.URL.Query().Get("changed") != ""
	return d.opts.Pages.Show(w, r, http.StatusOK, "me", mine{v.person, list, v.session.ID, changes, changed, Local(r.URL.Query().Get("next"))})
}

func ended(person string) audit.Event {
	return audit.Event{Action: audit.SessionsEnded, Object: person}
}

func (d *Door) endMySession(w http.ResponseWriter, r *http.Request) error {
	me := visitOf(r).person.ID
	done, err := d.opts.Store.EndSessionOf(r.Context(), me, r.PathValue("session"), ended(me))
	if err != nil || !done {
		return errors.Join(err, orNotFound(done))
	}
	http.Redirect(w, r, "/me", http.StatusSeeOther)
	return nil
}

func (d *Door) endMySessions(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	if err := d.opts.Store.EndSessionsOf(r.Context(), v.person.ID, v.secret, ended(v.person.ID)); err != nil {
		return err
	}
	http.Redirect(w, r, "/me", http.StatusSeeOther)
	return nil
}

// passwords is what the page of one's own password shows.
type passwords struct {
	Wrong  string
	Must   bool // somebody else has set the present one
	Factor bool // a code is asked for too
	Local  bool
}

func passwordsOf(v visit, wrong string) passwords {
	return passwords{wrong, !v.person.PasswordUntil.IsZero(), v.person.Factor != "", v.person.Local()}
}

func (d *Door) passwordPage(w http.ResponseWriter, r *http.Request) error {
	return d.opts.Pages.Show(w, r, http.StatusOK, "password", passwordsOf(visitOf(r), ""))
}

const notYours = "This is not your password, or not the code of the moment."

// changePassword takes a person's new password, and proof that it is them.
func (d *Door) changePassword(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	form := filledForm{id: v.person.ID, name: v.person.Name, password: r.FormValue("new"), again: r.FormValue("again")}
	wrong := form.checkPassword()
	switch {
	case !v.person.Local():
		wrong = errors.New("your password is kept by the identity provider")
	case wrong == nil && form.password == r.FormValue("password"):
		wrong = errors.New("the new password is the old one")
	}
	if wrong != nil {
		return d.opts.Pages.Show(w, r, http.StatusUnprocessableEntity, "password", passwordsOf(v, page.Sentence(wrong)))
	}
	right, err := d.proveSelf(r, v)
	if err != nil {
		return err
	}
	if right == 0 {
		return d.opts.Pages.Show(w, r, http.StatusUnprocessableEntity, "password", passwordsOf(v, notYours))
	}
	n := store.NewPassword{Person: v.person, Session: v.secret}
	if n.Hash, err = d.hash(r.Context(), form.password); err != nil {
		return err
	}
	if v.person.Factor != "" {
		if n.Factor, err = d.reseal(r, v.person.Factor, form.password); err != nil {
			return err
		}
	}
	ev := accessChanged("person", v.person.ID, v.person.Grants)
	ev.Facts["password"] = "changed"
	done, err := d.opts.Store.SetPassword(r.Context(), n, ev)
	if err != nil || !done {
		return cmp.Or(err, ErrProof)
	}
	http.Redirect(w, r, "/me", http.StatusSeeOther)
	return nil
}

// reseal seals a second factor's secret with a new password.
func (d *Door) reseal(r *http.Request, sealed, password string) (again string, err error) {
	turn := d.desk.take(r.Context(), func() {
		secret, ok := access.OpenFactor(sealed, r.FormValue("password"))
		if !ok {
			err = ErrProof
			return
		}
		again, err = access.SealFactor(secret, password)
	})
	return again, errors.Join(turn, err)
}

// proveSelf is proof for who has signed in; attempts count as those to sign in.
func (d *Door) proveSelf(r *http.Request, v visit) (factors int64, err error) {
	if err := d.Knock(v.person.ID, r); err != nil {
		return 0, err
	}
	if factors, err = d.proof(r, v.person); err != nil {
		return 0, err
	}
	if factors == 0 {
		return 0, d.refused(r, v.person.ID)
	}
	d.doors.welcome(v.person.ID, r)
	return factors, nil
}

// proofs is what the page shows that asks a person to prove who they are.
type proofs struct {
	Next, Wrong string
	Factor      bool
	Provider    bool // the identity provider asks
}

func (d *Door) proofPage(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	return d.opts.Pages.Show(w, r, http.StatusOK, "proof", proofs{Local(r.URL.Query().Get("next")), "", v.person.Factor != "", !v.person.Local()})
}

// prove takes a proof of who somebody is, and leads on.
func (d *Door) prove(w http.ResponseWriter, r *http.Request) error {
	v, next := visitOf(r), Local(r.FormValue("next"))
	factors, err := d.proveSelf(r, v)
	if err != nil {
		return err
	}
	if factors == 0 {
		return d.opts.Pages.Show(w, r, http.StatusUnprocessableEntity, "proof", proofs{next, notYours, v.person.Factor != "", !v.person.Local()})
	}
	ev := audit.Event{Action: audit.SignedIn, Object: v.person.ID, Facts: map[string]any{"again": true}}
	if done, err := d.opts.Store.SessionProved(r.Context(), v.secret, factors, ev); err != nil || !done {
		return cmp.Or(err, access.ErrNobody)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// factors is what the page of one's second factor shows.
type factors struct {
	Wrong  string
	Has    bool         // there is one
	Must   bool         // an agreement demands one
	Local  bool         // it is kept here, not by the identity provider
	Secret string       // of the one that may be set up
	Link   template.URL // the same for an app on this device
}

func (d *Door) factorPage(w http.ResponseWriter, r *http.Request) error {
	return d.showFactor(w, r, http.StatusOK, access.NewFactor(), "")
}

func (d *Door) showFactor(w http.ResponseWriter, r *http.Request, code int, secret []byte, wrong string) error {
	v := visitOf(r)
	return d.opts.Pages.Show(w, r, code, "factor", factors{
		Wrong: wrong, Has: v.person.Factor != "", Must: d.wantsFactor(v.person.Actor()), Local: v.person.Local(),
		Secret: access.FactorText(secret), Link: template.URL(access.FactorURL(v.person.ID, secret)), //nolint:gosec // the scheme of authenticator apps, with an id that has been checked
	})
}

// setFactor takes a secret that the person's app knows already: it shows a code.
func (d *Door) setFactor(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	secret, ok := access.ParseFactor(r.FormValue("secret"))
	if !ok || !v.person.Local() || v.person.Factor != "" {
		return d.showFactor(w, r, http.StatusUnprocessableEntity, access.NewFactor(), "Begin again: there is one already, or the secret is not the one that was shown.")
	}
	right, err := d.proveSelf(r, v)
	if err != nil {
		return err
	}
	if right == 0 {
		return d.showFactor(w, r, http.StatusUnprocessableEntity, secret, "This is not your password.")
	}
	step, shown := access.CheckCode(secret, r.FormValue("shown"), time.Now())
	if !shown {
		return d.showFactor(w, r, http.StatusUnprocessableEntity, secret, "This is not the code that the app should show now: compare the secret, and the clock of the device.")
	}
	var sealed string
	if turn := d.desk.take(r.Context(), func() { sealed, err = access.SealFactor(secret, r.FormValue("password")) }); turn != nil || err != nil {
		return errors.Join(turn, err)
	}
	return d.putFactor(w, r, sealed, step, "set")
}

func (d *Door) removeFactor(w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r)
	right, err := d.proveSelf(r, v)
	if err != nil {
		return err
	}
	if right == 0 {
		return d.showFactor(w, r, http.StatusUnprocessableEntity, access.NewFactor(), notYours)
	}
	return d.putFactor(w, r, "", 0, "removed")
}

func (d *Door) putFactor(w http.ResponseWriter, r *http.Request, sealed string, step int64, what string) error {
	v := visitOf(r)
	ev := accessChanged("person", v.person.ID, v.person.Grants)
	ev.Facts["second_factor"] = what
	done, err := d.opts.Store.SetFactor(r.Context(), store.NewFactor{Person: v.person, Sealed: sealed, Step: step, Session: v.secret}, ev)
	if err != nil || !done {
		return cmp.Or(err, ErrProof)
	}
	http.Redirect(w, r, "/me", http.StatusSeeOther)
	return nil
}
