package door

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Anybody is the act of a route that needs nobody signed in.
const Anybody access.Act = ""

// A Route is a page, a form's target or an operation, and what one must be
// allowed to do to reach it.
type Route struct {
	Method, Path string

	// Act must be allowed in the practice that the path names as {tenant}; on a
	// path without one, in some practice, and the page shows only those in which
	// it is allowed. See alone is asked for with the others.
	Act access.Act
	// House asks for the act in the whole house, of a person who has signed in:
	// no token opens it.
	House bool
	// Person asks for a person who has signed in: no token opens it.
	Person bool
	// Raw says that it reads the body of a request itself: it is no form.
	Raw bool
	// Settle opens it also to a person who must choose a password, or set up a
	// second factor, before anything else.
	Settle bool

	// Serve answers; an error is shown as a page.
	Serve func(http.ResponseWriter, *http.Request) error
}

// Routes are the door's own: to sign in and out, of oneself, of people and
// tokens.
func (d *Door) Routes() []Route {
	return []Route{
		{Method: "GET", Path: "/sign-in", Act: Anybody, Serve: d.signInPage},
		{Method: "POST", Path: "/sign-in", Act: Anybody, Serve: d.signIn},
		{Method: "GET", Path: "/sign-in/provider", Act: Anybody, Serve: d.toProvider},
		{Method: "GET", Path: "/sign-in/provider/back", Act: Anybody, Serve: d.fromProvider},
		{Method: "POST", Path: "/sign-in/provider/sign-out", Act: Anybody, Serve: d.outAtProvider},
		{Method: "POST", Path: "/sign-out", Act: Anybody, Serve: d.signOut},
		{Method: "GET", Path: "/first", Act: Anybody, Serve: d.firstPage},
		{Method: "POST", Path: "/first", Act: Anybody, Serve: d.first},
		{Method: "GET", Path: "/people", Act: access.Administer, House: true, Serve: d.peoplePage},
		{Method: "POST", Path: "/people", Act: access.Administer, House: true, Serve: d.addPerson},
		{Method: "POST", Path: "/people/{person}/disable", Act: access.Administer, House: true, Serve: d.disablePerson},
		{Method: "POST", Path: "/people/{person}/sessions/end", Act: access.Administer, House: true, Serve: d.endSessionsOf},
		{Method: "POST", Path: "/tokens", Act: access.Administer, House: true, Serve: d.addToken},
		{Method: "POST", Path: "/tokens/{token}/revoke", Act: access.Administer, House: true, Serve: d.revokeToken},
		{Method: "POST", Path: "/tokens/{token}/rotate", Act: access.Administer, House: true, Serve: d.rotateToken},
		{Method: "GET", Path: "/me", Act: access.See, Person: true, Serve: d.mePage},
		{Method: "POST", Path: "/me/sessions/{session}/end", Act: access.See, Person: true, Serve: d.endMySession},
		{Method: "POST", Path: "/me/sessions/end", Act: access.See, Person: true, Serve: d.endMySessions},
		{Method: "GET", Path: "/me/password", Act: access.See, Person: true, Settle: true, Serve: d.passwordPage},
		{Method: "POST", Path: "/me/password", Act: access.See, Person: true, Settle: true, Serve: d.changePassword},
		{Method: "GET", Path: "/me/factor", Act: access.See, Person: true, Settle: true, Serve: d.factorPage},
		{Method: "POST", Path: "/me/factor", Act: access.See, Person: true, Settle: true, Serve: d.setFactor},
		{Method: "POST", Path: "/me/factor/remove", Act: access.See, Person: true, Serve: d.removeFactor},
		{Method: "GET", Path: "/me/proof", Act: access.See, Person: true, Serve: d.proofPage},
		{Method: "POST", Path: "/me/proof", Act: access.See, Person: true, Serve: d.prove},
	}
}

// allow decides about one request: nil, or one of the errors of access.
func allow(to Route, actor access.Actor, known bool, tenant string) error {
	switch {
	case to.Act == Anybody:
		return nil
	case !known:
		return access.ErrNobody
	case tenant != "" && !actor.May(access.See, tenant):
		return access.ErrNotFound
	case tenant != "" && !actor.May(to.Act, tenant), to.House && !actor.May(to.Act, ""), tenant == "" && !actor.Somewhere(to.Act):
		return access.ErrForbidden
	}
	return nil
}

