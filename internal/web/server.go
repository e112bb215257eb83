// Package web is the pages and the API of a bulkhead that runs: how every
// practice stands, what its exports brought, what went wrong and who must act;
// and starting, resuming and cancelling exports.
//
// Everybody signs in or brings a token; each route says what one must be allowed
// to do, in which practice, and a test walks all of them. It shows nothing of
// any patient, and reads the ledger only through a practice's own scope.
//
// Model of its defences: https://owasp.org/www-project-application-security-verification-standard/
// (level 2). The API describes itself as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0
package web

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Work is what pages and API may ask of the engine. The texts of its errors are
// problems, made to be shown.
type Work interface {
	// Request writes the intent of an export and returns its id.
	Request(ctx context.Context, tenant string, w export.Wish) (string, error)
	// Resume takes up an export that failed.
	Resume(ctx context.Context, tenant, id string) error
	// Cancel stops an export that has not ended.
	Cancel(ctx context.Context, tenant, id, by string) error
}

// Options are what a Server is made of.
type Options struct {
	Config func() *config.Config // the configuration in force
	Store  *store.Store
	Work   Work
	Log    *slog.Logger
	TLS    bool // people reach it over TLS: cookies are for TLS only

	// Code lets whoever knows it make the first person, as long as there is
	// none. Empty lets nobody.
	Code string
}

// A Server answers requests. It is safe for concurrent use and keeps no
// goroutine; its sessions are in the ledger.
type Server struct {
	opts     Options
	sessions *scs.SessionManager
	pages    map[string]*template.Template
	doors    *doors
	hashing  sync.Mutex // one password at a time: each takes 19 MiB
	handler  http.Handler
}

// How long a session lasts, without use and at most (ASVS 3.3).
const (
	idleAtMost    = 30 * time.Minute
	sessionAtMost = 12 * time.Hour
)

// New makes a server. The error is of a page that is not a template, or of an API
// that cannot be described: a bug.
func New(o Options) (*Server, error) {
	s := &Server{opts: o, doors: newDoors()}
	var err error
	if s.pages, err = parsePages(); err != nil {
		return nil, err
	}
	s.sessions = scs.New()
	s.sessions.Store = o.Store.Sessions()
	s.sessions.Lifetime = sessionAtMost
	s.sessions.Cookie.Name = "bulkhead"
	s.sessions.Cookie.SameSite = http.SameSiteLaxMode
	if o.TLS {
		s.sessions.Cookie.Name, s.sessions.Cookie.Secure = "__Host-bulkhead", true
	}
	s.sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) { s.fail(w, r, err) }
	s.handler, err = s.build()
	return s, err
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) build() (http.Handler, error) {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.Handle(r.Method+" "+r.Path, s.guard(r))
	}
	if err := s.api(mux); err != nil {
		return nil, err
	}
	mux.Handle("GET /asset/", assets())
	mux.Handle("/", s.guard(route{Act: anybody, serve: func(w http.ResponseWriter, r *http.Request) error { return errNotFound }}))
	crossOrigin := http.NewCrossOriginProtection()
	return s.headers(limitBody(crossOrigin.Handler(s.sessions.LoadAndSave(mux)))), nil
}

// maxBody is how long a request's body may be, in bytes: forms and wishes are
// short.
const maxBody = 64 << 10

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// headers say what a browser may do with an answer: nothing but show it here.
func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if s.opts.TLS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
