package page

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestAnErrorIsWordedForWhoAsked(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want Failure
	}{
		"a refusal": {
			fmt.Errorf("asked: %w", Refusal(http.StatusTooManyRequests, "wait a little", "Wait.")),
			Failure{Status: 429, Summary: "Asked: wait a little.", Remedy: "Wait."},
		},
		"what is not there": {
			access.ErrNotFound,
			Failure{Status: 404, Summary: "There is no such page.", Remedy: "Check the address; or ask an admin for a role in the practice that you look for."},
		},
		"what is too long": {
			&http.MaxBytesError{Limit: 1},
			Failure{Status: 413, Summary: "What was sent is too long.", Remedy: "Send less than 64 kB."},
		},
		"a problem": {
			problem.New(problem.Usage, "the export has ended", "Start another.").For("lakeside"),
			Failure{Status: 409, Tenant: "lakeside", Summary: "The export has ended.", Remedy: "Start another.", Code: problem.Usage},
		},
		"a problem of what was asked for": {
			problem.Asked("the time cannot be read", "Give another."),
			Failure{Status: 422, Summary: "The time cannot be read.", Remedy: "Give another.", Code: problem.Usage},
		},
		"a problem that names all practices": {
			problem.New(problem.TenantUnknown, "there is no such practice", "Name one of hillcrest, lakeside."),
			Failure{Status: 404, Summary: "There is no such practice.", Remedy: "Name a practice that you may see; ask who runs bulkhead whether this one is still configured.", Code: problem.TenantUnknown},
		},
		"a fault of ours": {
			errors.New("open /var/lib/x: no such file"),
			Failure{Status: 500, Summary: "Bulkhead met something that it does not explain yet.", Remedy: "Try again; then look at the log, which has the reason.", Code: problem.Internal},
		},
	} {
		if diff := cmp.Diff(c.want, FailureOf(c.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// shown gives the answer of a book with the page "greeting" to a request.
func shown(t *testing.T, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	b, err := NewBook(func(who access.Actor, path string) []Tab {
		return []Tab{{Path: "/", Name: who.Name, Here: path == "/"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	pages := fstest.MapFS{
		"page/parts.html":    {Data: []byte(`{{define "name"}}<b>{{shout .}}</b>{{end}}`)},
		"page/greeting.html": {Data: []byte(`{{define "main"}}{{template "name" .Content}}{{end}}`)},
	}
	if err := b.Add(pages, template.FuncMap{"shout": strings.ToUpper}); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(access.As(t.Context(), access.Actor{ID: "anna", Name: "Anna"}), http.MethodGet, "/", nil)
	r.Header = header
	w := httptest.NewRecorder()
	if err := b.Show(w, r, http.StatusOK, "greeting", "<you>"); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAPageStandsInItsFrame(t *testing.T) {
	text := shown(t, http.Header{}).Body.String()
	for _, want := range []string{"<!doctype html>", "<b>&lt;YOU&gt;</b>", `<a href="/" aria-current="page">Anna</a>`, "Sign out"} {
		if !strings.Contains(text, want) {
			t.Errorf("it is without %s:\n%s", want, text)
		}
	}
}

func TestAPageThatIsAsItWasIsSentAgainOnlyToAPerson(t *testing.T) {
	first := shown(t, http.Header{ByItself: {"1"}})
	tag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || tag == "" {
		t.Fatalf("status %d, tag %q", first.Code, tag)
	}
	if again := shown(t, http.Header{ByItself: {"1"}, "If-None-Match": {tag}}); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("to the page itself: status %d, %d bytes", again.Code, again.Body.Len())
	}
	if person := shown(t, http.Header{"If-None-Match": {tag}}); person.Code != http.StatusOK || person.Header().Get("ETag") != "" {
		t.Errorf("to a person: status %d", person.Code)
	}
}

func TestAPageThatIsNoTemplateIsToldByItsName(t *testing.T) {
	b, err := NewBook(func(access.Actor, string) []Tab { return nil })
	if err != nil {
		t.Fatal(err)
	}
	err = b.Add(fstest.MapFS{"page/broken.html": {Data: []byte(`{{define "main"}}{{.`)}}, nil)
	if err == nil || !strings.Contains(err.Error(), "read page broken") {
		t.Error(err)
	}
}
