package web

import (
	"context"
	"fmt"
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
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const password = "a lantern by the harbour"

var passwordHash = sync.OnceValue(func() string { return access.HashPassword(password) })

// A house is a server over a real ledger with two practices, an export each.
type house struct {
	*testing.T
	store   *store.Store
	server  *httptest.Server
	work    *work
	options Options
	exports map[string]string // of each practice
}

// work notes what it is asked to do.
type work struct {
	mu     sync.Mutex
	asked  []string
	refuse error
	store  *store.Store // in which pauses are real
	begun  func(tenant string) (string, error)
}

func (w *work) note(what string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, what)
	return w.refuse
}

func (w *work) Request(_ context.Context, tenant string, wish export.Wish) (string, error) {
	if err := w.note(fmt.Sprintf("request %s full=%v by %s", tenant, wish.Full, wish.By)); err != nil {
		return "", err
	}
	return w.begun(tenant)
}

func (w *work) Resume(_ context.Context, tenant, id string) error {
	return w.note("resume " + tenant)
}

func (w *work) Cancel(_ context.Context, tenant, id, by string) error {
	return w.note("cancel " + tenant + " by " + by)
}

func (w *work) Replay(_ context.Context, tenant string, r export.Retake) (string, error) {
	if err := w.note("replay " + tenant + " " + r.Origin + " by " + r.By); err != nil {
		return "", err
	}
	return w.begun(tenant)
}

func (w *work) Pause(ctx context.Context, p store.Pause) (store.Pause, error) {
	if err := w.note("pause " + p.Scope + " " + p.Object + ": " + p.Reason); err != nil {
		return p, err
	}
	return w.store.Pause(ctx, p)
}

func (w *work) Unpause(ctx context.Context, scope, object, reason string) (bool, error) {
	if err := w.note("unpause " + scope + " " + object); err != nil {
		return false, err
	}
	return w.store.Unpause(ctx, scope, object, reason)
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
	h := &house{T: t, store: s, exports: map[string]string{}}
	if err := s.PutTenants(t.Context(), []store.Tenant{{ID: "hillcrest", Name: "Hillcrest Family Practice"}, {ID: "lakeside", Name: "Lakeside Clinic"}}); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"hillcrest", "lakeside"} {
		h.exports[tenant] = h.request(tenant)
	}
	h.work = &work{store: s, begun: func(tenant string) (string, error) { return h.exports[tenant], nil }}
	c := configured(t, twoPractices)
	o := Options{
		Config: func() *config.Config { return c },
		Store:  s, Work: h.work, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	}
	for _, c := range change {
		c(&o)
	}
	h.options = o
	web, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(web)
	t.Cleanup(h.server.Close)
	return h
}

// twoPractices is the configuration of a house.
const twoPractices = `
tenants:
- {id: hillcrest, name: Hillcrest Family Practice, open: true, fhir_base_url: "https://ehr.example/HILLCR", group: g-of-hillcrest, types: [Patient]}
- {id: lakeside, name: Lakeside Clinic, open: true, fhir_base_url: "https://ehr.example/LAKESD", group: g-of-lakeside, types: [Patient]}
`

// configured reads a configuration from its text.
func configured(t testing.TB, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bulkhead.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// request writes the intent of an export that failed.
func (h *house) request(tenant string) (id string) {
	h.Helper()
	err := h.store.In(tenant).Do(h.Context(), func(tx *store.Tx) (err error) {
		id, err = tx.Request(store.Intent{
			Stream: "s", Endpoint: "https://ehr.example/" + tenant, Level: "group", Group: "g-of-" + tenant, Types: []string{"Patient"},
			Mode: "full", Sinks: []string{"tables"}, RequestedBy: "schedule",
		})
		if err != nil {
			return err
		}
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		if err := tx.SetProblem(&x, problem.New(problem.TokenRefused, "the server of "+tenant+" refuses our key", "Ask the practice to activate the app.")); err != nil {
			return err
		}
		return tx.Move(&x, "refuse")
	})
	if err != nil {
		h.Fatal(err)
	}
	return id
}

// asked writes a request of another program, which nobody takes up.
func (h *house) asked(tenant string) (id int64) {
	h.Helper()
	err := h.store.In(tenant).Do(h.Context(), func(tx *store.Tx) (err error) {
		id, err = tx.Ask(store.ExportRequest{Kind: export.Incremental, By: "mirth", Reference: "night-1", Source: store.FromTable})
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return id
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
	p := store.Person{ID: id, Name: "The " + id, PasswordHash: passwordHash()}
	p.Grants = grantsFor(h.T, grants)
	if err := h.store.PutPerson(h.Context(), p, audit.Event{Action: audit.AccessChanged, Object: "person:" + p.ID}); err != nil {
		h.Fatal(err)
	}
	v := h.visit()
	if got := v.post("/sign-in", "name", id, "password", password); got.code != http.StatusSeeOther {
		h.Fatalf("%s could not sign in: %d %s", id, got.code, got.body)
	}
	return v
}

func (v *visitor) want(what string, got got, code int) {
	v.Helper()
	if got.code != code {
		v.Errorf("%s: status %d, want %d", what, got.code, code)
	}
}

// program makes a token with these roles.
func (h *house) program(grants ...string) *visitor {
	h.Helper()
	v := h.visit()
	v.token = tokenFor(h.T, h.store, grants...)
	return v
}

func tokenFor(t testing.TB, s *store.Store, grants ...string) string {
	t.Helper()
	token, id, hash := access.NewToken()
	known := store.Token{ID: id, Name: "a program", Hash: hash, ExpiresAt: farAway, Grants: grantsFor(t, grants)}
	if err := s.AddToken(t.Context(), known, audit.Event{Action: audit.AccessChanged, Object: "token:" + id}); err != nil {
		t.Fatal(err)
	}
	return token
}

func grantsFor(t testing.TB, texts []string) (grants []access.Grant) {
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
