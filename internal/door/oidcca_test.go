package door

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestAProviderOfAPrivateAuthorityIsTrustedByItsFile(t *testing.T) {
	l := newLogin(t)
	l.server = httptest.NewTLSServer(l.server.Config.Handler)
	t.Cleanup(l.server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	v := withLogin(t, l, func(c *config.OIDC) { c.CAFile = file }).visit()
	v.client.Transport = l.server.Client().Transport // the browser's own trust
	v.want("with the file", v.throughProvider(""), http.StatusSeeOther)
	v.want("who has signed in", v.get("/me"), http.StatusOK)

	v = withLogin(t, l).visit()
	v.want("without it", v.get("/sign-in/provider"), http.StatusBadGateway)
}

func TestAFileOfAuthoritiesThatCannotBeUsedIsToldAtTheStart(t *testing.T) {
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]problem.Code{empty: problem.ConfigInvalid, filepath.Join(folder, "none.pem"): problem.ConfigMissing} {
		c := &config.Config{Web: config.Web{OIDC: &config.OIDC{Issuer: "https://login.example.org", CAFile: file}}}
		_, err := New(Options{Config: func() *config.Config { return c }})
		if p := problem.Of(err); p.Code != want || !strings.Contains(p.Remedy, "web.oidc.ca_file") {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}
