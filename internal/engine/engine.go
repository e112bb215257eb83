// Package engine runs exports: it admits them to slots, hands their steps to
// the executor (River), records what each step found out, and keeps schedules.
// The ledger is the truth; the executor only says which step to run next, and
// may run one twice.
//
// It is the only room besides ingest and the edges that starts goroutines:
// those of the executor and one for the tick. All of them end before Stop
// returns.
package engine

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Options are what an engine needs. All fields but the last one are required.
type Options struct {
	Config *config.Config
	Store  *store.Store
	Steps  Steps
	Log    *slog.Logger
	Retry  Retry
	// Followers make what is made of settled exports: their log files, their
	// summaries.
	Followers []Follower

	// Point, for tests, is called in the transaction that records a step's
	// outcome, when all of it is written ("record poll: written"), and after
	// its commit ("record poll: committed"); its error takes the place of what
	// would have come next. Nil in production.
	Point func(name string) error
}

// A Follower makes something of the exports that have settled since it was
// called last. What it failed to make it makes when it is called again, and
// making it twice changes nothing.
type Follower interface {
	CatchUp(ctx context.Context) error
}

// Steps runs one step. *export.Steps is the one there is; tests have others.
type Steps interface {
	Run(ctx context.Context, w export.Work) (export.Outcome, error)
}

// An Engine works on one ledger. Its exported methods may be called
// concurrently.
type Engine struct {
	setup     atomic.Pointer[Setup]
	store     *store.Store
	log       *slog.Logger
	retry     Retry
	followers []Follower
	point     func(name string) error // Options.Point
	owner     string
	river     *river.Client[*sql.Tx]

	mu         sync.Mutex
	running    map[int64]running    // by step
	unrecorded map[int64]unrecorded // by step
	changed    chan struct{}        // closed and replaced whenever an export moved
	passedOver map[string]bool      // exports that could not be admitted, of which the log has said so
	trouble    error                // why the ledger could not be written last; nil when it could
	jams       map[int64]jam        // by step
	recordedAt time.Time            // when it could be written last

	letGo     atomic.Int64 // when a pause was ended last, in Unix milliseconds
	heldUntil atomic.Int64 // when admission may look at those held back again, in Unix milliseconds; 0: nothing ends by itself

	stopTick context.CancelFunc
	ticking  sync.WaitGroup
}

// running is a step that runs in this process.
type running struct {
	tenant string
	export string
	kind   string
	epoch  int64 // of its lease; 0 before it has one
	cancel context.CancelCauseFunc
}

// unrecorded is what a step found out under a lease, while the ledger could
// not be written.
type unrecorded struct {
	epoch  int64
	result result
}

// New makes an engine and binds it to its store. Nothing runs before Start.
func New(o Options) (*Engine, error) {
	e := &Engine{
		store: o.Store, log: o.Log, retry: o.Retry.withDefaults(), followers: o.Followers, point: o.Point,
		owner:   fmt.Sprintf("%d-%s", os.Getpid(), rand.Text()[:6]),
		running: map[int64]running{}, unrecorded: map[int64]unrecorded{}, jams: map[int64]jam{}, passedOver: map[string]bool{}, changed: make(chan struct{}),
	}
	e.setup.Store(&Setup{Config: o.Config, Steps: o.Steps})
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{engine: e}); err != nil {
		return nil, fmt.Errorf("register the step worker: %w", err)
	}
	client, err := river.NewClient(riversqlite.New(o.Store.DB()), &river.Config{
		Queues: e.queues(), Workers: workers, Logger: slog.New(slog.DiscardHandler),
		FetchCooldown: 20 * time.Millisecond, FetchPollInterval: 500 * time.Millisecond,
		JobTimeout: -1, MaxAttempts: 1_000_000,
		CompletedJobRetentionPeriod: time.Hour,
	})
	if err != nil {
		return nil, fmt.Errorf("make the executor: %w", err)
	}
	e.river = client
	o.Store.Bind(e.enqueue)
	return e, nil
}

// queues sizes the executor so that no practice can keep another from being
// served: there are as many downloaders as all admitted exports may use.
func (e *Engine) queues() map[string]river.QueueConfig {
	limits := e.config().Limits
	return map[string]river.QueueConfig{
		"control":  {MaxWorkers: max(2*limits.Exports, 8)},
		"download": {MaxWorkers: max(limits.Exports*limits.DownloadsPerExport, 4)},
		"ingest":   {MaxWorkers: ingestSteps},
		"publish":  {MaxWorkers: max(limits.Exports, 1)}, // a sink lets them in one by one, in order, and those that wait share its file
	}
}

