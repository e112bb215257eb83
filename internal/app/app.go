// Package app is the only wiring: it makes the rooms from a configuration and
// joins them. It holds no behaviour of its own.
package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/exportlog"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/telemetry"
	"github.com/bulkhead-fhir/bulkhead/internal/trace"
	"github.com/bulkhead-fhir/bulkhead/internal/trigger"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// An App is a configured bulkhead that holds its ledger, or has joined the one
// that does. Close gives it up.
type App struct {
	Config      *config.Config // as it was opened; see InForce
	Store       *store.Store
	Files       *blob.Store
	Keys        *atrest.Keys // nil when joined
	Views       *views.Set
	Connections *export.Connections
	Engine      *engine.Engine
	Quality     *quality.Keeper
	Alerts      *alert.Keeper   // nil when joined
	Triggers    *trigger.Keeper // nil when joined
	Metrics     *telemetry.Metrics
	Meter       *export.Meter

	inForce atomic.Pointer[config.Config]
	refused atomic.Pointer[alert.FilesFacts] // files that were to be taken up and could not be; nil: none
	sinks   sinkSet

	opened        map[string]sink.Sink                 // of the configuration whose steps were made last
	destinations  atomic.Pointer[map[string]sink.Sink] // of the configuration in force
	disposing     sync.WaitGroup
	stopDisposing context.CancelFunc
	looked        looked

	plans   *ingest.Plans
	options Options

	published atomic.Pointer[http.Handler] // what is served of keys

	Joined bool // another process holds the ledger and does the work

	started bool
	serve   bool // Start publishes keys, and serves pages and API
	keys    *listener
	pages   *listener
	numbers *listener // metrics, health, readiness
	code    string    // makes the first person, at the pages; empty when there is one
	sender  *alert.Sender
	caller  *caller
	tracer  *trace.Tracer                      // nil when nothing is traced
	ways    atomic.Pointer[export.Connections] // those in force
	log     *slog.Logger
}

// Options are what is not in the configuration.
type Options struct {
	Log     *slog.Logger
	Version string // what the build calls itself; empty when it says nothing

	// Around, when set, gives what the engine runs in the place of the steps.
	// It is for tests that look at, or end, what happens around a step.
	Around func(engine.Steps) engine.Steps

	// Serve publishes the registrations' public keys, and serves pages and API,
	// where the configuration says; and logs what is to be seen to about keys.
	Serve bool

	// Dial, when set, makes every connection to a server.
	Dial export.Dial

	// Point, when set, is called at the named moments of commits everywhere,
	// and its error takes the place of what would have come next. It is for
	// tests of what is left when a process ends there.
	Point func(name string) error
}

// Ledger gives the path of a configuration's ledger.
func Ledger(c *config.Config) string { return filepath.Join(c.Folder, "ledger.db") }

// Open makes everything and takes the ledger. Nothing runs before Start.
// Another process that holds the ledger is the problem LedgerLocked.
func Open(ctx context.Context, c *config.Config, o Options) (_ *App, err error) {
	a := &App{Config: c, Meter: export.NewMeter(), options: o, plans: ingest.NewPlans(), serve: o.Serve, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler))}
	a.inForce.Store(c)
	defer func() {
		if err != nil {
			err = errors.Join(err, a.stopTracing(ctx), a.closeFiles())
		}
	}()
	if a.Views, err = views.Load(c.Views...); err != nil {
		return nil, err
	}
	if a.Store, err = store.Open(ctx, Ledger(c)); err != nil {
		return nil, err
	}
	if a.Files, err = blob.OpenLocal(filepath.Join(c.Folder, "files")); err != nil {
		return nil, err
	}
	a.Files.Watch(o.Point)
	if a.Keys, err = Keys(c, a.Store, false); err != nil {
		return nil, err
	}
	a.Keys.Point = o.Point
	a.Files.Encrypt(a.Keys)
	if err = a.Keys.Settle(ctx); err != nil {
		return nil, err
	}
	if a.Connections, err = export.NewConnections(c, a.Store); err != nil {
		return nil, err
	}
	a.Connections.Guard(export.NewCircuits(a.Store))
	if o.Dial != nil {
		a.Connections.Use(o.Dial)
	}
	a.ways.Store(a.Connections)
	if err = a.trace(ctx, c); err != nil {
		return nil, err
	}
	a.measure(c)
	a.Quality = &quality.Keeper{Store: a.Store, Views: a.Views}
	steps, err := a.steps(c, a.Connections)
	if err != nil {
		return nil, err
	}
	a.useSinks()
	logs := &exportlog.Files{Store: a.Store, Files: a.Files}
	followers := []engine.Follower{logs, a.Quality, a.answer(), a.watch(), a.Metrics, a.Store.Anchors(store.AnchorsOf(Ledger(c)))}
	if a.serve { // whoever runs for long looks whether the record is whole
		followers = append(followers, audit.NewWatch(a.Store, store.AnchorsOf(Ledger(c))))
	}
	a.Engine, err = engine.New(engine.Options{Config: c, Store: a.Store, Log: a.log, Steps: steps, Followers: followers, Point: o.Point, Retry: engine.Retry{
		Base: c.Limits.Retry.FirstWait.Std(), Cap: c.Limits.Retry.LongestWait.Std(), Attempts: int64(c.Limits.Retry.Attempts),
	}})
	return a, err
}

