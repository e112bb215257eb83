package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

type demoCommand struct {
	Folder   string `type:"path" default:"bulkhead-demo" help:"Where everything goes; what an earlier demo left there is replaced."`
	Patients int    `default:"150" help:"How many patients each practice has."`
	Serve    bool   `help:"Keep the practice EHR running at the end, to try more."`
}

// demoMark is the file that says that a folder is a demo's and may be replaced.
const demoMark = ".bulkhead-demo"

// A demo practice.
type demoPractice struct{ tenant, code, name, group string }

var demoPractices = []demoPractice{
	{"lakeside", "LAKESD", "Lakeside Family Medicine", "8a5c1d3e-6f00-4b7a-9c21-0d4e5f6a7b81"},
	{"hillcrest", "HILLCR", "Hillcrest Primary Care", "1b9e4c77-2a50-4d3b-8e64-93c0d1e2f304"},
	{"riverbend", "RIVRBD", "Riverbend Internal Medicine", "c3d2e1f0-9b8a-4756-8413-2f1e0d9c8b7a"},
}

// demoTypes keep the demo short; a practice's configuration names its own.
var demoTypes = []string{
	"AllergyIntolerance", "Condition", "DiagnosticReport", "Encounter", "Immunization", "Location", "Medication", "MedicationRequest",
	"Observation", "Organization", "Patient", "Practitioner", "Procedure",
}

// Run shows the whole life: three practices at an eCW-like server, one of
// which fails half-way; tables; a second round of changes only.
func (c *demoCommand) Run(ctx context.Context, g *Globals) error {
	if err := c.clear(); err != nil {
		return err
	}
	key, err := c.key()
	if err != nil {
		return err
	}
	jwks, err := serveJWKS(ctx, key)
	if err != nil {
		return err
	}
	defer jwks.Close() //nolint:errcheck // the demo is over
	server, err := c.serve(ctx, "http://"+jwks.Addr+"/jwks.json")
	if err != nil {
		return fmt.Errorf("start the practice EHR: %w", err)
	}
	defer server.Close() //nolint:errcheck // the demo is over
	g.Config = filepath.Join(c.Folder, "bulkhead.yaml")
	if err := c.configure(server.Summary()); err != nil {
		return err
	}
	cfg, err := g.load()
	if err != nil {
		return err
	}
	err = g.working(ctx, cfg, app.Options{}, func(a *app.App) error {
		return c.rounds(ctx, g, a, server)
	})
	if err != nil {
		return err
	}
	return c.close(ctx, g)
}

func (c *demoCommand) rounds(ctx context.Context, g *Globals, a *app.App, server *sandbox.Server) error {
	g.printf("A practice EHR that behaves like eClinicalWorks serves three practices at %s\n", server.Summary().FHIR)
	g.printf("Riverbend's server will start to fail its file downloads half-way.\n\n── first round: everything ──\n")
	first, err := c.round(ctx, g, a, []string{"hillcrest", "lakeside", "riverbend"}, export.Wish{By: "demo"})
	if err != nil {
		return err
	}
	if first["lakeside"] != life.Completed || first["hillcrest"] != life.Completed || first["riverbend"] != life.Failed {
		return fmt.Errorf("demo: the first round ended %v", first)
	}
	if err := c.sameID(ctx, g); err != nil {
		return err
	}
	server.Practice("HILLCR").Set(func(k *sandbox.Knobs) { k.Bad = nil })
	server.Advance(36 * time.Hour)
	g.printf("\n── second round, a day and a half later: only what changed ──\n")
	second, err := c.round(ctx, g, a, []string{"hillcrest", "lakeside"}, export.Wish{By: "demo"})
	if err != nil {
		return err
	}
	if second["lakeside"] != life.Completed || second["hillcrest"] != life.Completed {
		return fmt.Errorf("demo: the second round ended %v", second)
	}
	return nil
}

