package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A world is a keeper over a real ledger whose exports the test makes up, in
// simulated time.
type world struct {
	t        testing.TB
	store    *store.Store
	config   *config.Config
	keeper   *Keeper
	sender   *Sender
	free     int64
	disposal func(string) (Disposed, bool)
	jams     func() []JamFacts
	files    func() FilesFacts
	fail     error // what every route answers
	sent     []store.Notice
}

// practiceYAML is one practice of the configuration.
const practiceYAML = `  - {id: %s, registration: ecw, fhir_base_url: "https://ehr.example/%s", group: g, schedule: "0 2 * * *",
     contacts: [{who: us, name: Ada, email: ada@example.org}],
     agreement: {reference: A, status: active, effective_from: 2000-01-01, types: ["*"], groups: ["*"], sinks: ["*"]%s}}
`

// run makes a world of so many practices, p1 and so on, with YAML for alerts
// and for the agreements, and plays in it.
func run(t *testing.T, practices int, alerts, agreement string, play func(w *world)) {
	t.Helper()
	dir := t.TempDir()
	c := configure(t, dir, practices, alerts, agreement)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir, c)
		defer w.store.Close()
		play(w)
	})
}

func configure(t testing.TB, dir string, practices int, alerts, agreement string) *config.Config {
	t.Helper()
	var tenants strings.Builder
	for i := range practices {
		id := fmt.Sprint("p", i+1)
		fmt.Fprintf(&tenants, practiceYAML, id, id, agreement)
	}
	text := "alerts: {routes: [{name: desk, url_env: DESK}]" + alerts + "}\n" +
		"registrations: {ecw: {profile: ecw, client_id: c, key_file: k.pem}}\ntenants:\n" + tenants.String()
	c, err := config.Parse(filepath.Join(dir, "bulkhead.yaml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c.Registrations = nil // keys have tests of their own
	for i := range c.Tenants {
		c.Tenants[i].Open, c.Tenants[i].Profile = true, "ecw"
	}
	return c
}

func newWorld(t testing.TB, dir string, c *config.Config) *world {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().ExecContext(t.Context(), "PRAGMA synchronous = OFF"); err != nil { // no power fails here
		t.Fatal(err)
	}
	w := &world{t: t, store: s, config: c, free: 1 << 40}
	w.putTenants()
	w.begin()
	return w
}

func (w *world) putTenants() {
	w.t.Helper()
	var tenants []store.Tenant
	for _, t := range w.config.Tenants {
		tenants = append(tenants, store.Tenant{ID: t.ID, Name: t.Name, FHIRBaseURL: t.FHIRBaseURL})
	}
	if err := w.store.PutTenants(w.t.Context(), tenants); err != nil {
		w.t.Fatal(err)
	}
}

// begin makes a keeper, as a process does that starts.
func (w *world) begin() {
	current := func() *config.Config { return w.config }
	w.sender = NewSender(w.store, current, func(_ context.Context, _ config.AlertRoute, n store.Notice) error {
		if w.fail == nil {
			w.sent = append(w.sent, n)
		}
		return w.fail
	}, slog.New(slog.DiscardHandler))
	w.keeper = New(Options{Config: current, Store: w.store, Send: w.sender, Disposal: w.disposal, Jams: w.jams, Files: w.files, Free: func(string) (int64, error) { return w.free, nil }})
}

// pass lets time pass with a look every so often.
func (w *world) pass(d, every time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		<-time.After(min(every, time.Until(end)))
		w.look()
	}
}

func (w *world) look() {
	w.t.Helper()
	if err := errors.Join(w.keeper.CatchUp(w.t.Context()), w.sender.SendDue(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
}

// told forgets and gives the subjects of the messages that were sent.
func (w *world) told() []string {
	var list []string
	for _, n := range w.sent {
		list = append(list, n.Subject)
	}
	w.sent = nil
	return list
}

func (w *world) want(subjects ...string) {
	w.t.Helper()
	got := w.told()
	if strings.Join(got, "\n") != strings.Join(subjects, "\n") {
		w.t.Errorf("%s: told\n  %s\nwant\n  %s", time.Now().UTC().Format(time.RFC3339), strings.Join(got, "\n  "), strings.Join(subjects, "\n  "))
	}
}

// do changes the ledger a second later: no two exports begin at once.
func (w *world) do(tenant string, f func(tx *store.Tx) error) {
	w.t.Helper()
	<-time.After(time.Second)
	if err := w.store.In(tenant).Do(w.t.Context(), f); err != nil {
		w.t.Fatal(err)
	}
}

// request makes an export that is at the server.
func (w *world) request(tenant, mode string) (x store.Export) {
	w.t.Helper()
	w.do(tenant, func(tx *store.Tx) (err error) {
		x, err = ask(tx, tenant, mode)
		return err
	})
	return x
}

func ask(tx *store.Tx, tenant, mode string) (x store.Export, err error) {
	id, err := tx.Request(store.Intent{
		Stream: "s", Endpoint: "https://ehr.example/" + tenant, Level: "group", Group: "g", Types: []string{"Patient"}, Mode: mode, Sinks: []string{"t"},
	})
	if err != nil {
		return x, err
	}
	if x, err = tx.Export(id); err != nil {
		return x, err
	}
	return x, errors.Join(tx.Move(&x, life.Admit), tx.SetKickoffIntent(&x), tx.SetAccepted(&x, "https://ehr.example/s", false, tx.Now()), tx.Move(&x, life.Accepted))
}

// complete ends an export well, as of the server's time.
func (w *world) complete(x store.Export, as time.Time, quality string) {
	w.t.Helper()
	w.do(x.Tenant, func(tx *store.Tx) error { return finish(tx, x, as, quality) })
}

func finish(tx *store.Tx, x store.Export, as time.Time, quality string) error {
	err := errors.Join(tx.SetListed(&x, store.Listing{TransactionTime: as.UTC().Format(time.RFC3339)}), tx.Move(&x, life.Listed), tx.Move(&x, life.Stored),
		tx.Move(&x, life.Ingested), tx.ExpectQuality(&x), tx.Move(&x, life.Complete))
	if quality != "" {
		err = errors.Join(err, tx.SetQuality(x.ID, []byte(quality)))
	}
	return err
}

// nightly makes a complete export of a tenant.
func (w *world) nightly(tenant string) {
	w.t.Helper()
	w.do(tenant, func(tx *store.Tx) error {
		x, err := ask(tx, tenant, "incremental")
		return errors.Join(err, finish(tx, x, tx.Now(), calm))
	})
}

// fails makes an export that fails.
func (w *world) fails(tenant string, p *problem.Problem) {
	w.t.Helper()
	w.do(tenant, func(tx *store.Tx) error {
		x, err := ask(tx, tenant, "incremental")
		return errors.Join(err, tx.SetProblem(&x, p), tx.Move(&x, life.Refuse))
	})
}

const (
	calm = `{"lines":100,"blank":0,"delivered":100}`
	day1 = 24 * time.Hour
)

var unreachable = problem.New(problem.ServerUnreachable, "the server cannot be reached", "Ask the vendor whether it is down.")

// acknowledge is a person who takes on all that is open, for so long.
func (w *world) acknowledge(d time.Duration) {
	w.t.Helper()
	for _, a := range w.openAlerts() {
		if err := w.store.In(a.Tenant).Acknowledge(w.t.Context(), a.ID, store.Ack{By: "ada", Until: time.Now().Add(d)}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) openAlerts() []store.Alert {
	w.t.Helper()
	list, err := w.store.OpenAlerts(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}
