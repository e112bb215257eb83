package scenario_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/web"
)

// A reader is a person with every right, who reads pages.
type reader struct {
	w       *scenario.World
	pages   http.Handler
	cookies []*http.Cookie
}

// readPages lets the first person, who may do everything, open every page that
// leads from the overview, and every answer of the API; all of it is searched.
func readPages(w *scenario.World) {
	w.T().Helper()
	const code = "AAAA-BBBB"
	handler, err := web.New(web.Options{
		Config: w.InForce, Store: w.Store, Files: w.Files, Work: w.Engine, Triggers: w.Triggers, Anchors: store.AnchorsOf(app.Ledger(w.Config)), Log: slog.New(slog.DiscardHandler), Code: code,
	})
	if err != nil {
		w.T().Fatal(err)
	}
	r := &reader{w: w, pages: handler}
	const password = "five blue herons wade"
	if a := r.ask(http.MethodPost, "/first", url.Values{"id": {"ada"}, "name": {"Ada"}, "password": {password}, "again": {password}, "code": {code}}); a.Code != http.StatusSeeOther {
		w.T().Fatalf("the first person could not be made: %d %s", a.Code, a.Body)
	}
	seen := r.follow("/")
	for _, page := range []string{"/alerts", "/queue", "/quarantine", "/quality", "/deadlines", "/audit", "/people", "/me", "/practices/lakeside"} {
		if !slices.Contains(seen, page) {
			w.T().Errorf("the page %s was not read: %v", page, seen)
		}
	}
	r.api()
}

func (r *reader) ask(method, path string, form url.Values) *httptest.ResponseRecorder {
	q := httptest.NewRequestWithContext(context.WithoutCancel(r.w.T().Context()), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range r.cookies {
		q.AddCookie(c)
	}
	a := httptest.NewRecorder()
	r.pages.ServeHTTP(a, q)
	if set := a.Result().Cookies(); len(set) > 0 {
		r.cookies = set
	}
	return a
}

var (
	leadsTo = regexp.MustCompile(`(?:href|src|data-live)="(/[^"#]*)`)
	script  = regexp.MustCompile(`^/(asset|sign-in|sign-out|api)`)
)

// pagesAtMost bounds what is followed.
const pagesAtMost = 150

// follow opens a page and all that it leads to, and gives their paths.
func (r *reader) follow(from string) (seen []string) {
	ahead := []string{from}
	for len(ahead) > 0 && len(seen) < pagesAtMost {
		path := ahead[0]
		if ahead = ahead[1:]; slices.Contains(seen, path) || script.MatchString(path) {
			continue
		}
		seen = append(seen, path)
		for _, to := range leadsTo.FindAllStringSubmatch(r.read(path), -1) {
			ahead = append(ahead, strings.ReplaceAll(to[1], "&amp;", "&"))
		}
	}
	return seen
}

// read opens a page and lets it be searched.
func (r *reader) read(path string) string {
	a := r.ask(http.MethodGet, path, nil)
	if a.Code >= 400 {
		r.w.T().Errorf("%s: %d", path, a.Code)
	}
	where := "the page " + path
	if strings.HasPrefix(path, "/audit") || strings.Contains(path, "/audit") {
		where = scenario.EventsOf // the record has the paths of links too
	}
	text := a.Body.String()
	r.w.Told(where, text)
	return text
}

// api asks every operation that only reads.
func (r *reader) api() {
	var described struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(r.ask(http.MethodGet, "/api/openapi.json", nil).Body.Bytes(), &described); err != nil || len(described.Paths) < 15 {
		r.w.T().Fatal(len(described.Paths), err)
	}
	exports, err := r.w.Store.In("lakeside").Exports(r.w.T().Context(), 3)
	if err != nil {
		r.w.T().Fatal(err)
	}
	for path, methods := range described.Paths {
		if _, reads := methods["get"]; !reads || strings.Contains(path, "{request}") {
			continue
		}
		for _, x := range exports {
			r.read(strings.NewReplacer("{tenant}", "lakeside", "{export}", x.ID).Replace(path))
		}
	}
}
