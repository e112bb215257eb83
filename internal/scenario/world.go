package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Begin is the simulated time at which every World begins: a Monday noon.
var Begin = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// A World is one bulkhead, its practices' servers and the network between
// them. Its methods are called from the scenario's goroutine only, and end the
// test when what they are asked for cannot be had.
type World struct {
	*app.App
	Sandbox *sandbox.Server
	Net     *Network

	t       *testing.T
	spec    Spec
	tenants []Tenant
	dir     string
	log     *page
	exports []*Export
	edits   []edit // of the configuration, since the beginning
	stopped bool
	faults  []string

	heard    heard
	told     map[string]string // texts of bulkhead's, by where they were
	searched []secret          // what checkSecrets looked for
}

// Run builds the world of spec in simulated time, plays the scenario in it,
// and then checks what must hold in every world. A scenario must not wait for
// anything real: a socket, another process, a lock of the file system.
func Run(t *testing.T, spec Spec, scenario func(w *World)) {
	t.Helper()
	if err := prepare(); err != nil {
		t.Fatal(err)
	}
	dir := folder(t)
	t.Context().Done() // made here, so that a scenario may use t's context for what ends soon
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(Begin))
		w := &World{t: t, spec: spec, dir: dir, Net: NewNetwork(), log: &page{}, told: map[string]string{}}
		if err := w.begin(); err != nil {
			t.Fatal(err)
		}
		defer w.end()
		scenario(w)
		for _, f := range w.inspect() {
			t.Error(f)
		}
		if t.Failed() {
			t.Log(w.story())
		}
	})
}

// story is what the servers saw, for failures.
func (w *World) story() string {
	var b strings.Builder
	for _, t := range w.tenants {
		for _, r := range w.Sandbox.Requests(t.Code()) {
			fmt.Fprintf(&b, "\n%s %s %s %s %d %s %s %d bytes", r.At.Format("15:04:05.000"), t.ID, r.Method, r.Kind, r.Status, r.File, r.Fault, r.Bytes)
		}
	}
	return b.String()
}

// inspect ends the bulkhead and tells what does not hold.
func (w *World) inspect() []string {
	w.check()
	if err := w.stop(); err != nil {
		w.fault("%v", err)
	}
	w.checkFiles()
	if err := w.checkFolder(); err != nil {
		w.fault("%v", err)
	}
	return w.faults
}

// prepare makes, outside of every bubble, what outlives one.
func prepare() error {
	_, err := keys()
	return errors.Join(err, useOwnCodec())
}

// begin starts the sandbox and the bulkhead; nothing is left behind when it
// cannot.
func (w *World) begin() (err error) {
	if w.tenants, err = w.spec.tenants(); err != nil {
		return err
	}
	cfg := sandbox.Config{CAFile: w.path("ca.pem"), Listen: w.Net.Listen, Token: w.spec.Token}
	for _, t := range w.tenants {
		p, err := t.practice()
		if err != nil {
			return err
		}
		cfg.Practices = append(cfg.Practices, p)
		if t.registers() {
			c, err := t.client()
			if err != nil {
				return err
			}
			cfg.Clients = append(cfg.Clients, c)
		}
	}
	if w.spec.Serve != nil {
		w.spec.Serve(&cfg)
	}
	if w.Sandbox, err = sandbox.Start(w.t.Context(), cfg); err != nil {
		return err
	}
	w.Play(nil)
	if err := w.start(); err != nil {
		return errors.Join(err, w.Sandbox.Close())
	}
	return nil
}

func (w *World) start() error {
	c, err := w.configure()
	if err != nil {
		return err
	}
	if err := putLedger(app.Ledger(c)); err != nil {
		return err
	}
	w.App, err = app.Open(w.t.Context(), c, app.Options{
		Log:  slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Dial: w.Net.Dial, Around: w.spec.Around, Point: w.spec.Point,
	})
	if err != nil {
		return err
	}
	if err := w.Start(w.t.Context()); err != nil {
		return errors.Join(err, w.Close(w.t.Context()))
	}
	w.stopped = false
	return nil
}

