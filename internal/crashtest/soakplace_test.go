package crashtest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

// soakSetup is the configuration of a soak: four practices, three of which ask
// for tokens, all of them due every few seconds. The verb is their schedule.
const soakSetup = `
folder: state
profiles: profiles
tls: {ca_file: ca.pem}
limits: {ingest_workers: 2, requests_per_minute: 1000000, retry: {first_wait: 20ms, longest_wait: 400ms, attempts: 12}}
sinks:
  tables: {kind: duckdb, file: state/tables.duckdb}
  lake: {kind: parquet, folder: state/lake}
registrations:
  app: {profile: standard, client_id: soak, key_file: app.jwk}
tenants:
  - &t
    id: lakeside
    registration: app
    fhir_base_url: %[2]s
    level: patient
    types: [Condition, DocumentReference, Observation, Patient]
    sinks: [tables, lake]
    schedule: "%[1]s"
    attachments: {fetch: true}
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: ["*"], groups: ["*"], sinks: ["*"], attachments: true}
  - {<<: *t, id: hillcrest, fhir_base_url: "%[3]s", types: [Condition, Encounter, Patient], attachments: {fetch: false}}
  - {<<: *t, id: meadow, fhir_base_url: "%[4]s", types: [Condition, Patient], full_every: 20s, attachments: {fetch: false}}
  - {<<: *t, id: harbor, fhir_base_url: "%[5]s", types: [Observation, Patient], attachments: {fetch: false}, registration: "", open: true, profile: standard}
`

// The practices of a soak. Each server has habits of its own.
const (
	lakeside  = "lakeside"  // has documents, and resumes transfers
	hillcrest = "hillcrest" // keeps its files in a storage whose links lapse
	meadow    = "meadow"    // runs one export at a time, and is asked for all of it now and then
	harbor    = "harbor"    // asks for no token; some of its lines are spoilt
)

// Schedules of a soak.
const (
	always = "@every 3s"
	never  = ""
)

// soakPractice makes a practice of a soak.
func soakPractice(id string, seed uint64, patients int) sandbox.Practice {
	p := practice(codeOf(id), seed, patients)
	k := p.Knobs
	p.Open = id == harbor
	k.BigLine, k.FilesPer, k.Bad = 0, 40, nil
	k.Attach = sandbox.AttachAsIs
	k.Token.Life = 5 * time.Microsecond // as short as there are
	switch id {
	case lakeside:
		k.Attach, k.Ranges = sandbox.AttachRelative, true
	case hillcrest:
		k.Access, k.LinkLife, k.Gzip = sandbox.AccessPresigned, time.Hour, true
	case meadow:
		k.Duplicate, k.SlotUntilDelete = sandbox.Duplicate429, false
	case harbor:
		k.Bad = spoilt
	}
	return p
}

// spoilt are the lines that harbor's server spoils.
var spoilt = []sandbox.BadLines{{Type: "Patient", NoID: 1}, {Type: "Observation", Broken: 1, NoID: 1}}

func codeOf(id string) string {
	return map[string]string{lakeside: "LAKESIDE", hillcrest: "HILLCREST", meadow: "MEADOW", harbor: "HARBOR"}[id]
}

// newSoakPlace starts the servers and makes the folder of a bulkhead.
func newSoakPlace(t *testing.T) *place {
	t.Helper()
	key, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		t.Fatal(err)
	}
	public, err := smart.JWKS(key)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{dir: t.TempDir(), tenants: []string{lakeside, hillcrest, meadow, harbor}}
	cfg := sandbox.Config{
		CAFile: p.path("ca.pem"), Epoch: born, TimeScale: slow, Clients: []sandbox.Client{{ID: "soak", JWKS: public}},
	}
	for i, id := range p.tenants {
		cfg.Practices = append(cfg.Practices, soakPractice(id, uint64(5+i), 6+i))
	}
	if p.server, err = sandbox.Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.server.Close(); err != nil {
			t.Error(err)
		}
	})
	private, err := key.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "app.jwk", string(private))
	p.hasten(t)
	p.schedule(t, always)
	return p
}

// schedule says when exports start.
func (p *place) schedule(t *testing.T, spec string) {
	t.Helper()
	args := []any{spec}
	for _, id := range p.tenants {
		args = append(args, p.of(id).Base())
	}
	p.write(t, "bulkhead.yaml", fmt.Sprintf(soakSetup, args...))
}

// of gives the server of a practice.
func (p *place) of(id string) *sandbox.PracticeServer { return p.server.Practice(codeOf(id)) }

// twin gives a place with the same servers and an empty state folder.
func (p *place) twin(t *testing.T) *place {
	t.Helper()
	other := *p
	other.dir = t.TempDir()
	for _, name := range []string{"ca.pem", "app.jwk", "bulkhead.yaml", filepath.Join("profiles", "standard.yaml")} {
		text, err := os.ReadFile(p.path(name))
		if err != nil {
			t.Fatal(err)
		}
		other.write(t, name, string(text))
	}
	return &other
}

// config reads the configuration.
func (p *place) config(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load(p.path("bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
