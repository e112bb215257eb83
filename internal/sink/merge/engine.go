//go:build cgo

package merge

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// DefaultMemoryLimit is what DuckDB's buffers may take, in bytes, when
// Options do not say. Beside them the process needs about 130 MiB, most of it
// DuckDB's own code.
const DefaultMemoryLimit = 160 << 20

// Options say what one Engine may use.
type Options struct {
	MemoryLimit int64  // bytes for DuckDB's buffers; 0 means DefaultMemoryLimit
	Threads     int    // 0 means 1: each thread holds a row group of a wide table
	TempDir     string // where it spills: made when it is missing, removed by Close
	Gate        Gate   // shared by all engines of the process, or nil
	ChunkRows   int64  // how many resources are judged at a time; 0 means half a million
}

// An Engine is a DuckDB in memory with one connection, for one publication or
// one query. It is not safe for concurrent use.
type Engine struct {
	db      *sql.DB
	conn    *sql.Conn
	tempDir string
	gate    Gate
	chunk   int64
	limit   int64
	parked  bool
	low     bool // its limit is that of a parked one
}

// Open waits at o.Gate and starts an engine. What an engine that crashed left
// in o.TempDir is removed, so no two engines may share the folder.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if err := o.Gate.enter(ctx); err != nil {
		return nil, fmt.Errorf("wait for other publications: %w", err)
	}
	e, err := start(ctx, o)
	if err != nil {
		o.Gate.leave()
	}
	return e, err
}

func start(ctx context.Context, o Options) (*Engine, error) {
	if o.MemoryLimit == 0 {
		o.MemoryLimit = DefaultMemoryLimit
	}
	if o.Threads == 0 {
		o.Threads = 1
	}
	if o.ChunkRows == 0 {
		o.ChunkRows = 512 << 10 // bounds the memory of the sort that finds doubles
	}
	if err := os.RemoveAll(o.TempDir); err != nil {
		return nil, Fault("empty the spill folder", err)
	}
	if err := os.MkdirAll(o.TempDir, 0o700); err != nil {
		return nil, Fault("make the spill folder", err)
	}
	connector, err := duckdb.NewConnector("", func(driver.ExecerContext) error { return nil })
	if err != nil {
		return nil, Fault("start DuckDB", err)
	}
	e := &Engine{db: sql.OpenDB(connector), tempDir: o.TempDir, gate: o.Gate, chunk: o.ChunkRows, limit: o.MemoryLimit}
	if err := e.configure(ctx, o); err != nil {
		return nil, errors.Join(err, e.stop())
	}
	return e, nil
}

func (e *Engine) configure(ctx context.Context, o Options) (err error) {
	if e.conn, err = e.db.Conn(ctx); err != nil {
		return Fault("connect to DuckDB", err)
	}
	return e.Exec(ctx,
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		memory(o.MemoryLimit),
		fmt.Sprintf("SET threads = %d", o.Threads),
		"SET temp_directory = "+Literal(o.TempDir),
		"SET preserve_insertion_order = false",
		"SET enable_external_file_cache = false", // staged files are read once
		"SET enable_caching_operators = false",   // they would gather up to 2,048 long rows
		"SET TimeZone = 'UTC'",
		// A checkpoint writes each table's last row group anew: for the publications
		// that share an opening its end is soon enough, and none of them waits for it.
		fmt.Sprintf("SET checkpoint_threshold = '%dB'", parkedMemory/2),
		// DuckDB's allocator keeps freed memory for later, and the process grows
		// far beyond the limit; these give it back.
		"SET allocator_flush_threshold = '1MiB'",
		"SET allocator_bulk_deallocation_flush_threshold = '1MiB'",
		"SET allocator_background_threads = true",
	)
}

// parkedMemory is how many bytes of buffers an engine may hold while others
// work: what was committed and is not yet in the file. Less of it spills.
const parkedMemory = 96 << 20

func memory(bytes int64) string { return fmt.Sprintf("SET memory_limit = '%dB'", bytes) }

// Park lets other engines through the gate; what e has attached stays so. Until
// Resume it holds little memory, and only Close may be called. After an error it
// is not parked.
func (e *Engine) Park(ctx context.Context) error {
	var held int64
	err := e.Scan(ctx, "SELECT CAST(sum(memory_usage_bytes) AS BIGINT) FROM duckdb_memory()", &held)
	if e.low = held > parkedMemory; err == nil && e.low { // every change of the limit gives all freed memory back, which takes long
		err = e.Exec(ctx, memory(min(parkedMemory, e.limit)))
	}
	if err != nil {
		return err
	}
	e.parked = true
	e.gate.leave()
	return nil
}

// Parked reports whether e is parked.
func (e *Engine) Parked() bool { return e.parked }

// Resume waits at the gate again, and makes a parked e fit for use. After an
// error only Close may be called.
func (e *Engine) Resume(ctx context.Context) error {
	if err := e.gate.enter(ctx); err != nil {
		return fmt.Errorf("wait for other publications: %w", err)
	}
	e.parked = false
	if !e.low {
		return nil
	}
	return e.Exec(ctx, memory(e.limit))
}

// Close stops the engine and removes its spill folder. It is called once.
func (e *Engine) Close() error {
	if !e.parked {
		defer e.gate.leave()
	}
	return e.stop()
}

func (e *Engine) stop() error {
	if e.conn != nil {
		e.conn.Close()
	}
	err := e.db.Close()
	if gone := os.RemoveAll(e.tempDir); err == nil {
		err = gone
	}
	return err
}

// Conn is the engine's one connection.
func (e *Engine) Conn() *sql.Conn { return e.conn }

// Exec runs statements one after the other and stops at the first error.
func (e *Engine) Exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := e.conn.ExecContext(ctx, s); err != nil {
			return Fault(verb(s), cause(ctx, err))
		}
	}
	return nil
}

// Scan runs a query of one row and stores its columns in dest. Without a row
// it returns sql.ErrNoRows.
func (e *Engine) Scan(ctx context.Context, query string, dest ...any) error {
	return Fault("read", cause(ctx, e.conn.QueryRowContext(ctx, query).Scan(dest...)))
}

// Each runs a query and calls scan for each row.
func (e *Engine) Each(ctx context.Context, query string, scan func(*sql.Rows) error) error {
	rows, err := e.conn.QueryContext(ctx, query)
	if err != nil {
		return Fault("read", cause(ctx, err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return Fault("read", err)
		}
	}
	return Fault("read", cause(ctx, rows.Err()))
}

// cause prefers the reason why a context ended to DuckDB's "interrupted".
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// verb names a statement by its first two words, for errors.
func verb(statement string) string {
	words := strings.Fields(statement)
	return strings.ToLower(strings.Join(words[:min(2, len(words))], " "))
}
