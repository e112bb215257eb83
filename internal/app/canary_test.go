package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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

// A page is a writer that many goroutines share.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

const canary = "Kanarienvogel"

// TestNoPatientNoTokenAndNoKeyLeavesTheFiles exports patients with canary
// names, with refused lines, failing files and a resume, and looks for the
// canary, the tokens and the key in every log, problem, ledger row and page.
func TestNoPatientNoTokenAndNoKeyLeavesTheFiles(t *testing.T) {
	t.Attr("shows", "BS-020 BS-066 BS-093")
	dir := t.TempDir()
	key, err := smart.GenerateKey(smart.RS384)
	if err != nil {
		t.Fatal(err)
	}
	private, public := keyTexts(t, key)
	server := canaryServer(t, filepath.Join(dir, "ca.pem"), public)
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("key.jwk", string(private))
	write("bulkhead.yaml", canaryConfig(t, server.Practice("LAKESD").Base(), write))
	cfg, err := config.Load(filepath.Join(dir, "bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	log := &page{}
	a, err := app.Open(t.Context(), cfg, app.Options{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	said := failAndResume(t, a, server)
	if rows := patientsOf(t, cfg); !strings.Contains(rows, canary) {
		t.Fatal("the canary is not in the tables: the test would show nothing")
	}
	ledger, token, shown := dump(t, a), tokenOf(t, a), everyPage(t, a)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Close(ended); err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{
		"a patient's name": canary, "the private key": privateMember(t, private), "an assertion": "client_assertion=", "an access token": token,
	}
	for where, text := range map[string]string{"the log": log.String(), "the ledger": ledger, "a problem": said} {
		if len(text) < 100 {
			t.Errorf("%s holds nothing: the test would show nothing", where)
		}
		for what, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", what, where)
			}
		}
	}
	for path, text := range shown {
		for what, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s is on the page %s", what, path)
			}
		}
	}
}

// tokenOf gives the token that the practice's requests carried.
func tokenOf(t *testing.T, a *app.App) string {
	t.Helper()
	lakeside, err := a.Config.Tenant("lakeside")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := a.Connections.To(lakeside, export.Types(lakeside))
	if err != nil {
		t.Fatal(err)
	}
	token, err := conn.Tokens.Token(t.Context())
	if err != nil || len(token.AccessToken) < 16 {
		t.Fatalf("no token to look for: %v", err)
	}
	return token.AccessToken
}

func keyTexts(t *testing.T, key *smart.Key) (private, public []byte) {
	t.Helper()
	private, err := key.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = smart.JWKS(key); err != nil {
		t.Fatal(err)
	}
	return private, public
}

func privateMember(t *testing.T, jwk []byte) string {
	t.Helper()
	var members struct{ D string }
	if err := json.Unmarshal(jwk, &members); err != nil || len(members.D) < 100 {
		t.Fatalf("the key has no private member: %v", err)
	}
	return members.D
}

func canaryServer(t *testing.T, caFile string, public []byte) *sandbox.Server {
	t.Helper()
	born := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	knobs := sandbox.Preset(sandbox.ProfileECW)
	knobs.Takes, knobs.RetryAfter, knobs.FilesPer = 20*time.Millisecond, 10*time.Millisecond, 20
	knobs.Bad = []sandbox.BadLines{{Type: "Patient", Broken: 1, NoID: 1, WrongType: 1}}
	knobs.Faults = []sandbox.Fault{{On: sandbox.KindFile, Type: "Condition", Do: sandbox.ActionStatus, Status: 500}}
	server, err := sandbox.Start(t.Context(), sandbox.Config{
		CAFile: caFile, Epoch: born, Clients: []sandbox.Client{{ID: "client-1", JWKS: public}},
		Practices: []sandbox.Practice{{
			Code: "LAKESD", Name: "Lakeside", Profile: sandbox.ProfileECW, Knobs: &knobs,
			Groups: []sandbox.Group{{ID: "g1", Identifier: "8a5c1d3e-6f00-4b7a-9c21-0d4e5f6a7b81", Name: "All"}},
			Source: sandbox.FromPopulation(population.New(population.Config{
				Seed: 1, Practice: "Lakeside", Patients: 12, Epoch: born, ObservationsPerPatient: 4, Canary: canary,
			})),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func canaryConfig(t *testing.T, base string, write func(name, text string)) string {
	t.Helper()
	profile := config.Profiles()["ecw"]
	profile.Poll = config.PollRule{Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(10 * time.Millisecond), Ceiling: config.Duration(time.Second)}
	text, err := profile.YAML()
	if err != nil {
		t.Fatal(err)
	}
	write("profiles/ecw.yaml", string(text))
	return fmt.Sprintf(`
folder: state
tls: {ca_file: ca.pem}
profiles: profiles
limits: {retry: {first_wait: 5ms, longest_wait: 20ms, attempts: 2}}
registrations:
  ecw: {profile: ecw, client_id: client-1, key_file: key.jwk}
tenants:
  - id: lakeside
    registration: ecw
    fhir_base_url: %s
    group: 8a5c1d3e-6f00-4b7a-9c21-0d4e5f6a7b81
    types: [Condition, Encounter, Patient]
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: ["*"], groups: ["*"], sinks: ["*"]}
`, base)
}

// failAndResume runs an export into its failure and then to its end, and
// returns all that the failures said.
func failAndResume(t *testing.T, a *app.App, server *sandbox.Server) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	id, err := a.Engine.Request(ctx, "lakeside", export.Wish{})
	if err != nil {
		t.Fatal(err)
	}
	x, err := a.Engine.Wait(ctx, "lakeside", id)
	if err != nil || x.State != life.Failed {
		t.Fatalf("the export ended %s: %s, %v; want failed", x.State, x.ProblemSummary, err)
	}
	server.Practice("LAKESD").Set(func(k *sandbox.Knobs) { k.Faults = nil })
	if err := a.Engine.Resume(ctx, "lakeside", id); err != nil {
		t.Fatal(err)
	}
	y, err := a.Engine.Wait(ctx, "lakeside", id)
	if err != nil || y.State != life.Completed {
		t.Fatalf("the resumed export ended %s: %s, %v", y.State, y.ProblemSummary, err)
	}
	wrong := problem.Of(a.Engine.Resume(ctx, "lakeside", id))
	return fmt.Sprint(x.ProblemSummary, x.ProblemRemedy, x.LastError, y.LastError, wrong, wrong.Remedy)
}

func patientsOf(t *testing.T, cfg *config.Config) (text string) {
	t.Helper()
	tables, err := app.Tables(cfg, "")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := tables.Query(t.Context(), "SELECT * FROM patient")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for row, err := range rows.All() {
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintln(row...)
	}
	return text
}

// dump gives every value of every table of the ledger, the executor's included.
func dump(t *testing.T, a *app.App) (text string) {
	t.Helper()
	names, err := a.Store.DB().Query(`SELECT name FROM sqlite_master WHERE type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	var tables []string
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	if err := errors.Join(names.Err(), names.Close()); err != nil || len(tables) < 10 {
		t.Fatal(tables, err)
	}
	for _, name := range tables {
		rows, err := a.Store.DB().Query("SELECT * FROM " + name)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				switch v := (*v.(*any)).(type) {
				case []byte:
					text += string(v) + "\n"
				default:
					text += fmt.Sprintln(v)
				}
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return text
}
