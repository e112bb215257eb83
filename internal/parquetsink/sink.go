//go:build cgo

package parquetsink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
)

var _ sink.Sink = (*Sink)(nil)

// A Sink publishes to one folder. It holds nothing open between calls and may
// be used concurrently: publications of one tenant wait for each other.
type Sink struct {
	folder string
	opts   Options
	chunk  int64 // merge.Options.ChunkRows; 0 outside tests
}

// Open prepares the folder, 0700 when it is made.
func Open(o Options) (*Sink, error) {
	if o.Folder == "" {
		return nil, problem.New(problem.ConfigInvalid, "the Parquet sink has no folder", "Give the sink a folder in the configuration.")
	}
	folder, err := filepath.Abs(o.Folder)
	if err != nil {
		return nil, fmt.Errorf("open the Parquet sink: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, problem.Wrap(err, problem.StorageUnwritable, "the folder of the Parquet files cannot be made",
			"Make the folder writable for this user, or set another one.")
	}
	o.LockWait = cmp.Or(o.LockWait, 10*time.Minute)
	return &Sink{folder: folder, opts: o}, nil
}

// fileName is what a tenant or an export may be called here: a plain file name.
var fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$`)

// Publish is sink.Sink's. The export becomes visible by one rename.
func (s *Sink) Publish(ctx context.Context, d sink.Delivery) (sink.Receipt, error) {
	if err := merge.Check(d); err != nil {
		return sink.Receipt{}, fmt.Errorf("publish to Parquet: %w", err)
	}
	if !fileName.MatchString(d.Tenant) || !fileName.MatchString(d.Export) { // I7: no name leads out of the folder
		return sink.Receipt{}, fmt.Errorf("publish to Parquet: tenant or export cannot be a file name")
	}
	r, err := s.publish(ctx, d)
	if err != nil {
		return sink.Receipt{}, explain(err)
	}
	return r, nil
}

func (s *Sink) publish(ctx context.Context, d sink.Delivery) (sink.Receipt, error) {
	runtime.LockOSThread() // DuckDB's allocator keeps a store of memory for each thread it meets
	defer runtime.UnlockOSThread()
	home, err := openHome(filepath.Join(s.folder, d.Tenant))
	if err != nil {
		return sink.Receipt{}, err
	}
	defer home.close()
	lock, err := merge.Acquire(ctx, home.path("lock"), false, s.opts.LockWait)
	if err != nil {
		return sink.Receipt{}, err
	}
	defer lock.Release()
	old, err := home.current()
	if err != nil {
		return sink.Receipt{}, err
	}
	if first, found := old.Receipts[d.Export]; found {
		return first, s.settle(home, old, d.Tenant)
	}
	if _, found := old.Receipts[d.After]; d.After != "" && !found {
		return sink.Receipt{}, sink.ErrLost
	}
	if err := home.sweep(old); err != nil {
		return sink.Receipt{}, err
	}
	next, err := s.snapshot(ctx, publication{d: d, home: home, old: old})
	if err != nil {
		return sink.Receipt{}, errors.Join(err, home.root.RemoveAll(snapshotPath(d.Export)))
	}
	if err := home.commit(next, s.at); err != nil {
		return sink.Receipt{}, err
	}
	return next.Receipts[d.Export], nil
}

// snapshot makes the snapshot of a publication, with a DuckDB only where there
// is something to decide.
func (s *Sink) snapshot(ctx context.Context, p publication) (note, error) {
	if p.idle() {
		return p.carry()
	}
	e, err := merge.Open(ctx, merge.Options{MemoryLimit: s.opts.MemoryLimit, Threads: s.opts.Threads, TempDir: s.spill(p.d.Tenant), Gate: s.opts.Gate, ChunkRows: s.chunk})
	if err != nil {
		return note{}, err
	}
	defer e.Close()
	p.Engine = e
	return p.build(ctx)
}

// settle ends what a process that died after the rename may not have ended.
func (s *Sink) settle(h home, n note, tenant string) error {
	if err := h.settle(n); err != nil {
		return err
	}
	return os.RemoveAll(s.spill(tenant))
}

// at tells a test that a moment is reached.
func (s *Sink) at(name string) error {
	if s.opts.Point == nil {
		return nil
	}
	return s.opts.Point("parquet: " + name)
}

func (s *Sink) spill(tenant string) string {
	if s.opts.TempDir != "" {
		return filepath.Join(s.opts.TempDir, tenant+".parquet.spill")
	}
	return filepath.Join(s.folder, tenant, "spill")
}

// explain says what a person can do about errors that a repetition will not
// cure; others stay as they are.
func explain(err error) error {
	if errors.Is(err, merge.ErrLocked) {
		return problem.Wrap(err, problem.SinkFailed, "another process publishes to the same Parquet folder",
			"Stop the other bulkhead, or give each its own folder; then start the export again.")
	}
	if errors.Is(err, os.ErrPermission) {
		return problem.Wrap(err, problem.StorageUnwritable, "the Parquet folder cannot be written",
			"Make the folder writable for this user, or set another one.")
	}
	return fmt.Errorf("publish to Parquet: %w", err)
}
