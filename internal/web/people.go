package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// firstUse is how long a password that an admin set opens, to choose another.
const firstUse = 7 * 24 * time.Hour

// people is what the page of people and tokens shows.
type people struct {
	People   []store.Person
	Sessions map[string]int64 // how many each person has
	Tokens   []store.Token
	Wrong    string
	Token    string // a new one, shown once
	Follows  string // the id of the one in whose place it comes; or empty
}

// Orphan reports whether a token opens nothing because its maker may make none
// any more. Whoever replaces it is the maker of its successor, which is good.
func (p people) Orphan(t store.Token) bool {
	return slices.ContainsFunc(p.People, func(maker store.Person) bool {
		return maker.ID == t.CreatedBy && !mayMakeTokens(maker)
	})
}

func (s *Server) peoplePage(w http.ResponseWriter, r *http.Request) error {
	return s.showPeople(w, r, http.StatusOK, people{})
}

func (s *Server) showPeople(w http.ResponseWriter, r *http.Request, code int, p people) (err error) {
	if p.People, err = s.opts.Store.People(r.Context()); err != nil {
		return err
	}
	if p.Sessions, err = s.opts.Store.CountSessions(r.Context(), time.Now().Add(-idleAtMost)); err != nil {
		return err
	}
	if p.Tokens, err = s.opts.Store.Tokens(r.Context()); err != nil {
		return err
	}
	return s.show(w, r, code, "people", p)
}

// A filledForm is what somebody wrote about a person.
type filledForm struct{ id, name, password, again string }

func personForm(r *http.Request) filledForm {
	return filledForm{
		id: strings.TrimSpace(r.FormValue("id")), name: strings.TrimSpace(r.FormValue("name")),
		password: r.FormValue("password"), again: r.FormValue("again"),
	}
}

func (f filledForm) check() error {
	switch {
	case !access.ValidID(f.id):
		return errors.New("the name to sign in with is 2 to 64 lower-case letters, digits and . _ @ -, a letter first, and none that the record has for others, such as bulkhead, nobody, engine")
	case len(f.name) > 100:
		return errors.New("the name is longer than 100 characters")
	}
	return nil
}

func (f filledForm) checkPassword() error {
	if f.password != f.again {
		return errors.New("the two passwords differ")
	}
	return access.CheckPassword(f.password, f.id, f.name)
}

// person is who the form describes, without a password.
func (f filledForm) person(grants []access.Grant) store.Person {
	if f.name == "" {
		f.name = f.id
	}
	return store.Person{ID: f.id, Name: f.name, Grants: grants}
}

// addPerson adds a person, or changes the one of that id: their roles, and their
// password where one is given, which takes their second factor and sessions too.
// A password that an admin sets is good for choosing another.
func (s *Server) addPerson(w http.ResponseWriter, r *http.Request) error {
	form := personForm(r)
	grants, err := grantsOf(r.FormValue("grants"))
	was, there, missing := s.opts.Store.Person(r.Context(), form.id)
	if missing != nil {
		return missing
	}
	keeps := there && form.password == "" && form.again == ""
	if err = errors.Join(form.check(), err); err == nil && !keeps {
		err = form.checkPassword()
	}
	conflict := ""
	switch {
	case err != nil:
		return s.showPeople(w, r, http.StatusUnprocessableEntity, people{Wrong: sentence(err)})
	case there && r.FormValue("change") == "":
		conflict = "Somebody has that name to sign in with already; tick the box if you mean to change them."
	case there && !was.Local():
		conflict = "The identity provider says who this person is and what they may do: change it there, or take their access here."
	case there && form.id == actorOf(r.Context()).ID && !admin(grants):
		conflict = "Nobody takes their own access: another admin must."
	}
	if conflict != "" {
		return s.showPeople(w, r, http.StatusConflict, people{Wrong: conflict})
	}
	ev := accessChanged("person", form.id, grants)
	ev.Facts["was"] = texts(was.Grants)
	p := form.person(grants)
	if keeps {
		_, err = s.opts.Store.PutGrants(r.Context(), p, ev)
	} else {
		ev.Facts["password"] = "set"
		err = s.putPassword(r, p, form.password, ev)
	}
	return s.peopleChanged(w, r, "person recorded", form.id, err)
}

// putPassword records a person with a password that somebody else knows.
func (s *Server) putPassword(r *http.Request, p store.Person, password string, ev audit.Event) (err error) {
	if p.PasswordHash, err = s.hash(r.Context(), password); err != nil {
		return err
	}
	if p.ID != actorOf(r.Context()).ID {
		p.PasswordUntil = time.Now().Add(firstUse)
	}
	return s.opts.Store.PutPerson(r.Context(), p, ev)
}

// peopleChanged leads back to the page, or says why the last admin stays.
func (s *Server) peopleChanged(w http.ResponseWriter, r *http.Request, what, id string, err error) error {
	if errors.Is(err, store.ErrLastAdmin) {
		return s.showPeople(w, r, http.StatusConflict, people{Wrong: sentence(err)})
	}
	if err != nil {
		return err
	}
	s.opts.Log.Info("people changed", "what", what, "person", id, "by", actorOf(r.Context()).ID)
	http.Redirect(w, r, "/people", http.StatusSeeOther)
	return nil
}

func admin(grants []access.Grant) bool {
	return slices.ContainsFunc(grants, func(g access.Grant) bool { return g.Role == access.Admin })
}

// grantsOf reads grants that are set apart by white space or commas.
func grantsOf(text string) ([]access.Grant, error) {
	var grants []access.Grant
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }) {
		g, err := access.ParseGrant(word)
		if err != nil {
			return nil, err
		}
		grants = append(grants, g)
	}
	if len(grants) == 0 {
		return nil, errors.New("give at least one role, such as viewer or operator@practice")
	}
	return grants, nil
}

func (s *Server) disablePerson(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("person")
	if id == actorOf(r.Context()).ID {
		return s.showPeople(w, r, http.StatusConflict, people{Wrong: "Nobody takes their own access: another admin must."})
	}
	done, err := s.opts.Store.DisablePerson(r.Context(), id, accessChanged("person", id, nil))
	if err == nil && !done {
		return errNotFound
	}
	return s.peopleChanged(w, r, "person disabled", id, err)
}

// endSessionsOf ends all sessions of somebody.
func (s *Server) endSessionsOf(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("person")
	_, there, err := s.opts.Store.Person(r.Context(), id)
	if err != nil || !there {
		return errors.Join(err, orNotFound(there))
	}
	but := ""
	if v := visitOf(r); v.person.ID == id {
		but = v.secret
	}
	err = s.opts.Store.EndSessionsOf(r.Context(), id, but, audit.Event{Action: audit.SessionsEnded, Object: id})
	return s.peopleChanged(w, r, "sessions ended", id, err)
}
