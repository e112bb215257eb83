package door

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// How long a session lasts, without use and at most (ASVS 3.3), and for how
// long a proof of who somebody is holds before what is most delicate.
const (
	idleAtMost    = 30 * time.Minute
	sessionAtMost = 12 * time.Hour
	proofHolds    = 5 * time.Minute
)

// A visit is who asks by a session: the person, the session, and its secret.
type visit struct {
	person  store.Person
	session store.Session
	secret  string
}

// fresh reports whether the person proved a moment ago who they are.
func (v visit) fresh() bool { return time.Since(v.session.ProvedAt) < proofHolds }

type visitKey struct{}

// visitOf gives the visit of a request that came with a session; the zero visit
// of one that came with none, or with a token.
func visitOf(r *http.Request) visit {
	v, _ := r.Context().Value(visitKey{}).(visit)
	return v
}

// Fresh returns ErrProof when the person of a request did not prove a moment ago
// who they are.
func Fresh(r *http.Request) error {
	if !visitOf(r).fresh() {
		return ErrProof
	}
	return nil
}

func (d *Door) cookieName() string {
	if d.opts.TLS {
		return "__Host-bulkhead"
	}
	return "bulkhead"
}

// cookie makes a cookie as all of ours are: for this server alone, for no
// script, and not sent along from other sites' forms (ASVS 3.4).
func (d *Door) cookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: d.opts.TLS, SameSite: http.SameSiteLaxMode}
}

// visitor gives the session that a request comes with; false for none that
// still stands: it has ended, nobody did anything in it for long, or the
// password of its beginning is no longer the person's.
func (d *Door) visitor(r *http.Request) (v visit, known bool, err error) {
	c, err := r.Cookie(d.cookieName())
	if err != nil || c.Value == "" || len(c.Value) > 200 {
		return v, false, nil
	}
	v.secret = c.Value
	if v.session, known, err = d.opts.Store.Session(r.Context(), v.secret); err != nil || !known {
		return visit{}, false, err
	}
	idle := time.Since(v.session.SeenAt)
	if idle > idleAtMost {
		return visit{}, false, nil
	}
	v.person, known, err = d.opts.Store.Person(r.Context(), v.session.Person)
	if err != nil || !known || !v.person.DisabledAt.IsZero() || !access.SameHash(v.session.Mark, access.HashSecret(v.person.PasswordHash)) {
		return visit{}, false, err
	}
	if idle > time.Minute && r.Header.Get(page.ByItself) == "" { // not a write for each request
		err = d.opts.Store.SessionSeen(r.Context(), v.secret)
	}
	return v, err == nil, err
}

// An entry is how somebody has shown who they are.
type entry struct {
	person          store.Person
	way             string // one of the store's
	factors         int64
	providerSession string
	lasts           time.Duration
	event           audit.Event
}

// enter begins a session of a person under a new secret (ASVS 3.2.1), ends the
// one that the browser had, and leads on: past what changed of how the person
// signs in since they did before, if anything. There is no session without its
// record.
func (d *Door) enter(w http.ResponseWriter, r *http.Request, e entry, next string) error {
	r = r.WithContext(as(r, e.person.Actor()))
	if c, err := r.Cookie(d.cookieName()); err == nil && c.Value != "" {
		if err := d.opts.Store.EndSession(r.Context(), c.Value); err != nil {
			return err
		}
	}
	secret := rand.Text() + rand.Text()
	begun := store.Session{
		Person: e.person.ID, Way: e.way, Mark: access.HashSecret(e.person.PasswordHash), Factors: e.factors, Address: Address(r), Agent: agent(r),
		ProviderSession: e.providerSession, EndsAt: time.Now().Add(min(e.lasts, sessionAtMost)),
	}
	changes, err := d.opts.Store.CredentialChangesOf(r.Context(), e.person.ID, e.person.SignedInAt)
	if err != nil {
		return err
	}
	if !e.person.SignedInAt.IsZero() && len(changes) > 0 { // they are told before anything else (ASVS 2.2.3)
		next = "/me?" + url.Values{"changed": {"1"}, "next": {next}}.Encode()
	}
	if err := d.opts.Store.BeginSession(r.Context(), secret, begun, e.event); err != nil {
		return err
	}
	http.SetCookie(w, d.cookie(d.cookieName(), secret))
	d.opts.Log.Info("signed in", "person", e.person.ID, "way", e.way, "address", Address(r))
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// agent is what a browser calls itself, cut to what people read.
func agent(r *http.Request) string {
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, r.UserAgent())
	return text[:min(len(text), 150)]
}

// leave takes the cookie from the browser.
func (d *Door) leave(w http.ResponseWriter) {
	gone := d.cookie(d.cookieName(), "")
	gone.MaxAge = -1
	http.SetCookie(w, gone)
}
