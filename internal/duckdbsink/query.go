//go:build cgo

package duckdbsink

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
)

// Rows are the rows of a query, read as they come. They keep the file open, so
// publications wait until Close; one goroutine may use them.
type Rows struct {
	rows    *sql.Rows
	columns []*sql.ColumnType
	close   func() error
}

// Query runs one SQL statement over the tables, which it can only read, as of
// the last publication; it reaches no other file. Values of args take the places of ? in the statement.
// A statement that fails is a problem with the code QueryInvalid, a file that
// no export has made yet one with ConfigMissing.
func (s *Sink) Query(ctx context.Context, statement string, args ...any) (*Rows, error) {
	return s.query(ctx, s.attachTables, statement, args)
}

// QueryOf is Query for a statement that sees the rows of some tenants alone, as
// if there were no others; of tables only those that say whose their rows are.
// It keeps honest statements apart: whoever can read the file can read all of it.
func (s *Sink) QueryOf(ctx context.Context, tenants []string, statement string, args ...any) (*Rows, error) {
	attach := func(ctx context.Context, e *merge.Engine) error { return s.attachRowsOf(ctx, e, tenants) }
	return s.query(ctx, attach, statement, args)
}

func (s *Sink) query(ctx context.Context, attach func(context.Context, *merge.Engine) error, statement string, args []any) (*Rows, error) {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil, problem.New(problem.ConfigMissing, "there are no tables yet: no export has been published to DuckDB",
			"Run bulkhead export TENANT first, or bulkhead demo to see it work.")
	}
	lock, err := merge.Acquire(ctx, s.path+".lock", true, s.opts.LockWait)
	if err != nil {
		return nil, busy(err)
	}
	r := &Rows{close: lock.Release}
	if err := s.start(ctx, r, attach, statement, args); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// attachTables attaches the file.
func (s *Sink) attachTables(ctx context.Context, e *merge.Engine) error {
	attach := fmt.Sprintf("ATTACH %s AS %s (READ_ONLY)", merge.Literal(s.path), database)
	return merge.Wait(ctx, s.opts.LockWait, func() error { return e.Exec(ctx, attach, "USE "+database) })
}

// attachRowsOf attaches the file under a name that no statement knows, and in
// its place views of the tenants' rows.
func (s *Sink) attachRowsOf(ctx context.Context, e *merge.Engine, tenants []string) error {
	hidden := "h" + strings.ToLower(rand.Text())
	attach := fmt.Sprintf("ATTACH %s AS %s (READ_ONLY)", merge.Literal(s.path), hidden)
	if err := merge.Wait(ctx, s.opts.LockWait, func() error { return e.Exec(ctx, attach) }); err != nil {
		return err
	}
	views := []string{"ATTACH ':memory:' AS " + database, "USE " + database}
	mine := make([]string, len(tenants))
	for i, t := range tenants {
		mine[i] = merge.Literal(t)
	}
	err := e.Each(ctx, tenantTables+" AND database_name = "+merge.Literal(hidden), func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		views = append(views, fmt.Sprintf("CREATE VIEW %[1]s AS SELECT * FROM %[2]s.main.%[1]s WHERE tenant_id IN (%[3]s)", merge.Ident(name), hidden, strings.Join(mine, ", "))) // I7
		return err
	})
	if err != nil {
		return err
	}
	return e.Exec(ctx, views...)
}

func (s *Sink) start(ctx context.Context, r *Rows, attach func(context.Context, *merge.Engine) error, statement string, args []any) error {
	spill, err := os.MkdirTemp(s.opts.TempDir, "bulkhead-query-*")
	if err != nil {
		return problem.Wrap(err, problem.StorageUnwritable, "the query has no folder to spill to", "Make the folder writable for this user.")
	}
	e, err := merge.Open(ctx, s.engine(spill, nil)) // a query held open must not hold up publications elsewhere
	if err != nil {
		return errors.Join(busy(err), os.RemoveAll(spill))
	}
	release := r.close
	r.close = func() error { return errors.Join(e.Close(), release()) }
	if err := attach(ctx, e); err != nil {
		return busy(err)
	}
	// The statement may read these tables and nothing else: no other file, and
	// no setting that would permit one.
	if err := e.Exec(ctx, "SET enable_external_access = false", "SET lock_configuration = true"); err != nil {
		return busy(err)
	}
	if r.rows, err = e.Conn().QueryContext(ctx, statement, args...); err != nil { //nolint:rowserrcheck // All gives it at the end of the rows
		return invalid(err)
	}
	stop := r.close
	r.close = func() error { return errors.Join(r.rows.Close(), stop()) }
	if r.columns, err = r.rows.ColumnTypes(); err != nil {
		return invalid(err)
	}
	return nil
}

// invalid gives DuckDB's own words: whoever may query may read what they quote.
func invalid(err error) error {
	return problem.Wrap(err, problem.QueryInvalid, "the query cannot be run",
		"Correct the SQL; SHOW TABLES and DESCRIBE name say what is there.")
}

func busy(err error) error {
	if errors.Is(err, merge.ErrLocked) {
		return problem.Wrap(err, problem.SinkFailed, "the tables are being written", "Try again when the export is published.")
	}
	return fmt.Errorf("open the tables: %w", err)
}

// Columns are the names of the columns.
func (r *Rows) Columns() []string {
	names := make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i] = c.Name()
	}
	return names
}

// All yields the rows, once. A value is nil, a bool, an int64, a uint64, a
// float64, a string, a *big.Int, a json.Number (a decimal, with its digits), a
// []any or a map[string]any. Dates and times are strings as in FHIR, binary is
// base64. The slice is the caller's. An error ends the rows.
func (r *Rows) All() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for r.rows.Next() {
			row := make([]any, len(r.columns))
			into := make([]any, len(row))
			for i := range row {
				into[i] = &row[i]
			}
			if err := r.rows.Scan(into...); err != nil {
				yield(nil, invalid(err))
				return
			}
			for i, v := range row {
				row[i] = plain(v, r.columns[i].DatabaseTypeName())
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := r.rows.Err(); err != nil {
			yield(nil, invalid(err))
		}
	}
}

// Close ends the query and lets publications go on. It may be called again.
func (r *Rows) Close() error {
	stop := r.close
	r.close = func() error { return nil }
	return stop()
}
