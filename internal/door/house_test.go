package door

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/page"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const password = "a lantern by the harbour"

var passwordHash = sync.OnceValue(func() string { return access.HashPassword(password) })

// A house has a door, a real ledger with two practices, and behind the door an
// overview, a page and a form of each practice, and operations that say only
// what is decided about them.
type house struct {
	*testing.T
	store  *store.Store
	server *httptest.Server
	begun  atomic.Int32 // how often the form was let through
}

// newLedger gives a ledger of its own: a copy of one, since making its tables
// takes longer than most tests.
func newLedger(t *testing.T) *store.Store {
	t.Helper()
	made, err := madeLedger()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	if err := os.WriteFile(path, made, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var madeLedger = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "ledger.db")
	s, err := store.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func newHouse(t *testing.T, change ...func(*Options)) *house {
	t.Helper()
	s := newLedger(t)
	c := &config.Config{Tenants: []config.Tenant{{ID: "hillcrest"}, {ID: "lakeside"}}}
	o := Options{
		Config: func() *config.Config { return c }, Store: s,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	}
	for _, c := range change {
		c(&o)
	}
	h := &house{T: t, store: o.Store}
	if err := o.Store.PutTenants(t.Context(), []store.Tenant{{ID: "hillcrest", Name: "Hillcrest Family Practice"}, {ID: "lakeside", Name: "Lakeside Clinic"}}); err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(h.behind(o))
	t.Cleanup(h.server.Close)
	return h
}

// behind gives what is served behind a door.
func (h *house) behind(o Options) http.Handler {
	h.Helper()
	var err error
	if o.Pages, err = page.NewBook(func(access.Actor, string) []page.Tab { return nil }); err != nil {
		h.Fatal(err)
	}
	d, err := New(o)
	if err != nil {
		h.Fatal(err)
	}
	mux := http.NewServeMux()
	shown := func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, "come in")
		return err
	}
	begin := func(w http.ResponseWriter, r *http.Request) error {
		h.begun.Add(1)
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	for _, r := range append(d.Routes(),
		Route{Method: "GET", Path: "/{$}", Act: access.See, Serve: shown},
		Route{Method: "GET", Path: "/practices/{tenant}", Act: access.See, Serve: shown},
		Route{Method: "POST", Path: "/practices/{tenant}/exports", Act: access.Operate, Serve: begin},
	) {
		mux.Handle(r.Method+" "+r.Path, d.Guard(r))
	}
	for _, path := range []string{"/api/v1/practices", "/api/v1/practices/{tenant}"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			if _, err := d.Admit(r, Route{Act: access.See}, r.PathValue("tenant")); err != nil {
				w.WriteHeader(page.FailureOf(err).Status)
			}
		})
	}
	return d.Front(mux)
}

// A visitor is a browser, or a program with a token.
type visitor struct {
	*house
	client *http.Client
	token  string
}

// visit gives a browser with no cookies yet.
func (h *house) visit() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	return &visitor{h, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, ""}
}

// person makes somebody with these roles, and gives their browser, signed in.
func (h *house) person(id string, grants ...string) *visitor {
	h.Helper()
	p := store.Person{ID: id, Name: "The " + id, PasswordHash: passwordHash(), Grants: grantsFor(h.T, grants)}
	if err := h.store.PutPerson(h.Context(), p, accessChanged("person", p.ID, p.Grants)); err != nil {
		h.Fatal(err)
	}
	v := h.visit()
	v.want(id+" signs in", v.post("/sign-in", "name", id, "password", password), http.StatusSeeOther)
	return v
}

// program makes a token with these roles.
func (h *house) program(grants ...string) *visitor {
	h.Helper()
	v := h.visit()
	token, id, hash := access.NewToken()
	known := store.Token{ID: id, Name: "a program", Hash: hash, ExpiresAt: time.Now().Add(time.Hour), Grants: grantsFor(h.T, grants)}
	if err := h.store.AddToken(h.Context(), known, accessChanged("token", id, known.Grants)); err != nil {
		h.Fatal(err)
	}
	v.token = token
	return v
}

func grantsFor(t *testing.T, texts []string) (grants []access.Grant) {
	t.Helper()
	for _, text := range texts {
		g, err := access.ParseGrant(text)
		if err != nil {
			t.Fatal(err)
		}
		grants = append(grants, g)
	}
	return grants
}

type got struct {
	code   int
	body   string
	header http.Header
}

func (v *visitor) get(path string) got { return v.ask("GET", path, "", "") }

// post sends a form of names and values.
func (v *visitor) post(path string, fields ...string) got {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return v.ask("POST", path, "application/x-www-form-urlencoded", form.Encode())
}

func (v *visitor) ask(method, path, kind, body string, headers ...string) got {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), method, v.server.URL+path, strings.NewReader(body))
	if err != nil {
		v.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	return v.read(answer)
}

func (v *visitor) read(answer *http.Response) got {
	v.Helper()
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		v.Fatal(err)
	}
	return got{answer.StatusCode, string(text), answer.Header}
}

func (v *visitor) want(what string, got got, code int) {
	v.Helper()
	if got.code != code {
		v.Errorf("%s: status %d, want %d", what, got.code, code)
	}
}

func has(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("the page is without %q", text)
		}
	}
}
