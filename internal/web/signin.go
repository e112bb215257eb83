package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// What a session holds: the id of who has signed in, a mark of the password at
// that time, so that a new password ends the sessions of the old one, and when
// the person last did something.
const sessionPerson, sessionMark, sessionSeen = "person", "mark", "seen"

// byItself is the header of a page that looks for what is new by itself.
const byItself = "Bulkhead-Live"

// awake reports whether a session's person did something of late, and notes
// that they do now: once a minute, and not for a page that looks by itself.
func (s *Server) awake(r *http.Request) bool {
	idle := time.Since(time.Unix(s.sessions.GetInt64(r.Context(), sessionSeen), 0))
	if idle > idleAtMost {
		return false
	}
	if idle > time.Minute && r.Header.Get(byItself) == "" {
		s.sessions.Put(r.Context(), sessionSeen, time.Now().Unix())
	}
	return true
}

// signIns is what the page of signing in shows.
type signIns struct {
	Next, Name, Wrong string
	First             bool // nobody may sign in yet, and whoever knows the code may be the first
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) error {
	first, err := s.nobodyYet(r.Context())
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, "sign-in", signIns{Next: local(r.URL.Query().Get("next")), First: first})
}

// nobodyYet reports whether the first person may be made.
func (s *Server) nobodyYet(ctx context.Context) (bool, error) {
	if s.opts.Code == "" {
		return false, nil
	}
	people, err := s.opts.Store.People(ctx)
	return len(people) == 0, err
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	name, password, next := strings.TrimSpace(r.FormValue("name")), r.FormValue("password"), local(r.FormValue("next"))
	if len(name) > 200 || !s.doors.try(name, r) {
		return errTooOften
	}
	p, ok, err := s.opts.Store.Person(r.Context(), name)
	if err != nil {
		return err
	}
	if !s.verify(p.PasswordHash, password) || !ok || !p.DisabledAt.IsZero() {
		s.opts.Log.Warn("sign-in refused", "person", known(ok, name), "address", address(r))
		if err := s.record(r, audit.Event{Action: audit.SignedIn, Object: known(ok, name), Outcome: audit.Refused}); err != nil {
			return err
		}
		return s.show(w, r, http.StatusUnauthorized, "sign-in", signIns{Next: next, Name: name, Wrong: "Name and password do not belong together."})
	}
	return s.enter(w, r, p, next)
}

// How the record and the log name those who are nobody of ours.
const nobody, unknownPerson = "nobody", "unknown"

// known hides a name that is nobody's: people type their passwords there.
func known(is bool, name string) string {
	if !is {
		return unknownPerson
	}
	return name
}

// verify checks one password at a time: each takes memory.
func (s *Server) verify(hash, password string) bool {
	s.hashing.Lock()
	defer s.hashing.Unlock()
	return access.VerifyPassword(hash, password)
}

// enter begins a session of a person, with a new cookie (ASVS 3.2.1).
func (s *Server) enter(w http.ResponseWriter, r *http.Request, p store.Person, next string) error {
	r = r.WithContext(as(r, p.Actor()))
	err := errors.Join(s.opts.Store.SignedIn(r.Context(), p.ID), s.record(r, audit.Event{Action: audit.SignedIn, Object: p.ID}))
	if err != nil { // no session without its record
		return err
	}
	if err := s.sessions.RenewToken(r.Context()); err != nil {
		return err
	}
	s.sessions.Put(r.Context(), sessionPerson, p.ID)
	s.sessions.Put(r.Context(), sessionMark, access.HashSecret(p.PasswordHash))
	s.sessions.Put(r.Context(), sessionSeen, time.Now().Unix())
	s.opts.Log.Info("signed in", "person", p.ID, "address", address(r))
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// record puts what a person did on record, in the chain of the house.
func (s *Server) record(r *http.Request, ev audit.Event) error {
	return s.opts.Store.Record(r.Context(), ev, audit.House)
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

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.sessions.Destroy(r.Context()); err != nil {
		return err
	}
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}

// firsts is what the page of the first person shows.
type firsts struct{ ID, Name, Wrong string }

func (s *Server) firstPage(w http.ResponseWriter, r *http.Request) error {
	if first, err := s.nobodyYet(r.Context()); err != nil || !first {
		return errors.Join(err, orNotFound(first))
	}
	return s.show(w, r, http.StatusOK, "first", firsts{})
}

func orNotFound(there bool) error {
	if there {
		return nil
	}
	return errNotFound
}

// first makes the first person: an admin and operator of every practice.
func (s *Server) first(w http.ResponseWriter, r *http.Request) error {
	if first, err := s.nobodyYet(r.Context()); err != nil || !first {
		return errors.Join(err, orNotFound(first))
	}
	if !s.doors.try("the first person", r) {
		return errTooOften
	}
	form := personForm(r)
	wrong := form.check()
	if !access.SameHash(access.HashSecret(s.opts.Code), access.HashSecret(strings.ToUpper(strings.TrimSpace(r.FormValue("code"))))) {
		wrong = errors.New("this is not the code that bulkhead showed at its start")
	}
	if wrong != nil {
		return s.show(w, r, http.StatusUnprocessableEntity, "first", firsts{form.id, form.name, sentence(wrong)})
	}
	p := form.person([]access.Grant{{Role: access.Admin, Tenant: access.Every}, {Role: access.Operator, Tenant: access.Every}})
	r = r.WithContext(as(r, p.Actor()))
	err := s.opts.Store.PutFirstPerson(r.Context(), p, accessChanged("person", p.ID, p.Grants))
	if errors.Is(err, store.ErrPeople) {
		return errNotFound
	}
	if err != nil {
		return err
	}
	return s.enter(w, r, p, "/")
}

// tokenOf gives the token that a request brings; false for one that is not
// good, or no longer.
func (s *Server) tokenOf(ctx context.Context, header string) (t store.Token, ok bool, err error) {
	scheme, text, _ := strings.Cut(header, " ")
	id, hash, is := access.SplitToken(text)
	if !is || !strings.EqualFold(scheme, "Bearer") {
		return t, false, nil
	}
	now := time.Now()
	t, ok, err = s.opts.Store.Token(ctx, id)
	if err != nil || !ok || !access.SameHash(t.Hash, hash) || !t.RevokedAt.IsZero() || !now.Before(t.ExpiresAt) {
		return store.Token{}, false, err
	}
	maker, made, err := s.opts.Store.Person(ctx, t.CreatedBy)
	if err != nil || made && !maker.DisabledAt.IsZero() { // a token ends with its maker's access
		return store.Token{}, false, err
	}
	if now.Sub(t.LastUsedAt) > time.Minute { // not a write for each request
		err = s.opts.Store.TokenUsed(ctx, id)
	}
	return t, err == nil, err
}
