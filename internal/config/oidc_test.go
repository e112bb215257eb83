package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const oidcFile = `web:
  listen: 127.0.0.1:8080
  url: https://bulkhead.example.org
  oidc:
    issuer: https://login.example.org/realms/x
    client_id: bulkhead
    client_secret_file: secret.txt
    ca_file: own-ca.pem
    roles_claim: groups
    roles:
      bulkhead-viewers: viewer
      bulkhead-admins: [admin, operator]
    require_mfa: true
    session: 8h
`

func TestAnIdentityProviderIsReadWithItsDefaults(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	c, err := Parse(filepath.Join(folder, "bulkhead.yaml"), []byte(oidcFile))
	if err != nil {
		t.Fatal(err)
	}
	want := &OIDC{
		Issuer: "https://login.example.org/realms/x", Name: "your organisation", ClientID: "bulkhead", ClientSecretFile: filepath.Join(folder, "secret.txt"), CAFile: filepath.Join(folder, "own-ca.pem"),
		Scopes: []string{"profile", "email"}, RolesClaim: "groups", Roles: map[string][]string{"bulkhead-viewers": {"viewer"}, "bulkhead-admins": {"admin", "operator"}},
		RequireMFA: true, MFAValues: []string{"mfa"}, Session: Duration(8 * time.Hour),
	}
	if diff := cmp.Diff(want, c.Web.OIDC); diff != "" {
		t.Errorf("web.oidc (-want +got):\n%s", diff)
	}
	if _, err := c.Web.OIDC.ClientSecret(); problem.Of(err).Code != problem.ConfigMissing {
		t.Errorf("a secret that is not there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "secret.txt"), []byte(" hidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := c.Web.OIDC.ClientSecret(); err != nil || s.Reveal() != "hidden" {
		t.Errorf("the secret: %v", err)
	}
}

func TestAnIdentityProviderThatLetsInTheWrongPeopleIsAMistake(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"  url: https://bulkhead.example.org\n ->":                             "needs web.url",
		"issuer: https://login.example.org/realms/x -> issuer: http://login.x": "plain http",
		"    client_id: bulkhead\n ->":                                         "client_id",
		"bulkhead-viewers: viewer -> bulkhead-viewers: root":                   `is "root"`,
		"bulkhead-viewers: viewer -> bulkhead-viewers: viewer@nowhere":         "no tenant",
		"bulkhead-viewers: viewer -> bulkhead-viewers: admin@lakeside":         "without a practice",
		"session: 8h -> session: 13h":                                          "12h at most",
		"require_mfa: true -> client_secret_env: X":                            "must not stand beside",
	} {
		from, to, _ := strings.Cut(change, " ->")
		text := strings.Replace(oidcFile, from, strings.TrimPrefix(to, " "), 1)
		_, err := Parse("bulkhead.yaml", []byte(text))
		if err == nil || !strings.Contains(problem.Of(err).Error()+problem.Of(err).Summary, want) {
			t.Errorf("%s: %v", change, err)
		}
	}
}
