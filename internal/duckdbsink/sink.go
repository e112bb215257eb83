//go:build cgo

package duckdbsink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
)

var _ sink.Sink = (*Sink)(nil)

// database is the name under which the file is attached, and which queries may
// use to qualify a table.
const database = "bulkhead"

// rowGroup bounds what one thread holds of a wide table before it writes.
const rowGroup = 30 << 10

// A Sink publishes to one DuckDB file. It holds nothing open while no call
// runs and may be used concurrently: publications take their turns, as they
// come, and wait for queries.
type Sink struct {
	path  string
	work  string // spill folder, made and removed by each use that writes
	opts  Options
	chunk int64 // merge.Options.ChunkRows; 0 outside tests
	turn  turn
}

// Open prepares the folder of o.Path, 0700 when it is made. The file itself
// is made, 0600, by the first Publish.
func Open(o Options) (*Sink, error) {
	if o.Path == "" {
		return nil, problem.New(problem.ConfigInvalid, "the DuckDB sink has no path", "Give the sink a path in the configuration.")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("open the DuckDB sink: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, problem.Wrap(err, problem.StorageUnwritable, "the folder of the DuckDB file cannot be made",
			"Make the folder writable for this user, or set another path.")
	}
	o.LockWait = cmp.Or(o.LockWait, time.Minute)
	o.TempDir = cmp.Or(o.TempDir, filepath.Dir(path))
	return &Sink{path: path, work: filepath.Join(o.TempDir, filepath.Base(path)+".spill"), opts: o}, nil
}

// Publish is sink.Sink's. The export's rows become visible by one transaction.
// Publications that wait for each other share one opening of the file, for
// keepOpen at most: closing it costs as much as a small publication.
func (s *Sink) Publish(ctx context.Context, d sink.Delivery) (sink.Receipt, error) {
	if err := merge.Check(d); err != nil {
		return sink.Receipt{}, fmt.Errorf("publish to DuckDB: %w", err)
	}
	if _, err := os.Stat(s.path); d.After != "" && errors.Is(err, os.ErrNotExist) {
		return sink.Receipt{}, fmt.Errorf("publish to DuckDB: %w", sink.ErrLost)
	}
	runtime.LockOSThread() // DuckDB's allocator keeps a store of memory for each thread it meets
	defer runtime.UnlockOSThread()
	if err := s.turn.take(ctx); err != nil {
		return sink.Receipt{}, explain(err)
	}
	receipt, err := s.publish(ctx, d)
	// The commit is durable in the write-ahead log; who finds the file open next goes on from it.
	shut := err != nil || s.turn.opened == nil || time.Since(s.turn.opened.at) > keepOpen
	if err := errors.Join(err, s.turn.pass(ctx, shut)); err != nil {
		return sink.Receipt{}, explain(err)
	}
	return receipt, s.at("detached")
}

// publish is one publication by who has the turn. After an error the file is
// not left open for others.
func (s *Sink) publish(ctx context.Context, d sink.Delivery) (sink.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return sink.Receipt{}, context.Cause(ctx)
	}
	if err := s.ready(ctx); err != nil {
		return sink.Receipt{}, err
	}
	if err := s.at("attached"); err != nil {
		return sink.Receipt{}, err
	}
	return publication{Engine: s.turn.opened.Engine, d: d, reach: s.at}.run(ctx)
}

// ready makes the file fit for use by who has the turn: as the one before left
// it, or attached anew.
func (s *Sink) ready(ctx context.Context) error {
	if s.turn.opened != nil {
		return s.turn.opened.Resume(ctx)
	}
	return s.openFile(ctx)
}

// openFile attaches the file for who has the turn, and for those after it.
func (s *Sink) openFile(ctx context.Context) error {
	lock, err := merge.Acquire(ctx, s.path+".lock", false, s.opts.LockWait)
	if err != nil {
		return err
	}
	e, err := merge.Open(ctx, s.engine(s.work, s.opts.Gate))
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	if err := s.attach(ctx, e); err != nil {
		return errors.Join(err, e.Close(), lock.Release())
	}
	s.turn.opened = &opened{Engine: e, lock: lock, at: time.Now()}
	return nil
}

// at tells a test that a moment is reached.
func (s *Sink) at(name string) error {
	if s.opts.Point == nil {
		return nil
	}
	return s.opts.Point("duckdb: " + name)
}

func (s *Sink) engine(spill string, gate merge.Gate) merge.Options {
	return merge.Options{MemoryLimit: s.opts.MemoryLimit, Threads: s.opts.Threads, TempDir: spill, Gate: gate, ChunkRows: s.chunk}
}

// create makes the file when there is none: beside its place, and then there,
// so that a process that dies meanwhile leaves no file that is half a database.
func (s *Sink) create(ctx context.Context, e *merge.Engine) error {
	if _, err := os.Stat(s.path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	next := s.path + ".next"
	for _, old := range []string{next, next + ".wal"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := e.Exec(ctx, fmt.Sprintf("ATTACH %s AS made (ROW_GROUP_SIZE %d)", merge.Literal(next), rowGroup), "DETACH made"); err != nil {
		return err
	}
	if err := s.at("made"); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(next, 0o600), syncFile(next)); err != nil {
		return err
	}
	return errors.Join(os.Rename(next, s.path), syncFile(filepath.Dir(s.path)))
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (s *Sink) attach(ctx context.Context, e *merge.Engine) error {
	if err := s.create(ctx, e); err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	attach := fmt.Sprintf("ATTACH %s AS %s (ROW_GROUP_SIZE %d)", merge.Literal(s.path), database, rowGroup)
	err := merge.Wait(ctx, s.opts.LockWait, func() error { return e.Exec(ctx, attach) })
	if err != nil && !errors.Is(err, merge.ErrLocked) && strings.Contains(err.Error(), "not a valid DuckDB database") {
		return problem.Wrap(err, problem.StorageDamaged, "the DuckDB file is not a database",
			"Set another path, or move the file away and run each practice's export with --full.")
	}
	if err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	if err := os.Chmod(s.path, 0o600); err != nil {
		return fmt.Errorf("protect the file: %w", err)
	}
	return nil
}

// explain says what a person can do about errors that a repetition will not
// cure; others stay as they are.
func explain(err error) error {
	if errors.Is(err, merge.ErrLocked) {
		return problem.Wrap(err, problem.SinkFailed, "another program has the DuckDB file open",
			"Close the program that reads the file (a DuckDB shell, a notebook, a query), then start the export again.")
	}
	if errors.Is(err, os.ErrPermission) {
		return problem.Wrap(err, problem.StorageUnwritable, "the DuckDB file or its folder cannot be written",
			"Make the folder writable for this user, or set another path.")
	}
	return fmt.Errorf("publish to DuckDB: %w", err)
}
