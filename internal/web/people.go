package web

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// people is what the page of people and tokens shows.
type people struct {
	People []store.Person
	Tokens []store.Token
	Wrong  string
	Token  string // a new one, shown once
}

func (s *Server) peoplePage(w http.ResponseWriter, r *http.Request) error {
	return s.showPeople(w, r, http.StatusOK, people{})
}

func (s *Server) showPeople(w http.ResponseWriter, r *http.Request, code int, p people) (err error) {
	if p.People, err = s.opts.Store.People(r.Context()); err != nil {
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

// reserved are names that the record has for others than people.
var reserved = []string{audit.Service, nobody, unknownPerson, "schedule", "command", "doctor", "engine"}

var personID = regexp.MustCompile(`^[a-z][a-z0-9._@-]{1,63}$`)

func (f filledForm) check() error {
	switch {
	case !personID.MatchString(f.id):
		return errors.New("the name to sign in with is 2 to 64 lower-case letters, digits and . _ @ -, a letter first")
	case slices.Contains(reserved, f.id):
		return errors.New("this name to sign in with is bulkhead's own, in its record")
	case f.password != f.again:
		return errors.New("the two passwords differ")
	case len(f.name) > 100:
		return errors.New("the name is longer than 100 characters")
	}
	return access.CheckPassword(f.id, f.password)
}

func (f filledForm) person(grants []access.Grant) store.Person {
	if f.name == "" {
		f.name = f.id
	}
	return store.Person{ID: f.id, Name: f.name, PasswordHash: access.HashPassword(f.password), Grants: grants}
}

func (s *Server) addPerson(w http.ResponseWriter, r *http.Request) error {
	form := personForm(r)
	grants, err := grantsOf(r.FormValue("grants"))
	if err = errors.Join(form.check(), err); err != nil {
		return s.showPeople(w, r, http.StatusUnprocessableEntity, people{Wrong: sentence(err)})
	}
	was, there, err := s.opts.Store.Person(r.Context(), form.id)
	switch {
	case err != nil:
		return err
	case there && r.FormValue("change") == "":
		return s.showPeople(w, r, http.StatusConflict, people{Wrong: "Somebody has that name to sign in with already; tick the box if you mean to change them."})
	case there && form.id == actorOf(r.Context()).ID && !admin(grants):
		return s.showPeople(w, r, http.StatusConflict, people{Wrong: "Nobody takes their own access: another admin must."})
	}
	ev := accessChanged("person", form.id, grants)
	ev.Facts["password"], ev.Facts["was"] = "set", texts(was.Grants)
	if err := s.opts.Store.PutPerson(r.Context(), form.person(grants), ev); err != nil {
		return err
	}
	s.opts.Log.Info("person recorded", "person", form.id, "by", actorOf(r.Context()).ID)
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
	if err != nil || !done {
		return errors.Join(err, orNotFound(done))
	}
	s.opts.Log.Info("person disabled", "person", id, "by", actorOf(r.Context()).ID)
	http.Redirect(w, r, "/people", http.StatusSeeOther)
	return nil
}

// tokenDays bounds the life of a token.
const tokenDays = 366

func (s *Server) addToken(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimSpace(r.FormValue("name"))
	grants, err := grantsOf(r.FormValue("grants"))
	days, badDays := strconv.Atoi(r.FormValue("days"))
	switch {
	case err != nil:
	case slices.ContainsFunc(grants, func(g access.Grant) bool { return g.Role != access.Viewer && g.Role != access.Operator }):
		err = errors.New("a token is for a program: give it viewer or operator")
	case name == "" || len(name) > 100:
		err = errors.New("say what the token is for, in 100 characters at most")
	case badDays != nil || days < 1 || days > tokenDays:
		err = errors.New("a token lives 1 to 366 days")
	}
	if err != nil {
		return s.showPeople(w, r, http.StatusUnprocessableEntity, people{Wrong: sentence(err)})
	}
	token, id, hash := access.NewToken()
	by := actorOf(r.Context()).ID
	if err := s.opts.Store.AddToken(r.Context(), store.Token{
		ID: id, Name: name, Hash: hash, Grants: grants, CreatedBy: by, ExpiresAt: time.Now().AddDate(0, 0, days),
	}, accessChanged("token", id, grants)); err != nil {
		return err
	}
	s.opts.Log.Info("token made", "token", id, "by", by)
	return s.showPeople(w, r, http.StatusCreated, people{Token: token})
}

func (s *Server) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("token")
	done, err := s.opts.Store.RevokeToken(r.Context(), id, accessChanged("token", id, nil))
	if err != nil || !done {
		return errors.Join(err, orNotFound(done))
	}
	s.opts.Log.Info("token revoked", "token", id, "by", actorOf(r.Context()).ID)
	http.Redirect(w, r, "/people", http.StatusSeeOther)
	return nil
}
