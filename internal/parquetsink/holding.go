//go:build cgo

package parquetsink

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// Holdings says what the folder has of each tenant, and with deep reads the
// tables and compares them with the snapshot's own record of resources. It
// changes nothing. A snapshot that cannot be read is the problem StorageDamaged.
func (s *Sink) Holdings(ctx context.Context, deep bool) (map[string]sink.Holding, error) {
	entries, err := os.ReadDir(s.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err)
	}
	of := map[string]sink.Holding{}
	for _, entry := range entries {
		if _, err := os.Lstat(filepath.Join(s.folder, entry.Name(), snapshots)); err != nil {
			continue // no tenant's folder
		}
		h, err := s.holding(ctx, entry.Name(), deep)
		if err != nil {
			return of, fmt.Errorf("look at %s: %w", entry.Name(), err)
		}
		of[entry.Name()] = h
	}
	return of, nil
}

func (s *Sink) holding(ctx context.Context, tenant string, deep bool) (h sink.Holding, err error) {
	dir := filepath.Join(s.folder, tenant)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return h, explain(err)
	}
	home := home{dir, root}
	defer home.close()
	n, err := home.current()
	if err != nil {
		return h, err
	}
	h.Receipts = n.Receipts
	names := slices.Sorted(maps.Keys(n.Tables))
	if n.Export != "" {
		names = append(names, stateTable)
	}
	for _, name := range names {
		if st, err := root.Stat(filepath.Join(snapshotPath(n.Export), name+".parquet")); err != nil || st.Size() == 0 {
			h.Lost = append(h.Lost, name)
		}
	}
	if !deep || n.Export == "" || len(h.Lost) > 0 {
		return h, nil
	}
	return h, s.read(ctx, tenant, home, n, &h)
}

// read looks into the files of a snapshot.
func (s *Sink) read(ctx context.Context, tenant string, home home, n note, h *sink.Holding) error {
	spill, err := os.MkdirTemp(cmp.Or(s.opts.TempDir, s.folder), "bulkhead-look-*")
	if err != nil {
		return fmt.Errorf("make a folder to spill to: %w", err)
	}
	e, err := merge.Open(ctx, merge.Options{MemoryLimit: s.opts.MemoryLimit, Threads: s.opts.Threads, TempDir: spill, Gate: s.opts.Gate})
	if err != nil {
		return errors.Join(err, os.RemoveAll(spill))
	}
	defer e.Close()
	rowsOf := func(name string, columns []table.Column) string {
		return merge.OlderParquet([]sink.File{{Path: home.path(filepath.Join(snapshotPath(n.Export), name+".parquet"))}}, columns)
	}
	state := rowsOf(stateTable, merge.State)
	h.Resources = map[string]int64{}
	err = e.Each(ctx, "SELECT resource_type, count(*) FROM "+state+" GROUP BY ALL", func(rows *sql.Rows) error {
		var resourceType string
		var count int64
		err := rows.Scan(&resourceType, &count)
		h.Resources[resourceType] = count
		return err
	})
	for _, name := range slices.Sorted(maps.Keys(n.Tables)) {
		if err != nil {
			return err
		}
		var foreign, loose int64
		err = e.Scan(ctx, fmt.Sprintf(`SELECT count(*) FILTER (t.tenant_id IS DISTINCT FROM %s), count(*) FILTER (r.resource_key IS NULL)
			FROM %s t LEFT JOIN (SELECT resource_type || '/' || id AS resource_key FROM %s) r USING (resource_key)`,
			merge.Literal(tenant), rowsOf(name, n.Tables[name].Columns), state), &foreign, &loose)
		h.Foreign, h.Loose = h.Foreign+foreign, h.Loose+loose
	}
	return err
}
