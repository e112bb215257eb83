package door

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
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

func (d *Door) peoplePage(w http.ResponseWriter, r *http.Request) error {
	return d.showPeople(w, r, http.StatusOK, people{})
}

func (d *Door) showPeople(w http.ResponseWriter, r *http.Request, code int, p people) (err error) {
	if p.People, err = d.opts.Store.People(r.Context()); err != nil {
		return err
	}
	if p.Sessions, err = d.opts.Store.CountSessions(r.Context(), time.Now().Add(-idleAtMost)); err != nil {
		return err
	}
	if p.Tokens, err = d.opts.Store.Tokens(r.Context()); err != nil {
		return err
	}
	return d.opts.Pages.Show(w, r, code, "people", p)
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
func (d *Door) addPerson(w http.ResponseWriter, r *http.Request) error {
	form := personForm(r)
	grants, err := grantsOf(r.FormValue("grants"))
	was, there, missing := d.opts.Store.Person(r.Context(), form.id)
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
		return d.showPeople(w, r, http.StatusUnprocessableEntity, people{Wrong: page.Sentence(err)})
	case there && r.FormValue("change") == "":
		conflict = "Somebody has that name to sign in with already; tick the box if you mean to change them."
	case there && !was.Local():
		conflict = "The identity provider says who this person is and what they may do: change it there, or take their access here."
	case there && form.id == access.ActorOf(r.Context()).ID && !admin(grants):
		conflict = "Nobody takes their own access: another admin must."
	}
	if conflict != "" {
		return d.showPeople(w, r, http.StatusConflict, people{Wrong: conflict})
	}
	ev := accessChanged("person", form.id, grants)
	ev.Facts["was"] = texts(was.Grants)
	p := form.person(grants)
	if keeps {
		_, err = d.opts.Store.PutGrants(r.Context(), p, ev)
	} else {
		ev.Facts["password"] = "set"
		err = d.putPassword(r, p, form.password, ev)
	}
	return d.peopleChanged(w, r, "person recorded", form.id, err)
}

// putPassword records a person with a password that somebody else knows.
func (d *Door) putPassword(r *http.Request, p store.Person, password string, ev audit.Event) (err error) {
	if p.PasswordHash, err = d.hash(r.Context(), password); err != nil {
		return err
	}
	if p.ID != access.ActorOf(r.Context()).ID {
		p.PasswordUntil = time.Now().Add(firstUse)
	}
	return d.opts.Store.PutPerson(r.Context(), p, ev)
}

// peopleChanged leads back to the page, or says why the last admin stays.
func (d *Door) peopleChanged(w http.ResponseWriter, r *http.Request, what, id string, err error) error {
	if errors.Is(err, store.ErrLastAdmin) {
		return d.showPeople(w, r, http.StatusConflict, people{Wrong: page.Sentence(err)})
	}
	if err != nil {
		return err
	}
	d.opts.Log.Info("people changed", "what", what, "person", id, "by", access.ActorOf(r.Context()).ID)
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

func (d *Door) disablePerson(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("person")
	if id == access.ActorOf(r.Context()).ID {
		return d.showPeople(w, r, http.StatusConflict, people{Wrong: "Nobody takes their own access: another admin must."})
	}
	done, err := d.opts.Store.DisablePerson(r.Context(), id, accessChanged("person", id, nil))
	if err == nil && !done {
		return access.ErrNotFound
	}
	return d.peopleChanged(w, r, "person disabled", id, err)
}

// endSessionsOf ends all sessions of somebody.
func (d *Door) endSessionsOf(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("person")
	_, there, err := d.opts.Store.Person(r.Context(), id)
	if err != nil || !there {
		return errors.Join(err, orNotFound(there))
	}
	but := ""
	if v := visitOf(r); v.person.ID == id {
		but = v.secret
	}
	err = d.opts.Store.EndSessionsOf(r.Context(), id, but, audit.Event{Action: audit.SessionsEnded, Object: id})
	return d.peopleChanged(w, r, "sessions ended", id, err)
}
