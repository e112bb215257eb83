package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/door"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// What is registered anywhere but in the lists of routes and operations would be
// in no matrix.
func TestNothingIsServedBesideTheListsOfRoutes(t *testing.T) {
	t.Attr("asvs", "4.1.1 4.1.5")
	var beside []string
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []string{"door", "page"} {
		more, err := filepath.Glob(filepath.Join("..", room, "*.go"))
		if err != nil || len(more) == 0 {
			t.Fatal(room, err)
		}
		names = append(names, more...)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				of, ok := n.Fun.(*ast.SelectorExpr)
				if ok && len(n.Args) == 2 && (of.Sel.Name == "Handle" || of.Sel.Name == "HandleFunc") {
					beside = append(beside, patternOf(n.Args[0]))
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Hidden" { // an operation that the API does not describe
					beside = append(beside, name+": hidden")
				}
			}
			return true
		})
	}
	slices.Sort(beside)
	if diff := cmp.Diff([]string{"/", "GET /api/openapi.json", "GET /asset/", "routes"}, beside); diff != "" {
		t.Errorf("what is served (-known +found):\n%s", diff)
	}
}

// patternOf gives the pattern of a handler: its text, or that it is a route's.
func patternOf(arg ast.Expr) string {
	if text, ok := arg.(*ast.BasicLit); ok {
		if pattern, err := strconv.Unquote(text.Value); err == nil {
			return pattern
		}
	}
	return "routes"
}

func TestAFormThatCannotBeReadWholeDoesNothing(t *testing.T) {
	h := newHouse(t)
	v := h.person("anna", "operator")
	form := "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		path, body string
		want       int
	}{
		"a field that is cut":    {"/queue/pause", "registration=%zz&reason=x", http.StatusUnprocessableEntity},
		"a field within another": {"/queue/unpause", "registration=a;b&reason=x", http.StatusUnprocessableEntity},
		"a form that is long":    {"/queue/pause", "registration=ecw&reason=" + strings.Repeat("x", door.MaxBody), http.StatusRequestEntityTooLarge},
	} {
		if got := v.ask("POST", c.path, form, c.body); got.code != c.want {
			t.Errorf("%s: status %d", name, got.code)
		}
	}
	parts := "--x\r\nContent-Disposition: form-data; name=\"reason\"\r\n\r\n" + strings.Repeat("x", door.MaxBody)
	if got := v.ask("POST", "/queue/pause", "multipart/form-data; boundary=x", parts); got.code != http.StatusRequestEntityTooLarge {
		t.Errorf("a long form in parts: status %d", got.code)
	}
	if got := v.ask("POST", "/queue/pause", "multipart/form-data; boundary=x", "--x\r\nContent-Disp"); got.code != http.StatusUnprocessableEntity {
		t.Errorf("half a form in parts: status %d", got.code)
	}
	if len(h.work.asked) > 0 {
		t.Errorf("it was done all the same: %v", h.work.asked)
	}
}

// A slowBody is a request's body of which the rest does not come in time.
type slowBody struct{}

func (slowBody) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func TestARequestThatDoesNotComeIsNoFaultOfOurs(t *testing.T) {
	t.Attr("fault", "hostile: a request's body comes too slowly -> 408, and no line of an error in the log")
	var log strings.Builder
	h := newHouse(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	web, err := New(h.options)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sign-in", slowBody{})
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	web.ServeHTTP(w, r)
	if w.Code != http.StatusRequestTimeout || log.Len() > 0 {
		t.Errorf("status %d, log %q", w.Code, log.String())
	}
}

func TestAPracticeThatIsFrozenTellsNothingOfOthers(t *testing.T) {
	t.Attr("asvs", "4.2.1")
	h := newHouse(t)
	known := []store.Tenant{{ID: "hillcrest"}, {ID: "lakeside"}, {ID: "old-mill"}}
	if err := h.store.PutTenants(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	if err := h.store.PutTenants(t.Context(), known[:2]); err != nil {
		t.Fatal(err)
	}
	_, h.work.refuse = h.options.Config().Tenant("old-mill")
	if h.work.refuse == nil || !strings.Contains(problem.Of(h.work.refuse).Remedy, "hillcrest") {
		t.Fatalf("what an operator of the machine is told: %v", h.work.refuse)
	}
	v := h.person("anna", "operator@old-mill", "privacy_officer@old-mill")
	for _, got := range []got{
		v.post("/practices/old-mill/pause", "reason", "x"), v.post("/practices/old-mill/exports"), v.get("/practices/old-mill"),
		v.ask("POST", "/api/v1/practices/old-mill/pause", "application/json", `{"reason":"x"}`), v.ask("POST", "/api/v1/practices/old-mill/exports", "application/json", `{}`),
	} {
		if strings.Contains(got.body, "hillcrest") || strings.Contains(got.body, "lakeside") {
			t.Errorf("status %d: %s", got.code, got.body)
		}
	}
}

func TestNoChainIsMadeByAskingForIt(t *testing.T) {
	h := newHouse(t)
	v := h.person("olga", "privacy_officer")
	const none = "none\"\r\nX-Evil: 1"
	v.want("a search", v.get("/audit?chain=none"), http.StatusNotFound)
	v.want("a search by the API", v.get("/api/v1/audit?practice=none"), http.StatusNotFound)
	for _, act := range []string{"verify", "review", "export"} {
		v.want(act, v.post("/audit/"+act, "chain", none), http.StatusNotFound)
	}
	chains, err := h.store.AuditChains(t.Context())
	if diff := cmp.Diff([]string{audit.House}, chains); err != nil || diff != "" {
		t.Errorf("chains (-want +got), %v:\n%s", err, diff)
	}
}

func TestEachLookAtTheRecordIsOnRecord(t *testing.T) {
	t.Attr("asvs", "7.1.3")
	h := newHouse(t)
	v := h.person("olga", "privacy_officer")
	looks := func() int {
		h.Helper()
		found, err := h.store.AuditSearch(t.Context(), store.AuditSearch{Tenants: []string{"lakeside"}, Actor: "olga", Action: audit.RecordRead, Looked: 1000})
		if err != nil {
			t.Fatal(err)
		}
		return len(found.Entries)
	}
	for i, path := range []string{"/audit?chain=lakeside", "/audit?chain=lakeside&below=999", "/api/v1/audit?practice=lakeside", "/api/v1/audit?practice=lakeside&below=999"} {
		v.want(path, v.get(path), http.StatusOK)
		if n := looks(); n != i+1 {
			t.Errorf("%s: %d looks are on record, want %d", path, n, i+1)
		}
	}
}
