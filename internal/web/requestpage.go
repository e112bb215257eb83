package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// requestsShown is how many requests of other programs a page lists.
const requestsShown = 50

// untoldFor is how far back call-backs are looked for that do not arrive.
const untoldFor = 7 * 24 * time.Hour

// requests is what the page of other programs' requests shows.
type requests struct {
	Tenant, Name string // one practice; empty: all
	Only         string // a state; empty: all
	Rows         []asked
	Below        int64                 // the number from which this page goes down; 0: from the newest
	Older        int64                 // and the next one; 0: there is none
	Untold       []store.NotCalledBack // for those who may see every practice
}

// asked is one request, and what came of it.
type asked struct {
	store.ExportRequest
	Name  string // of its practice
	Known bool   // the practice is there
	Asks  string // where the end is to be told, without what may be a secret
	Told  *store.Callback
}

// Path is that of the page itself.
func (v requests) Path() string {
	if v.Tenant == "" {
		return "/requests"
	}
	return "/practices/" + v.Tenant + "/requests"
}

// requestsPage shows what other programs asked for, the newest first: of one
// practice, or of all that who asks may see.
func (s *Server) requestsPage(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), requests{Tenant: r.PathValue("tenant"), Only: r.FormValue("only"), Below: max(whole(r.FormValue("below"), 0), 0)}
	names, err := s.look.Names(ctx)
	if err != nil {
		return err
	}
	v.Name = cmp.Or(names[v.Tenant], v.Tenant)
	list, err := s.look.RequestsBelow(ctx, v.Tenant, names, store.RequestPage{Below: v.Below, State: v.Only, Most: requestsShown + 1})
	if err != nil {
		return err
	}
	if len(list) > requestsShown {
		list = list[:requestsShown]
		v.Older = list[requestsShown-1].ID
	}
	for _, one := range list {
		row, err := s.asked(ctx, one, names)
		if err != nil {
			return err
		}
		v.Rows = append(v.Rows, row)
	}
	if v.Tenant == "" && access.ActorOf(ctx).May(access.See, "") {
		if v.Untold, err = s.opts.Store.NotCalledBack(ctx, time.Now().Add(-untoldFor)); err != nil {
			return err
		}
	}
	return s.pages.Show(w, r, http.StatusOK, "requests", v)
}

func (s *Server) asked(ctx context.Context, r store.ExportRequest, names map[string]string) (asked, error) {
	name, known := names[r.Tenant]
	row := asked{ExportRequest: r, Name: cmp.Or(name, r.Tenant), Known: known, Asks: place(r.Callback)}
	c, ok, err := s.opts.Store.In(r.Tenant).CallbackOf(ctx, r)
	if ok {
		row.Told = &c
	}
	return row, err
}

// place gives where a caller wants to be told, without the parts of a URL that
// may hold a secret: a request is kept as it was written, also when it is
// refused.
func place(callback string) string {
	if !strings.ContainsAny(callback, ":/?@") {
		return callback // a name of the configuration
	}
	u, err := url.Parse(callback)
	if err != nil || u.Host == "" {
		return "a URL that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
