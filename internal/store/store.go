// Package store is the ledger: the truth about every export, file, step and
// publication, in SQLite. All SQL of the project is here. It holds what is
// true and moves it in transactions; what should happen next is for engine.
//
// Every query belongs to one tenant and is reached through In (I7); the few
// that look at all tenants (admission, the tick, the sweep, the overview) are
// methods of Store and return the tenant with every row.
//
// A Store may be used by many goroutines; SQLite lets one write at a time.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

//go:embed sqlite/migrations/*.sql
var migrations embed.FS

// A Store is one open ledger.
type Store struct {
	write   *sql.DB // one connection: SQLite has one writer
	read    *sql.DB
	lock    *os.File // nil when the ledger is only looked at
	enqueue Enqueue
}

// Enqueue hands new steps to the executor in the transaction that adds them.
type Enqueue func(ctx context.Context, tx *sql.Tx, steps []StepRef) error

// Open opens the ledger at path for the one process that works on it, and
// makes it when it is not there. Another process that holds it is the problem
// LedgerLocked; a ledger of a newer bulkhead is LedgerNewer. One of an older
// bulkhead is upgraded; a copy from before stays beside it.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, unwritable(err, filepath.Dir(path))
	}
	lock, err := acquire(path + ".lock")
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, path, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// ErrNoLedger says that nothing was ever exported into the state folder.
var ErrNoLedger = errors.New("the state folder holds no ledger")

// Look opens an existing ledger to read it, beside the process that works on
// it. A ledger that is not there is the problem ConfigMissing. One of a newer
// bulkhead is LedgerNewer; one of an older is upgraded as Open does, or the
// problem LedgerLocked while that bulkhead is at work.
func Look(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, noLedger()
	}
	read, err := connect(ctx, path, "query_only(1)", 4)
	if err != nil {
		return nil, Explain(err)
	}
	if err := upToDate(ctx, path, read); err != nil {
		return nil, errors.Join(err, read.Close())
	}
	return &Store{read: read, write: read}, nil
}

func open(ctx context.Context, path string, lock *os.File) (*Store, error) {
	if err := touch(path); err != nil {
		return nil, err
	}
	write, err := connect(ctx, path, "synchronous(FULL)", 1)
	if err != nil {
		return nil, Explain(err)
	}
	if err := migrate(ctx, path, write); err != nil {
		return nil, errors.Join(Explain(err), write.Close())
	}
	read, err := connect(ctx, path, "query_only(1)", 4)
	if err != nil {
		return nil, errors.Join(Explain(err), write.Close())
	}
	return &Store{write: write, read: read, lock: lock}, nil
}

// touch makes the file before SQLite does, so that only its owner can read it.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return unwritable(err, path)
	}
	return f.Close()
}

func connect(ctx context.Context, path, pragma string, connections int) (*sql.DB, error) {
	query := url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", pragma},
		"_txlock": {"immediate"},
	}
	if pragma == "query_only(1)" {
		query.Set("_txlock", "deferred")
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	db.SetMaxOpenConns(connections)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger: %w", err), db.Close())
	}
	return db, nil
}

func migrate(ctx context.Context, path string, db *sql.DB) error {
	files, err := fs.Sub(migrations, "sqlite/migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the ledger's version: %w", err)
	}
	if current > target {
		return newer(current, target)
	}
	if err := keepBeforeUpgrade(ctx, path, db, target); err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the ledger: %w", err)
	}
	steps, err := rivermigrate.New(riversqlite.New(db), nil)
	if err != nil {
		return fmt.Errorf("read the executor's migrations: %w", err)
	}
	if _, err := steps.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the executor's tables: %w", err)
	}
	return nil
}

// acquire takes the ledger's lock, which the kernel frees when the process
// ends, however it ends.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, unwritable(err, path)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 16)
		n, _ := f.ReadAt(holder, 0)
		p := problem.New(problem.LedgerLocked,
			fmt.Sprintf("another bulkhead (process %s) holds the ledger %s", strings.TrimSpace(string(holder[:n])), strings.TrimSuffix(path, ".lock")),
			"Wait until it ends or stop it; to look on meanwhile, use bulkhead status. For a second, independent set of practices give it a folder of its own.")
		return nil, errors.Join(p, f.Close())
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(unwritable(err, path), f.Close())
	}
	if _, err := fmt.Fprintf(f, "%d\n", os.Getpid()); err != nil {
		return nil, errors.Join(unwritable(err, path), f.Close())
	}
	return f, nil
}

// Bind sets what hands steps to the executor. Call it before the first write.
func (s *Store) Bind(enqueue Enqueue) { s.enqueue = enqueue }

// DB is the connection that writes, for the executor's own tables.
func (s *Store) DB() *sql.DB { return s.write }

// Close closes the ledger and gives up its lock.
func (s *Store) Close() error {
	err := s.read.Close()
	if s.write != s.read {
		err = errors.Join(err, s.write.Close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

func (s *Store) queries() *gen.Queries { return gen.New(s.read) }

// inTx runs f in a transaction of the writing connection. f must not use the
// Store itself: there is one connection, and f has it.
func (s *Store) inTx(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return Explain(fmt.Errorf("begin: %w", err))
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing, before it the error at hand matters more
	if err := f(tx); err != nil {
		return Explain(err)
	}
	if err := tx.Commit(); err != nil {
		return Explain(fmt.Errorf("commit: %w", err))
	}
	return nil
}

// Explain turns an error of the database that a person must act on into a
// problem, and returns every other error as it is.
func Explain(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return problem.Wrap(err, problem.StorageFull, "no space is left for the ledger",
			"Free space on the disk of the state folder; what runs goes on by itself then, and an export that has failed is resumed with --resume. Nothing is lost.")
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR:
		if none := openNothing(); none != nil {
			return fmt.Errorf("%w: %w", err, none) // that passes
		}
		return problem.Wrap(err, problem.StorageUnwritable, "the ledger cannot be written",
			"Check that the state folder exists and belongs to the user who runs bulkhead, and that its disk is healthy.")
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return problem.Wrap(err, problem.LedgerDamaged, "the ledger is damaged",
			"Stop bulkhead, keep a copy of the state folder, and restore the ledger from a backup.")
	}
	return err
}

func unwritable(err error, path string) error {
	if errors.Is(err, syscall.ENOSPC) {
		return problem.Wrap(err, problem.StorageFull, "no space is left in "+filepath.Dir(path), "Free space there, then start again.")
	}
	return problem.Wrap(err, problem.StorageUnwritable, "cannot write in "+filepath.Dir(path),
		"Make the folder writable for the user who runs bulkhead, or set another folder in the configuration.")
}

// flag writes a truth as the ledger does.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// ms gives a time as the ledger keeps it; the zero time is 0.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
