package web

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
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// anybody is the act of a route that needs nobody signed in.
const anybody access.Act = ""

// A route is a page, or a form's target, and what one must be allowed to do to
// reach it.
type route struct {
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

	serve func(http.ResponseWriter, *http.Request) error
}

func (s *Server) routes() []route {
	return append(s.pageRoutes(), []route{
		{Method: "GET", Path: "/sign-in", Act: anybody, serve: s.signInPage},
		{Method: "POST", Path: "/sign-in", Act: anybody, serve: s.signIn},
		{Method: "GET", Path: "/sign-in/provider", Act: anybody, serve: s.toProvider},
		{Method: "GET", Path: "/sign-in/provider/back", Act: anybody, serve: s.fromProvider},
		{Method: "POST", Path: "/sign-in/provider/sign-out", Act: anybody, serve: s.outAtProvider},
		{Method: "POST", Path: "/sign-out", Act: anybody, serve: s.signOut},
		{Method: "GET", Path: "/first", Act: anybody, serve: s.firstPage},
		{Method: "POST", Path: "/first", Act: anybody, serve: s.first},
		{Method: "POST", Path: "/hooks/{hook}", Act: anybody, Raw: true, serve: s.hook},
		{Method: "GET", Path: "/people", Act: access.Administer, House: true, serve: s.peoplePage},
		{Method: "POST", Path: "/people", Act: access.Administer, House: true, serve: s.addPerson},
		{Method: "POST", Path: "/people/{person}/disable", Act: access.Administer, House: true, serve: s.disablePerson},
		{Method: "POST", Path: "/people/{person}/sessions/end", Act: access.Administer, House: true, serve: s.endSessionsOf},
		{Method: "POST", Path: "/tokens", Act: access.Administer, House: true, serve: s.addToken},
		{Method: "POST", Path: "/tokens/{token}/revoke", Act: access.Administer, House: true, serve: s.revokeToken},
		{Method: "POST", Path: "/tokens/{token}/rotate", Act: access.Administer, House: true, serve: s.rotateToken},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}/quarantine/{file}/{line}/reveal", Act: access.Reveal, Person: true, serve: s.revealPage},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/quarantine/{file}/{line}/reveal", Act: access.Reveal, Person: true, serve: s.reveal},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}/patients", Act: access.Reveal, Person: true, serve: s.patientsPage},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/patients", Act: access.Reveal, Person: true, serve: s.patients},
		{Method: "GET", Path: "/me", Act: access.See, Person: true, serve: s.mePage},
		{Method: "POST", Path: "/me/sessions/{session}/end", Act: access.See, Person: true, serve: s.endMySession},
		{Method: "POST", Path: "/me/sessions/end", Act: access.See, Person: true, serve: s.endMySessions},
		{Method: "GET", Path: "/me/password", Act: access.See, Person: true, Settle: true, serve: s.passwordPage},
		{Method: "POST", Path: "/me/password", Act: access.See, Person: true, Settle: true, serve: s.changePassword},
		{Method: "GET", Path: "/me/factor", Act: access.See, Person: true, Settle: true, serve: s.factorPage},
		{Method: "POST", Path: "/me/factor", Act: access.See, Person: true, Settle: true, serve: s.setFactor},
		{Method: "POST", Path: "/me/factor/remove", Act: access.See, Person: true, serve: s.removeFactor},
		{Method: "GET", Path: "/me/proof", Act: access.See, Person: true, serve: s.proofPage},
		{Method: "POST", Path: "/me/proof", Act: access.See, Person: true, serve: s.prove},
	}...)
}

var (
	// errNotFound says that there is no such page, or not for who asks: the two
	// look alike.
	errNotFound = errors.New("there is no such page")
	// errForbidden says that who asks may see the thing and not do this to it.
	errForbidden = errors.New("your roles do not allow this")
	// errNobody says that nobody has signed in.
	errNobody = errors.New("sign in first")
)

// allow decides about one request: nil, errNobody, errNotFound or errForbidden.
func allow(r route, actor access.Actor, known bool, tenant string) error {
	switch {
	case r.Act == anybody:
		return nil
	case !known:
		return errNobody
	case tenant != "" && !actor.May(access.See, tenant):
		return errNotFound
	case tenant != "" && !actor.May(r.Act, tenant), r.House && !actor.May(r.Act, ""), tenant == "" && !actor.Somewhere(r.Act):
		return errForbidden
	}
	return nil
}

type actorKey struct{}

// actorOf gives who asks. The zero Actor may do nothing.
func actorOf(ctx context.Context) access.Actor {
	a, _ := ctx.Value(actorKey{}).(access.Actor)
	return a
}

