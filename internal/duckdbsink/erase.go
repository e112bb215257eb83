//go:build cgo

package duckdbsink

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
)

var _ sink.Eraser = (*Sink)(nil)

// Count is sink.Eraser's. Its errors are those of Query.
func (s *Sink) Count(ctx context.Context, tenant string) (map[string]int64, error) {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	l, names := look{Sink: s}, []string(nil)
	err := l.each(ctx, tenantTables+" AND database_name = current_database()", func(row []any) error {
		names = append(names, fmt.Sprint(row[0]))
		return nil
	})
	counts := map[string]int64{}
	for _, name := range names {
		if err != nil {
			return nil, err
		}
		err = l.each(ctx, "SELECT count(*) FROM "+merge.Ident(name)+" WHERE tenant_id = "+merge.Literal(tenant), func(row []any) error { // I7
			if n, _ := row[0].(int64); n > 0 {
				counts[name] = n
			}
			return nil
		})
	}
	return counts, err
}

// tenantTables are the tables that say of each row whose it is: ours, and those
// that others made in the file.
const tenantTables = `SELECT DISTINCT table_name FROM duckdb_columns() WHERE column_name = 'tenant_id' AND schema_name = 'main' AND NOT internal
	AND (database_name, schema_name, table_name) IN (SELECT (database_name, schema_name, table_name) FROM duckdb_tables())`

// Erase is sink.Eraser's. The rows go by one transaction. What DuckDB deletes
// stays in blocks of the file that are free, so the file is then written anew
// and takes the place of the old one, which is removed.
func (s *Sink) Erase(ctx context.Context, tenant string) error {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	runtime.LockOSThread() // DuckDB's allocator keeps a store of memory for each thread it meets
	defer runtime.UnlockOSThread()
	if err := s.turn.take(ctx); err != nil {
		return explain(err)
	}
	err := s.erase(ctx, tenant)
	if err = errors.Join(err, s.turn.pass(ctx, true)); err != nil {
		return explain(err)
	}
	return s.at("erased")
}

func (s *Sink) erase(ctx context.Context, tenant string) error {
	if err := s.turn.shut(ctx); err != nil { // what others left open is moved into the file
		return err
	}
	if err := s.openFile(ctx); err != nil {
		return err
	}
	p := publication{Engine: s.turn.opened.Engine, reach: s.at}
	if err := p.deleteTenant(ctx, tenant); err != nil {
		return err
	}
	if err := s.copyAnew(ctx, p.Engine); err != nil {
		return err
	}
	o := s.turn.opened
	s.turn.opened = nil
	// Detached before the new file takes its place: the write-ahead log is the old one's.
	if err := errors.Join(o.Exec(context.WithoutCancel(ctx), "DETACH "+database), s.exchange()); err != nil {
		return errors.Join(err, o.Close(), o.lock.Release())
	}
	return errors.Join(o.Close(), o.lock.Release())
}

func (p publication) deleteTenant(ctx context.Context, tenant string) error {
	var names []string
	err := p.Each(ctx, tenantTables+" AND database_name = "+merge.Literal(database), func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil {
		return err
	}
	if err := p.Exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	for _, name := range names {
		if err := p.Exec(ctx, "DELETE FROM "+qualified(name)+" WHERE tenant_id = "+merge.Literal(tenant)); err != nil { // I7
			return errors.Join(err, p.rollback(ctx))
		}
	}
	if err := p.reach("deleted"); err != nil {
		return errors.Join(err, p.rollback(ctx))
	}
	if err := p.Exec(ctx, "COMMIT"); err != nil {
		return errors.Join(err, p.rollback(ctx))
	}
	return p.reach("delete committed")
}

// copyAnew writes what the attached file holds into a new one beside it.
func (s *Sink) copyAnew(ctx context.Context, e *merge.Engine) error {
	next := s.path + ".next"
	for _, old := range []string{next, next + ".wal"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err := e.Exec(ctx,
		fmt.Sprintf("ATTACH %s AS made (ROW_GROUP_SIZE %d)", merge.Literal(next), rowGroup),
		"COPY FROM DATABASE "+database+" TO made", "DETACH made")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(next, 0o600), syncFile(next)); err != nil {
		return err
	}
	return s.at("copied")
}

// exchange puts the new file in the place of the old one, durably.
func (s *Sink) exchange() error {
	if err := os.Rename(s.path+".next", s.path); err != nil {
		return err
	}
	return errors.Join(syncFile(filepath.Dir(s.path)), s.at("exchanged"))
}