func (w *World) end() {
	if err := errors.Join(w.stop(), w.Sandbox.Close()); err != nil {
		w.t.Error(err)
	}
}

// stop ends the bulkhead at once: steps that run are interrupted. Where it has
// ended nothing happens.
func (w *World) stop() error {
	if w.stopped {
		return nil
	}
	w.stopped = true
	ended, cancel := context.WithCancel(w.t.Context())
	cancel()
	return w.Close(ended)
}

// Restart ends the bulkhead, interrupting what runs, and starts it again on
// what it left: its ledger and its files. While it is down, time stands still.
func (w *World) Restart() { w.Reconfigure("") }

// Reconfigure is Restart with YAML laid over the configuration for good.
func (w *World) Reconfigure(text string) {
	w.t.Helper()
	if err := w.stop(); err != nil {
		w.t.Fatal(err)
	}
	if text != "" {
		w.spec.Config += "\n" + text
	}
	if err := w.start(); err != nil {
		w.t.Fatal(err)
	}
}

// Pass lets simulated time pass. Bulkhead goes on meanwhile.
func (w *World) Pass(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.pass(nil, w.idleUntil(end), end)
	}
}

// T is the test, within the bubble.
func (w *World) T() *testing.T { return w.t }

// Tenant gives a tenant of the configuration; without an id the first.
func (w *World) Tenant(id ...string) *config.Tenant {
	w.t.Helper()
	t, err := w.Config.Tenant(w.id(id))
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *World) id(id []string) string {
	if len(id) > 0 {
		return id[0]
	}
	return w.tenants[0].ID
}

// Practice gives a tenant's server; without an id the first's.
func (w *World) Practice(id ...string) *sandbox.PracticeServer {
	w.t.Helper()
	p := w.Sandbox.Practice(Tenant{ID: w.id(id)}.Code())
	if p == nil {
		w.t.Fatalf("there is no practice of tenant %q", w.id(id))
	}
	return p
}

// Change turns knobs of a tenant's server; without an id the first's.
func (w *World) Change(change func(*sandbox.Knobs), id ...string) { w.Practice(id...).Set(change) }

// Requests are those that a tenant's server answered, oldest first; without an
// id the first's.
func (w *World) Requests(id ...string) []sandbox.Request {
	return w.Sandbox.Requests(Tenant{ID: w.id(id)}.Code())
}

// Count says how many requests of a kind a tenant's server answered.
func (w *World) Count(kind sandbox.Kind, id ...string) int {
	return w.Sandbox.Counts(Tenant{ID: w.id(id)}.Code())[kind]
}

// An Export is one export as the ledger has it.
type Export struct {
	store.Export
	Files    []store.File
	Timeline []store.Entry
}

// Export asks for the first tenant's next export and waits until nothing more
// happens to it by itself, or Spec.Bound is over, and until the server has
// been told that it may forget it.
func (w *World) Export() *Export { return w.ExportOf(w.id(nil), export.Wish{}) }

// Full is Export for a full one, which also removes what is absent.
func (w *World) Full() *Export { return w.ExportOf(w.id(nil), export.Wish{Full: true}) }

// ExportOf is Export for any tenant and wish.
func (w *World) ExportOf(tenant string, wish export.Wish) *Export {
	w.t.Helper()
	return w.Settle(w.Request(tenant, wish))
}

// Request asks for an export and does not wait for it.
func (w *World) Request(tenant string, wish export.Wish) *Export {
	w.t.Helper()
	id, err := w.Engine.Request(w.t.Context(), tenant, wish)
	if err != nil && id == "" {
		w.t.Fatal(err)
	}
	x := &Export{Export: store.Export{ID: id, Tenant: tenant}}
	w.exports = append(w.exports, x)
	w.look(x)
	return x
}

// Settle waits as Export does. Where an export is followed by others, such as
// the roster of a group by the records of its new members, it waits for all and
// gives the last.
func (w *World) Settle(x *Export) *Export {
	w.t.Helper()
	w.await(x, w.bound(), func() bool { return x.State.Settled() })
	if x.State != life.Completed && x.State != life.Cancelled {
		return x
	}
	w.await(x, w.bound(), func() bool {
		open, err := w.Store.In(x.Tenant).OpenSteps(w.t.Context(), x.ID, export.Release)
		if err != nil {
			w.t.Fatal(err)
		}
		return open == 0
	})
	if next := w.follower(x); next != nil {
		return w.Settle(next)
	}
	return x
}

