//go:build cgo

package parquetsink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
)

var _ sink.Eraser = (*Sink)(nil)

// existing opens a tenant's folder; ok is false when there is none.
func (s *Sink) existing(tenant string) (h home, ok bool, err error) {
	if !fileName.MatchString(tenant) { // I7: no name leads out of the folder
		return h, false, errors.New("tenant cannot be a file name")
	}
	dir := filepath.Join(s.folder, tenant)
	if _, err := os.Lstat(filepath.Join(dir, snapshots)); errors.Is(err, fs.ErrNotExist) {
		return h, false, nil
	}
	root, err := os.OpenRoot(dir)
	return home{dir, root}, err == nil, err
}

// Count is sink.Eraser's: the rows of the current snapshot.
func (s *Sink) Count(ctx context.Context, tenant string) (map[string]int64, error) {
	home, ok, err := s.existing(tenant)
	if err != nil || !ok {
		return nil, err
	}
	defer home.close()
	files, err := filepath.Glob(home.path(filepath.Join(currentLink, "*.parquet")))
	if err != nil {
		return nil, explain(err)
	}
	counts := map[string]int64{}
	for _, path := range files {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		n, err := rowsIn(path)
		if err != nil {
			return nil, fmt.Errorf("count rows: %w", err)
		}
		if name := filepath.Base(path); n > 0 {
			counts[name[:len(name)-len(".parquet")]] = n
		}
	}
	return counts, nil
}

func rowsIn(path string) (int64, error) {
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		return 0, err
	}
	return r.NumRows(), r.Close()
}

// Erase is sink.Eraser's. With its link the tenant's snapshot is gone for
// readers; the files of all snapshots follow. An empty folder with its lock
// stays.
func (s *Sink) Erase(ctx context.Context, tenant string) error {
	if err := s.erase(ctx, tenant); err != nil {
		return explain(err)
	}
	return s.at("erased")
}

func (s *Sink) erase(ctx context.Context, tenant string) error {
	home, ok, err := s.existing(tenant)
	if err != nil || !ok {
		return err
	}
	defer home.close()
	lock, err := merge.Acquire(ctx, home.path("lock"), false, s.opts.LockWait)
	if err != nil {
		return err
	}
	defer lock.Release()
	for _, link := range []string{currentLink, nextLink} {
		if err := home.root.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the snapshot's link: %w", err)
		}
	}
	if err := errors.Join(home.sync("."), s.at("unlinked")); err != nil {
		return err
	}
	list, err := os.ReadDir(home.path(snapshots))
	if err != nil {
		return err
	}
	for _, entry := range list {
		if err := home.root.RemoveAll(snapshotPath(entry.Name())); err != nil {
			return fmt.Errorf("remove a snapshot: %w", err)
		}
	}
	return errors.Join(home.sync(snapshots), os.RemoveAll(s.spill(tenant)))
}
