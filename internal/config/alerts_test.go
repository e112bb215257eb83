package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const alertsBase = `
registrations: {ecw: {profile: ecw, client_id: c, key_file: k.pem}}
tenants:
  - {id: lakeside, registration: ecw, fhir_base_url: "https://ehr.example/f", group: g}
`

func alertsOf(t *testing.T, text string) (Alerts, error) {
	t.Helper()
	c, err := Parse(filepath.Join(t.TempDir(), "bulkhead.yaml"), []byte(alertsBase+text))
	if err != nil {
		return Alerts{}, err
	}
	return c.Alerts, nil
}

func TestAlertsHaveDefaultsAndAreToldInTheLog(t *testing.T) {
	t.Parallel()
	a, err := alertsOf(t, "limits: {free_bytes: 4GiB}")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Routes) != 1 || !a.Routes[0].Log || a.Routes[0].Severity != SeverityInfo {
		t.Errorf("routes: %+v", a.Routes)
	}
	if a.StaleAfter.Std() != 72*time.Hour || a.DiskFree != 8<<30 {
		t.Errorf("stale after %s, disk free %d", a.StaleAfter, a.DiskFree)
	}
}

func TestWhatIsWrongWithAnAlertRouteIsTold(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, route, want string }{
		{"no place", "{name: a}", "exactly one of"},
		{"two places", "{name: a, log: true, url_env: HOOK}", "exactly one of"},
		{"the secret itself in url_file", `{name: a, url_file: "slack://xoxb-canary/1"}`, "not the URL itself"},
		{"the secret itself in url_env", `{name: a, url_env: "generic://canary"}`, "not the URL itself"},
		{"no such tenant", "{name: a, log: true, tenants: [hill]}", "which is no tenant"},
		{"a name that cannot be used", "{name: On Call, log: true}", "must be 1 to 63"},
		{"no such kind", "{name: a, log: true, kinds: [weather]}", "stale"},
		{"no such severity", "{name: a, log: true, severity: loud}", "critical"},
	}
	for _, c := range cases {
		_, err := alertsOf(t, "alerts: {routes: [ "+c.route+" ]}")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the mistake shows the secret: %v", c.name, err)
		}
	}
	if _, err := alertsOf(t, "alerts: {routes: [{name: a, log: true}, {name: a, log: true}]}"); err == nil {
		t.Error("two routes have one name")
	}
}

func TestTheAddressOfARouteIsASecretFromFileOrEnvironment(t *testing.T) {
	const address = "generic+https://hooks.example/canary"
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(address+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOOK", address)
	for _, r := range []AlertRoute{{Name: "f", URLFile: file}, {Name: "e", URLEnv: "HOOK"}} {
		s, err := r.URL()
		if err != nil || s.Reveal() != address {
			t.Errorf("%s: %q, %v", r.Name, s.Reveal(), err)
		}
	}
	for _, r := range []AlertRoute{{Name: "f", URLFile: file + "x"}, {Name: "e", URLEnv: "NO_SUCH_HOOK"}} {
		if _, err := r.URL(); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}

func TestTheKindsOfAlertsAreTheWordsOfARoute(t *testing.T) {
	t.Parallel()
	if f := fieldWords[AlertRoute]("Kinds"); !slices.Equal(f, AlertKinds()) {
		t.Errorf("words of kinds: %v", f)
	}
}

// fieldWords are the words that a field's tag permits.
func fieldWords[T any](name string) []string {
	f, _ := reflect.TypeFor[T]().FieldByName(name)
	return strings.Fields(f.Tag.Get("words"))
}
