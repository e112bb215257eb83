package export

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

const twoOpen = `
folder: state
tenants:
  - {id: elm, open: true, level: system, fhir_base_url: https://elm.example.org/fhir, types: [Patient]}
  - {id: fir, open: true, level: system, fhir_base_url: https://fir.example.org/fhir, types: [Patient]}
`

func TestAReloadKeepsTheConnectionsOfWhoDidNotChange(t *testing.T) {
	c, err := config.Parse("bulkhead.yaml", []byte(twoOpen))
	if err != nil {
		t.Fatal(err)
	}
	connections, err := NewConnections(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	to := func(from *Connections, of *config.Config, id string) *Connection {
		t.Helper()
		tenant, err := of.Tenant(id)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := from.To(tenant, tenant.Types)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	elm, fir := to(connections, c, "elm"), to(connections, c, "fir")
	next := *c
	following, err := connections.Following(&next, func(tenant string) bool { return tenant != "fir" })
	if err != nil {
		t.Fatal(err)
	}
	if to(following, &next, "elm") != elm {
		t.Error("elm has not changed and got a new connection")
	}
	if to(following, &next, "fir") == fir {
		t.Error("fir has changed and kept its connection")
	}
	if to(connections, c, "fir") != fir {
		t.Error("steps that still run lost their connection")
	}
	next.TLS.CAFile = "/does/not/exist.pem"
	if _, err := connections.Following(&next, func(string) bool { return true }); err == nil {
		t.Error("certificates that cannot be read were taken")
	}
}
