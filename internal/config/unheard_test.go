package config

import (
	"strings"
	"testing"
)

func TestAlertsThatWouldReachNobodyAreFound(t *testing.T) {
	t.Parallel()
	const tenants = `
tenants:
  - {id: elm, open: true, fhir_base_url: "https://ehr.example/elm", group: g, contacts: [{who: us, name: Ada, email: Ada@example.org}, {who: practice, name: Bob, email: bob@elm.example}]}
  - {id: fir, open: true, fhir_base_url: "https://ehr.example/fir", group: g}
`
	for _, c := range []struct{ name, routes, want string }{
		{"one for all", "{name: desk, log: true}", ""},
		{"one for all, and one for Ada", "{name: desk, log: true}, {name: ada, log: true, owners: [ada@example.org]}", ""},
		{"a name that is nobody's", "{name: desk, log: true}, {name: eve, log: true, owners: [Eve]}", "no contact"},
		{"somebody of the practice", "{name: desk, log: true}, {name: bob, log: true, owners: [Bob]}", "no contact"},
		{"only Ada's", "{name: ada, log: true, owners: [Ada]}", "practices whose alerts no route takes: 1, such as fir; no route takes what is of no practice"},
		{"each practice its own", "{name: a, log: true, tenants: [elm, fir]}", "what is of no practice"},
	} {
		c2, err := Parse("bulkhead.yaml", []byte("alerts: {routes: ["+c.routes+"]}"+tenants))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(c2.Alerts.Unheard(c2.Tenants), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	off := Alerts{Off: true}
	if list := off.Unheard(nil); len(list) > 0 {
		t.Errorf("alerts that are off: %v", list)
	}
}