// round exports the practices side by side, and prints the problem of each
// that fails: that is what a demo of failure isolation is for.
func (c *demoCommand) round(ctx context.Context, g *Globals, a *app.App, tenants []string, w export.Wish) (map[string]life.State, error) {
	var refs []ref
	for _, tenant := range tenants {
		id, err := a.Engine.Request(ctx, tenant, w)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref{tenant, id})
	}
	exports, err := g.watch(ctx, a, refs)
	if err != nil && exports == nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, err
	}
	states := map[string]life.State{}
	for _, x := range exports {
		states[x.Tenant] = x.State
		if failed := problemOf(x); failed != nil {
			g.printf("\n")
			render(Streams{Out: g.streams.Out, Err: g.streams.Out}, false, failed)
		}
	}
	return states, nil
}

const samePatient = `SELECT tenant_id, resource_key, family, given, birth_date, city,
  (SELECT count(*) FROM observation o WHERE o.tenant_id = p.tenant_id AND o.patient_id = p.id) AS observations
FROM patient p WHERE id = '123' ORDER BY tenant_id`

func (c *demoCommand) sameID(ctx context.Context, g *Globals) error {
	g.printf("\nBoth practices have a Patient/123, and they are two people:\n\n$ bulkhead query \"%s\"\n\n", samePatient)
	return (&queryCommand{SQL: samePatient}).Run(ctx, g)
}

func (c *demoCommand) close(ctx context.Context, g *Globals) error {
	folder := relative(c.Folder)
	g.printf(`
── where everything is ──
  %[1]s/bulkhead.yaml       the configuration: registration, practices, agreements, sinks
  %[1]s/state/ledger.db     the ledger: exports, files, watermarks (SQLite; see the view tenant_export_status)
  %[1]s/state/files/        raw, staged and quarantined files, by practice and export
  %[1]s/state/tables.duckdb the current tables, for any DuckDB
  %[1]s/state/parquet/      the same tables as Parquet: <practice>/current/<table>.parquet

── what to type next ──
  export BULKHEAD_CONFIG=%[1]s/bulkhead.yaml
  %[2]s status                         who is fresh, who failed, and why
  %[2]s status riverbend               its exports, and what to do
  %[2]s quality hillcrest              what its last export is worth
  %[2]s quarantine list                which lines were refused, why, and who must act
  %[2]s plan lakeside                  what the next export would ask for
  %[2]s query "SELECT tenant_id, count(*) FROM observation GROUP BY ALL"
  %[2]s demo --serve                   the same, and the EHR stays up: then try  %[2]s export lakeside
`, folder, typedHere())
	if !c.Serve {
		return nil
	}
	g.printf("\nthe practice EHR stays up until Ctrl-C\n")
	<-ctx.Done()
	return nil
}

// typedHere is what runs this command in the present folder.
func typedHere() string {
	if _, err := exec.LookPath("bulkhead"); err == nil {
		return "bulkhead"
	}
	self, err := os.Executable()
	if err != nil {
		return "bulkhead"
	}
	return relative(self)
}

func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if r, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(r, "..") {
		return r
	}
	return path
}

// clear makes the folder, and empties one that an earlier demo made.
func (c *demoCommand) clear() error {
	entries, err := os.ReadDir(c.Folder)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(c.Folder, demoMark)); err != nil {
			return problem.New(problem.Usage, c.Folder+" is not empty and was not made by a demo", "Give another --folder.")
		}
		if err := os.RemoveAll(c.Folder); err != nil {
			return problem.Wrap(err, problem.StorageUnwritable, "the earlier demo cannot be removed", "Remove "+c.Folder+" or give another --folder.")
		}
	}
	if err := os.MkdirAll(filepath.Join(c.Folder, "profiles"), 0o700); err != nil {
		return problem.Wrap(err, problem.StorageUnwritable, "the folder cannot be made", "Give a --folder that you may write.")
	}
	return os.WriteFile(filepath.Join(c.Folder, demoMark), nil, 0o600)
}

func (c *demoCommand) key() (*smart.Key, error) {
	key, err := smart.GenerateKey(smart.RS384)
	if err != nil {
		return nil, err
	}
	text, err := key.PrivateJWK()
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(filepath.Join(c.Folder, "key.jwk"), text, 0o600)
}