// Join makes an app that leaves requests to the process that holds the ledger.
// It runs no step and must not be started.
func Join(ctx context.Context, c *config.Config) (*App, error) {
	s, err := store.Join(ctx, Ledger(c))
	if err != nil {
		return nil, err
	}
	a := &App{Config: c, Store: s, Meter: export.NewMeter(), Quality: &quality.Keeper{Store: s}, Joined: true}
	a.inForce.Store(c)
	a.Engine, err = engine.New(engine.Options{Config: c, Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return a, nil
}

// Start records that the configuration is in force and begins to work.
func (a *App) Start(ctx context.Context) error {
	if _, err := Record(ctx, a.Store, a.Config, "start"); err != nil {
		return err
	}
	if a.serve {
		if err := a.beginServing(ctx); err != nil {
			return err
		}
	}
	a.startTelling(ctx)
	a.caller.start(ctx)
	a.sayUnusable(ctx, a.Config)
	a.startDisposing(ctx)
	a.started = true
	return a.Engine.Start(ctx)
}

// drain is how long running steps may take to end before they are cancelled.
const drain = 10 * time.Second

// parting is how long the last that is written may take, when the running steps
// took all of drain.
const parting = 3 * time.Second

// Close stops the work and gives up the ledger. What was cancelled is taken up
// at the next start.
func (a *App) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	var err error
	a.endDisposing()
	if a.started {
		err = a.Engine.Stop(ctx)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
		defer cancel()
		err = errors.Join(err, a.Store.Anchors(store.AnchorsOf(Ledger(a.Config))).Flush(last))
	}
	if a.sender != nil {
		a.stopTelling(ctx)
	}
	err = errors.Join(err, a.caller.end(ctx), a.stopTracing(ctx))
	return errors.Join(err, a.pages.close(ctx), a.numbers.close(ctx), a.keys.close(ctx), a.closeFiles())
}

func (a *App) closeFiles() error {
	var err error
	if a.Files != nil {
		err = a.Files.Close()
	}
	if a.Store != nil {
		err = errors.Join(err, a.Store.Close())
	}
	return err
}

// Tables gives a DuckDB sink to query. An empty name means the first one by
// name.
func Tables(c *config.Config, name string) (*duckdbsink.Sink, error) {
	for _, n := range c.SinkNames() {
		if s := c.Sinks[n]; s.Kind == config.DuckDB && (name == "" || name == n) {
			return duckdbsink.Open(duckdbsink.Options{Path: s.File})
		}
	}
	if name != "" {
		return nil, problem.New(problem.Usage, "sink "+name+" is no DuckDB sink of this configuration",
			"The sinks are: "+strings.Join(c.SinkNames(), ", ")+"; one of kind parquet can be queried by any program that reads Parquet.")
	}
	return nil, problem.New(problem.ConfigInvalid, "there is no DuckDB sink to query",
		"Configure a sink of kind duckdb; a parquet sink can be queried by any program that reads Parquet.")
}
