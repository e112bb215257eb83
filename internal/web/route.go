package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
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

	serve func(http.ResponseWriter, *http.Request) error
}

func (s *Server) routes() []route {
	return []route{
		{Method: "GET", Path: "/sign-in", Act: anybody, serve: s.signInPage},
		{Method: "POST", Path: "/sign-in", Act: anybody, serve: s.signIn},
		{Method: "POST", Path: "/sign-out", Act: anybody, serve: s.signOut},
		{Method: "GET", Path: "/first", Act: anybody, serve: s.firstPage},
		{Method: "POST", Path: "/first", Act: anybody, serve: s.first},
		{Method: "GET", Path: "/{$}", Act: access.See, serve: s.overviewPage},
		{Method: "GET", Path: "/practices/{tenant}", Act: access.See, serve: s.practicePage},
		{Method: "GET", Path: "/practices/{tenant}/exports/{export}", Act: access.See, serve: s.exportPage},
		{Method: "POST", Path: "/practices/{tenant}/exports", Act: access.Operate, serve: s.startExport},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/resume", Act: access.Operate, serve: s.resumeExport},
		{Method: "POST", Path: "/practices/{tenant}/exports/{export}/cancel", Act: access.Operate, serve: s.cancelExport},
		{Method: "GET", Path: "/people", Act: access.Administer, House: true, serve: s.peoplePage},
		{Method: "POST", Path: "/people", Act: access.Administer, House: true, serve: s.addPerson},
		{Method: "POST", Path: "/people/{person}/disable", Act: access.Administer, House: true, serve: s.disablePerson},
		{Method: "POST", Path: "/tokens", Act: access.Administer, House: true, serve: s.addToken},
		{Method: "POST", Path: "/tokens/{token}/revoke", Act: access.Administer, House: true, serve: s.revokeToken},
	}
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
		actor, known, err := s.who(req)
		if err == nil {
			err = allow(r, actor, known, req.PathValue("tenant"))
		}
		if err == nil && r.House && req.Header.Get("Authorization") != "" {
			err = errForbidden
		}
		if err == nil && req.PathValue("tenant") != "" {
			err = s.known(req.Context(), req.PathValue("tenant"))
		}
		req = req.WithContext(as(req, actor))
		if errors.Is(err, errNobody) && req.Method == http.MethodGet {
			http.Redirect(w, req, "/sign-in?next="+url.QueryEscape(req.URL.Path), http.StatusSeeOther)
			return
		}
		if err == nil {
			err = r.serve(w, req)
		}
		if err != nil {
			s.fail(w, req, err)
		}
	})
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

// who gives who asks: the holder of a token, or of a session.
func (s *Server) who(r *http.Request) (a access.Actor, known bool, err error) {
	if header := r.Header.Get("Authorization"); header != "" {
		t, ok, err := s.tokenOf(r.Context(), header)
		if !ok {
			return a, false, err
		}
		return t.Actor(), true, nil
	}
	id := s.sessions.GetString(r.Context(), sessionPerson)
	if id == "" {
		return a, false, nil
	}
	p, ok, err := s.opts.Store.Person(r.Context(), id)
	if err != nil || !ok || !s.awake(r) || !p.DisabledAt.IsZero() || !access.SameHash(s.sessions.GetString(r.Context(), sessionMark), access.HashSecret(p.PasswordHash)) {
		return a, false, err
	}
	return p.Actor(), true, nil
}

// status gives the HTTP status of what failed.
func status(err error) int {
	var tooLong *http.MaxBytesError
	switch {
	case errors.Is(err, errNotFound):
		return http.StatusNotFound
	case errors.Is(err, errForbidden):
		return http.StatusForbidden
	case errors.Is(err, errNobody):
		return http.StatusUnauthorized
	case errors.Is(err, errTooOften):
		return http.StatusTooManyRequests
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
	problem.ConfigInvalid:    http.StatusUnprocessableEntity,
	problem.LedgerLocked:     http.StatusServiceUnavailable,
}

// export gives the export that the path names, errNotFound when the practice
// has none of that id.
func (s *Server) export(r *http.Request) (store.Export, error) {
	x, err := s.opts.Store.In(r.PathValue("tenant")).Export(r.Context(), r.PathValue("export"))
	if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code == problem.Usage {
		return x, errNotFound
	}
	return x, err
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