// guard lets through who is allowed to, and shows what fails as a page.
func (s *Server) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		actor, v, known, err := s.who(req)
		if err == nil {
			err = allow(r, actor, known, req.PathValue("tenant"))
		}
		if err == nil && (r.House || r.Person) && v.secret == "" {
			err = errForbidden
		}
		if err == nil && r.Act != anybody && !r.Settle {
			err = s.unsettled(v)
		}
		if err == nil && req.PathValue("tenant") != "" {
			err = s.known(req.Context(), req.PathValue("tenant"))
		}
		req = req.WithContext(context.WithValue(as(req, actor), visitKey{}, v))
		if err == nil && !r.Raw {
			err = readForm(req)
		}
		if err == nil {
			err = r.serve(w, req)
		}
		if to := before(err, req); to != "" {
			http.Redirect(w, req, to, http.StatusSeeOther)
			return
		}
		if err != nil {
			s.fail(w, req, err)
		}
	})
}

// errSlow says that a request did not come whole in time.
var errSlow = errors.New("the request did not come whole in time")

// readForm reads the form that a request brings. One that cannot be read whole is
// refused: what is left of it may ask for something else.
func readForm(r *http.Request) error {
	if r.Method != http.MethodPost {
		return nil
	}
	err := r.ParseForm()
	if err == nil {
		if err = r.ParseMultipartForm(maxBody); errors.Is(err, http.ErrNotMultipart) {
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
	return usage("the form cannot be read", "Open the page again, and send the form from there.", "")
}

// before gives the page that somebody must pass before the one that they asked
// for; empty when there is none.
func before(err error, r *http.Request) string {
	switch {
	case r.Method != http.MethodGet:
		return ""
	case errors.Is(err, errNobody):
		return "/sign-in?next=" + url.QueryEscape(r.URL.Path)
	case errors.Is(err, errProof):
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
	who := audit.Identity{Actor: actor.ID, Source: address(r)}
	if who.Actor == "" {
		who.Actor = nobody
	}
	return audit.As(context.WithValue(r.Context(), actorKey{}, actor), who)
}

// address gives where a request comes from.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// known returns errNotFound for a practice that the ledger has never seen.
func (s *Server) known(ctx context.Context, tenant string) error {
	_, ok, err := s.opts.Store.Standing(ctx, tenant)
	if err == nil && !ok {
		err = errNotFound
	}
	return err
}

// who gives who asks: the holder of a token, or of a session, whose visit it is.
func (s *Server) who(r *http.Request) (a access.Actor, v visit, known bool, err error) {
	if header := r.Header.Get("Authorization"); header != "" {
		t, ok, err := s.tokenOf(r.Context(), header)
		if !ok {
			return a, v, false, err
		}
		return t.Actor(), v, true, nil
	}
	v, known, err = s.visitor(r)
	return v.person.Actor(), v, known, err
}

// status gives the HTTP status of what failed.
func status(err error) int {
	var tooLong *http.MaxBytesError
	switch {
	case errors.Is(err, errNotFound):
		return http.StatusNotFound
	case errors.Is(err, errForbidden), errors.Is(err, errProof), errors.Is(err, errNewPassword), errors.Is(err, errSecondFactor):
		return http.StatusForbidden
	case errors.Is(err, errCrowd):
		return http.StatusServiceUnavailable
	case errors.Is(err, errNobody):
		return http.StatusUnauthorized
	case errors.Is(err, errAsked):
		return http.StatusUnprocessableEntity
	case errors.Is(err, errTooOften):
		return http.StatusTooManyRequests
	case errors.Is(err, errSlow):
		return http.StatusRequestTimeout
	case errors.As(err, &tooLong):
		return http.StatusRequestEntityTooLarge
	}
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok {
		return http.StatusInternalServerError
	}
	if code, ok := statuses[p.Code]; ok {
		return code
	}
	return http.StatusInternalServerError
}

// statuses are those of problems that are not faults of ours.
var statuses = map[problem.Code]int{
	problem.TenantUnknown:    http.StatusNotFound,
	problem.Usage:            http.StatusConflict,
	problem.AgreementDenied:  http.StatusForbidden,
	problem.AgreementMissing: http.StatusForbidden,
	problem.IdentityProvider: http.StatusBadGateway,
	problem.SignInRefused:    http.StatusForbidden,
	problem.ConfigInvalid:    http.StatusUnprocessableEntity,
	problem.RequestInvalid:   http.StatusUnprocessableEntity,
	problem.LedgerLocked:     http.StatusServiceUnavailable,
}

// export gives the export that the path names, errNotFound when the practice
// has none of that id.
func (s *Server) export(r *http.Request) (store.Export, error) {
	return s.exportOf(r.Context(), r.PathValue("tenant"), r.PathValue("export"))
}

func (s *Server) exportOf(ctx context.Context, tenant, id string) (store.Export, error) {
	x, err := s.opts.Store.In(tenant).Export(ctx, id)
	if isUsage(err) {
		return x, errNotFound
	}
	return x, err
}

// isUsage reports whether an error says that what was asked for is not there,
// or cannot be done.
func isUsage(err error) bool {
	p, ok := errors.AsType[*problem.Problem](err)
	return ok && p.Code == problem.Usage
}

// local gives a path of these pages that a person may be sent to; anything else
// gives the overview.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, "\\") {
		return "/"
	}
	return next
}