// follower is the export that the end of x asked for; nil when there is none.
func (w *World) follower(x *Export) *Export {
	w.t.Helper()
	if x.Purpose == store.Delivery {
		return nil
	}
	latest, ok, err := w.Store.In(x.Tenant).Latest(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if !ok || slices.ContainsFunc(w.exports, func(known *Export) bool { return known.ID == latest.ID }) {
		return nil
	}
	next := &Export{Export: latest}
	w.exports = append(w.exports, next)
	return next
}

func (w *World) bound() time.Duration {
	if w.spec.Bound > 0 {
		return w.spec.Bound
	}
	return 48 * time.Hour
}

// Await waits, as long as Spec.Bound, until the export is in one of the states,
// and ends the test when it settles in another.
func (w *World) Await(x *Export, states ...life.State) *Export {
	w.t.Helper()
	in := func() bool {
		return slices.Contains(states, x.State)
	}
	w.await(x, w.bound(), func() bool { return in() || x.State.Settled() })
	if !in() {
		w.t.Fatalf("export is %s, want one of %v; %s", x.State, states, x)
	}
	return x
}

// await looks at the export whenever one moves, until done or so much
// simulated time is over.
func (w *World) await(x *Export, within time.Duration, done func() bool) {
	w.t.Helper()
	end := time.Now().Add(within)
	for {
		changed, next := w.Engine.Changed(), w.idleUntil(end) // before the look: what is idle then has moved for the last time
		w.look(x)
		if done() || !time.Now().Before(end) {
			return
		}
		w.pass(changed, next, end)
	}
}

// look reads the export anew.
func (w *World) look(x *Export) {
	w.t.Helper()
	in := w.Store.In(x.Tenant)
	var err error
	fail := func(e error) { err = errors.Join(err, e) }
	row, e := in.Export(w.t.Context(), x.ID)
	fail(e)
	files, e := in.Files(w.t.Context(), x.ID)
	fail(e)
	events, e := in.Timeline(w.t.Context(), x.ID)
	fail(e)
	if err != nil {
		w.t.Fatal(err)
	}
	x.Export, x.Files, x.Timeline = row, files, events
}

// Resume takes a failed or unknown export up again and waits as Export does.
func (w *World) Resume(x *Export) *Export {
	w.t.Helper()
	if err := w.Engine.Resume(w.t.Context(), x.Tenant, x.ID); err != nil {
		w.t.Fatal(err)
	}
	return w.Settle(x)
}

// Happened says how often the timeline has an event of that kind.
func (x *Export) Happened(kind string) int {
	n := 0
	for _, e := range x.Timeline {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// String says in a few lines what became of the export, for failures of tests.
func (x *Export) String() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "export %s of %s: %s", x.ID, x.Tenant, x.State)
	if x.ProblemCode != "" {
		fmt.Fprintf(&b, ", problem %s: %s", x.ProblemCode, x.ProblemSummary)
	}
	if x.WaitingFor != "" {
		fmt.Fprintf(&b, ", waiting for %s until %s", x.WaitingFor, x.WaitingUntil.Format(time.RFC3339))
	}
	if x.LastError != "" {
		fmt.Fprintf(&b, ", last error: %s", x.LastError)
	}
	for _, e := range x.Timeline {
		fmt.Fprintf(&b, "\n  %s %s %s %s", e.At.Format(time.RFC3339), e.Actor, e.Kind, e.Detail)
	}
	return b.String()
}

// Want ends the test unless the export is in that state.
func (w *World) Want(x *Export, state life.State) *Export {
	w.t.Helper()
	if x.State != state {
		w.t.Fatalf("want %s, have %s", state, x)
	}
	return x
}

// Log is everything that bulkhead has logged.
func (w *World) Log() string { return w.log.String() }

// State is the folder of everything that bulkhead keeps.
func (w *World) State() string { return filepath.Clean(w.Config.Folder) }

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
