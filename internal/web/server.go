// Package web is the pages and the API of a bulkhead that runs: how every
// practice stands, what its exports brought, what went wrong and who must act;
// and starting, resuming and cancelling exports.
//
// Who asks, and whether they may, is the door's to say: each route and operation
// says what one must be allowed to do, in which practice, and a test walks all of
// them. It shows nothing of any patient but behind glass, and reads the ledger
// only through a practice's own scope.
//
// The API describes itself as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.0
package web

import (
	"context"
	"embed"
	"log/slog"
	"net/http"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/look"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
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
// goroutine.
type Server struct {
	opts    Options
	pages   *page.Book
	door    *door.Door
	look    *look.Reader
	keys    keyEnds
	handler http.Handler
}

//go:embed page/*.html
var pageFiles embed.FS

// New makes a server. The error is the problem of a file that the configuration
// names for the identity provider; or of a page that is not a template, or of an
// API that cannot be described: a bug.
func New(o Options) (*Server, error) {
	if o.Config == nil {
		o.Config = func() *config.Config { return &config.Config{} }
	}
	s := &Server{opts: o, look: &look.Reader{Config: o.Config, Store: o.Store, Files: o.Files}}
	var err error
	if s.pages, err = page.NewBook(leading); err != nil {
		return nil, err
	}
	if err := s.pages.Add(pageFiles, pageWords); err != nil {
		return nil, err
	}
	s.door, err = door.New(door.Options{Config: o.Config, Store: o.Store, Pages: s.pages, Log: o.Log, TLS: o.TLS, Code: o.Code})
	if err != nil {
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
		mux.Handle(r.Method+" "+r.Path, s.door.Guard(r))
	}
	if err := s.api(mux); err != nil {
		return nil, err
	}
	mux.Handle("GET /asset/", page.Assets())
	mux.Handle("/", s.door.Guard(door.Route{Act: door.Anybody, Serve: func(http.ResponseWriter, *http.Request) error { return access.ErrNotFound }}))
	return s.door.Front(mux), nil
}