// serveJWKS publishes the public key as a registered client must.
func serveJWKS(ctx context.Context, key *smart.Key) (*http.Server, error) {
	set, err := smart.JWKS(key)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("publish the key: %w", err)
	}
	server := &http.Server{Addr: listener.Addr().String(), ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=300")
		w.Write(set) //nolint:errcheck // the asker went away
	})}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
	return server, nil
}

const demoScale = 240 // an hour of the EHR's waiting is 15 seconds here

func (c *demoCommand) serve(ctx context.Context, jwksURL string) (*sandbox.Server, error) {
	epoch := time.Now().Add(-72 * time.Hour)
	cfg := sandbox.Config{
		CAFile: filepath.Join(c.Folder, "ca.pem"), TimeScale: demoScale, Epoch: epoch,
		Clients: []sandbox.Client{{ID: "bulkhead-demo", JWKSURL: jwksURL}},
	}
	for i, p := range demoPractices {
		knobs := sandbox.Preset(sandbox.ProfileECW)
		knobs.Deletions = true
		switch p.tenant {
		case "hillcrest":
			knobs.Bad = []sandbox.BadLines{{Type: "Condition", Broken: 1, NoID: 1}, {Type: "Observation", WrongType: 1}}
		case "riverbend":
			knobs.Faults = []sandbox.Fault{{On: sandbox.KindFile, After: 12, Do: sandbox.ActionStatus, Status: http.StatusInternalServerError}}
		}
		cfg.Practices = append(cfg.Practices, sandbox.Practice{
			Code: p.code, Name: p.name, Profile: sandbox.ProfileECW, Knobs: &knobs,
			Groups: []sandbox.Group{{ID: fmt.Sprintf("grp-%d", i+1), Identifier: p.group, Name: "All active patients"}},
			Source: sandbox.FromPopulation(population.New(population.Config{
				Seed: uint64(2026 + i), Practice: p.name, Patients: c.Patients, Epoch: epoch, ObservationsPerPatient: 60,
				ChangeRate: 0.02, DeleteRate: 0.005, JoinRate: 0.01,
			})),
		})
	}
	return sandbox.Start(ctx, cfg)
}

// configure writes the configuration as a person would, but for a profile that
// polls as fast as the demo's clock runs.
func (c *demoCommand) configure(s sandbox.Summary) error {
	profile := config.Profiles()["ecw"]
	profile.Poll = config.PollRule{
		Default: config.Duration(time.Second), Floor: config.Duration(100 * time.Millisecond), Ceiling: config.Duration(5 * time.Second),
	}
	text, err := profile.YAML()
	if err != nil {
		return fmt.Errorf("write the demo's profile: %w", err)
	}
	if err := os.WriteFile(filepath.Join(c.Folder, "profiles", "ecw.yaml"), text, 0o600); err != nil {
		return problem.Wrap(err, problem.StorageUnwritable, "the demo's profile cannot be written", "Give a --folder that you may write.")
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# The configuration of the demo. Every field: docs/configuration.md
folder: state
tls: {ca_file: ca.pem}   # the sandbox's own authority
profiles: profiles       # eCW's profile, polling as fast as the demo's clock runs
limits: {retry: {first_wait: 100ms, longest_wait: 1s, attempts: 4}}

registrations:
  ecw:
    profile: ecw
    client_id: bulkhead-demo
    key_file: key.jwk

tenants:
`)
	for i, p := range demoPractices {
		fmt.Fprintf(&b, `  - id: %s
    name: %s
    registration: ecw
    fhir_base_url: %s
    group: %s
    types: [%s]
    agreement:
      reference: demo agreement %d
      status: active
      effective_from: 2026-01-01
      types: [%s]
      groups: [%s]
      sinks: [parquet, tables]
      grants: {aggregate: true}
`, p.tenant, p.name, s.Practices[i].Base, p.group, strings.Join(demoTypes, ", "), i+1, strings.Join(demoTypes, ", "), p.group)
	}
	return os.WriteFile(filepath.Join(c.Folder, "bulkhead.yaml"), []byte(b.String()), 0o600)
}
