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

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/trigger"
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
	// Replay takes the refused lines of an export again and returns the id of
	// the export that does.
	Replay(ctx context.Context, tenant string, r export.Retake) (string, error)
	// Pause holds back what p names; Unpause ends that, and says whether there
	// was anything to end.
	Pause(ctx context.Context, p store.Pause) (store.Pause, error)
	Unpause(ctx context.Context, scope, object, reason string) (ok bool, err error)
}

// Options are what a Server is made of.
type Options struct {
	Config func() *config.Config // the configuration in force
	Store  *store.Store
	Files  *blob.Store // of refused lines; nil shows none
	Work   Work
	// Triggers takes requests of other programs; nil takes none.
	Triggers *trigger.Keeper
	Log      *slog.Logger
	TLS      bool // people reach it over TLS: cookies are for TLS only

	// Anchors is the file in which the ends of the record's chains are kept.
	// Without it a chain is compared with itself alone.
	Anchors string

	// Code lets whoever knows it make the first person, as long as there is
	// none. Empty lets nobody.
	Code string
}

// A Server answers requests. It is safe for concurrent use and keeps no
// goroutine; its sessions are in the ledger.
type Server struct {
	opts     Options
	pages    map[string]*template.Template
	doors    *doors
	desk     desk
	provider *provider // nil: people sign in with passwords only
	keys     keyEnds
	handler  http.Handler
}

// New makes a server. The error is the problem of a file that the configuration
// names for the identity provider; or of a page that is not a template, or of an
// API that cannot be described: a bug.
func New(o Options) (*Server, error) {
	if o.Config == nil {
		o.Config = func() *config.Config { return &config.Config{} }
	}
	s := &Server{opts: o, doors: newDoors(), desk: newDesk()}
	var err error
	if w := o.Config().Web; w.OIDC != nil {
		if s.provider, err = newProvider(w); err != nil {
			return nil, err
		}
	}
	if s.pages, err = parsePages(); err != nil {
		return nil, err
	}
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
	return s.headers(limitBody(crossOrigin.Handler(mux))), nil
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
		h.Set("Referrer-Policy", "same-origin") // with no-referrer Safari says of our own forms that they are from nowhere
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Cookie")
		if s.opts.TLS {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}