// Admit decides about a request for a route, in the practice that tenant names or
// with an empty one in none. It gives the request as one of who asks: what is done
// in its context is theirs, and on record as such; beside an error it is good for
// saying so. The errors are those of access, refusals that say what the person must
// do first, and what the ledger says.
func (d *Door) Admit(r *http.Request, to Route, tenant string) (*http.Request, error) {
	actor, v, known, err := d.who(r)
	if err == nil {
		err = allow(to, actor, known, tenant)
	}
	if err == nil && (to.House || to.Person) && v.secret == "" {
		err = access.ErrForbidden
	}
	if err == nil && to.Act != Anybody && !to.Settle {
		err = d.unsettled(v)
	}
	if err == nil && tenant != "" {
		err = d.known(r.Context(), tenant)
	}
	return r.WithContext(context.WithValue(as(r, actor), visitKey{}, v)), err
}

// Guard lets through who is allowed to, and shows what fails as a page.
func (d *Door) Guard(to Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, err := d.Admit(r, to, r.PathValue("tenant"))
		if err == nil && !to.Raw {
			err = readForm(r)
		}
		if err == nil {
			err = to.Serve(w, r)
		}
		if first := before(err, r); first != "" {
			http.Redirect(w, r, first, http.StatusSeeOther)
			return
		}
		if err != nil {
			d.fail(w, r, err)
		}
	})
}

// fail answers with what went wrong.
func (d *Door) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := page.FailureOf(err)
	left := r.Context().Err() != nil && errors.Is(err, context.Canceled) // whoever asked has gone
	if f.Status >= http.StatusInternalServerError && !left {
		d.opts.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if err := d.opts.Pages.Show(w, r, f.Status, "failure", f); err != nil {
		http.Error(w, f.Summary, f.Status)
	}
}

// errSlow says that a request did not come whole in time.
var errSlow = page.Refusal(http.StatusRequestTimeout, "the request did not come whole in time", "Send it again, without a pause.")

// readForm reads the form that a request brings. One that cannot be read whole is
// refused: what is left of it may ask for something else.
func readForm(r *http.Request) error {
	if r.Method != http.MethodPost {
		return nil
	}
	err := r.ParseForm()
	if err == nil {
		if err = r.ParseMultipartForm(MaxBody); errors.Is(err, http.ErrNotMultipart) {
			err = nil
		}
	}
	tooLong, is := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil:
		return nil
	case is:
		return tooLong
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlow
	}
	return problem.Asked("the form cannot be read", "Open the page again, and send the form from there.")
}

// before gives the page that somebody must pass before the one that they asked
// for; empty when there is none.
func before(err error, r *http.Request) string {
	switch {
	case r.Method != http.MethodGet:
		return ""
	case errors.Is(err, access.ErrNobody):
		return "/sign-in?next=" + url.QueryEscape(r.URL.Path)
	case errors.Is(err, ErrProof):
		return "/me/proof?next=" + url.QueryEscape(r.URL.Path)
	case errors.Is(err, errNewPassword):
		return "/me/password"
	case errors.Is(err, errSecondFactor):
		return "/me/factor"
	}
	return ""
}

// as gives the context of a request by an actor: what is done in it is on record
// as theirs.
func as(r *http.Request, actor access.Actor) context.Context {
	who := audit.Identity{Actor: actor.ID, Source: Address(r)}
	if who.Actor == "" {
		who.Actor = access.Nobody
	}
	return audit.As(access.As(r.Context(), actor), who)
}

// Address gives where a request comes from.
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// known returns access.ErrNotFound for a practice that the ledger has never seen.
func (d *Door) known(ctx context.Context, tenant string) error {
	_, ok, err := d.opts.Store.Standing(ctx, tenant)
	if err == nil && !ok {
		err = access.ErrNotFound
	}
	return err
}

// who gives who asks: the holder of a token, or of a session, whose visit it is.
func (d *Door) who(r *http.Request) (a access.Actor, v visit, known bool, err error) {
	if header := r.Header.Get("Authorization"); header != "" {
		t, ok, err := d.tokenOf(r.Context(), header)
		if !ok {
			return a, v, false, err
		}
		return t.Actor(), v, true, nil
	}
	v, known, err = d.visitor(r)
	return v.person.Actor(), v, known, err
}

// Local gives a path of these pages that a person may be sent to; anything else
// gives the overview.
func Local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, "\\") {
		return "/"
	}
	return next
}