// ingestSteps is how many files are ingested at once; each uses several
// workers, so that one large file and many small ones both keep the machine busy.
const ingestSteps = 2

func queueOf(kind string) string {
	switch kind {
	case export.Download, export.Ingest, export.Publish:
		return kind
	case export.Attach:
		return export.Download // it waits for the server, too
	}
	return "control"
}

// Start sweeps up after a process that died, records the configured tenants
// and begins to work. ctx bounds the start only.
func (e *Engine) Start(ctx context.Context) error {
	if err := e.store.PutTenants(ctx, Tenants(e.config())); err != nil {
		return err
	}
	last, err := e.store.LastWritten(ctx)
	if err != nil {
		return err
	}
	if err := e.followClock(ctx, last); err != nil {
		return err
	}
	swept, err := e.store.Sweep(ctx)
	if err != nil {
		return err
	}
	if swept > 0 {
		e.log.Info("took up steps of an earlier process", "steps", swept)
	}
	if err := e.putSchedules(ctx); err != nil {
		return err
	}
	work := audit.As(context.WithoutCancel(ctx), audit.Identity{Actor: audit.Service}) // whoever started it
	if err := e.river.Start(work); err != nil {
		return fmt.Errorf("start the executor: %w", err)
	}
	tick, stop := context.WithCancel(work)
	e.stopTick = stop
	e.ticking.Go(func() { e.tick(tick) })
	return e.admit(ctx)
}

// errStopping is the cause of a step's end when the engine stops: the step
// records nothing and is taken up by the next process.
var errStopping = errors.New("bulkhead is stopping")

// Stop lets running steps end until ctx does, then cancels them. Work that was
// cancelled is taken up by the next Start. It returns when everything has ended.
func (e *Engine) Stop(ctx context.Context) error {
	if e.stopTick == nil {
		return nil // it could not start
	}
	e.stopTick()
	e.ticking.Wait()
	done := context.AfterFunc(ctx, func() { e.cancelSteps("", errStopping) })
	defer done()
	soft, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Until(deadline(ctx)))
	defer cancel()
	if err := e.river.Stop(soft); err == nil {
		e.complain("follow settled exports", e.catchUp(soft))
		return nil
	}
	hard, cancelHard := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancelHard()
	if err := e.river.StopAndCancel(hard); err != nil {
		return fmt.Errorf("stop the executor: %w", err)
	}
	return nil
}

// catchUp calls every follower.
func (e *Engine) catchUp(ctx context.Context) error {
	var errs []error
	for _, f := range e.followers {
		errs = append(errs, f.CatchUp(ctx))
	}
	return errors.Join(errs...)
}

func deadline(ctx context.Context) time.Time {
	if t, ok := ctx.Deadline(); ok {
		return t
	}
	if ctx.Err() != nil {
		return time.Now()
	}
	return time.Now().Add(15 * time.Second)
}

// Tenants gives the tenants of a configuration as the ledger knows them.
func Tenants(c *config.Config) []store.Tenant {
	tenants := make([]store.Tenant, len(c.Tenants))
	for i := range c.Tenants {
		t := &c.Tenants[i]
		registration, _ := c.Registration(t)
		tenants[i] = store.Tenant{
			ID: t.ID, Name: t.Name, Registration: t.Registration, ClientID: registration.ClientID, FHIRBaseURL: t.FHIRBaseURL,
		}
	}
	return tenants
}

// Changed gives a channel that is closed when an export next moves.
func (e *Engine) Changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

// Trouble gives why an outcome cannot be recorded at present, nil when all can;
// see Unwritable and Jams.
func (e *Engine) Trouble() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.trouble != nil {
		return e.trouble
	}
	for _, j := range e.jams {
		return j.Err
	}
	return nil
}

func (e *Engine) setTrouble(err error) {
	e.mu.Lock()
	e.trouble = err
	e.mu.Unlock()
	e.announce()
}

func (e *Engine) announce() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.changed)
	e.changed = make(chan struct{})
}

// cancelSteps ends the running steps of an export, or of all with "".
func (e *Engine) cancelSteps(exportID string, cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.running {
		if exportID == "" || r.export == exportID {
			r.cancel(cause)
		}
	}
}
