package app

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestRunServesPagesToTheFirstPerson(t *testing.T) {
	c := &config.Config{Folder: t.TempDir(), Limits: config.Limits{Exports: 1}, Web: config.Web{Listen: freeAddress(t)}}
	a, err := Open(t.Context(), c, Options{Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	address, code := a.Pages()
	if address != "http://"+c.Web.Listen || len(code) < 10 {
		t.Fatalf("served at %q with a code of %d characters", address, len(code))
	}
	form := url.Values{"id": {"anna"}, "password": {"a lantern by the harbour"}, "again": {"a lantern by the harbour"}, "code": {code}}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	made, err := client.PostForm(address+"/first", form)
	if err != nil || made.StatusCode != http.StatusSeeOther {
		t.Fatal(made, err)
	}
	made.Body.Close()
	client.CloseIdleConnections()
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, err = Open(t.Context(), c, Options{Serve: true}); err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := client.Get(address + "/sign-in")
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	if _, code := a.Pages(); code != "" || err != nil || strings.Contains(string(text), "/first") {
		t.Error("a code is made though somebody may sign in", err)
	}
	client.CloseIdleConnections()
}

func TestAnAddressThatIsTakenIsAProblem(t *testing.T) {
	address := freeAddress(t)
	one, err := listen(t.Context(), listening{Section: "web", What: "pages and API", Address: address, Handler: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	defer one.close(t.Context()) //nolint:errcheck // it is the end of the test
	_, err = listen(t.Context(), listening{Section: "web", What: "pages and API", Address: address})
	if p := problem.Of(err); p == nil || p.Code != problem.ConfigInvalid || !strings.Contains(p.Remedy, "web.listen") {
		t.Errorf("%v", err)
	}
	_, err = listen(t.Context(), listening{Section: "web", What: "pages and API", Address: freeAddress(t), Cert: filepath.Join(t.TempDir(), "none")})
	if p := problem.Of(err); p == nil || !strings.Contains(p.Remedy, "web.tls_cert") {
		t.Errorf("%v", err)
	}
}
