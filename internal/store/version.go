package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Latest gives the version of the ledger that this bulkhead writes: the number
// of the last migration.
func Latest() (int64, error) {
	names, err := fs.Glob(migrations, "sqlite/migrations/*.sql")
	if err != nil {
		return 0, err
	}
	latest := int64(0)
	for _, name := range names {
		number, _, _ := strings.Cut(filepath.Base(name), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("number of migration %s: %w", name, err)
		}
		latest = max(latest, n)
	}
	return latest, nil
}

// versionOf reads the version of a ledger without touching it; 0 for a
// database that is no ledger.
func versionOf(ctx context.Context, db *sql.DB) (v int64, err error) {
	var known int64
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'`).Scan(&known); err != nil || known == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied = 1`).Scan(&v)
	return v, err
}

// Version gives the ledger's version.
func (s *Store) Version(ctx context.Context) (int64, error) {
	v, err := versionOf(ctx, s.read)
	return v, Explain(err)
}

func newer(current, target int64) error {
	return problem.New(problem.LedgerNewer,
		fmt.Sprintf("the ledger has version %d, this bulkhead knows versions up to %d", current, target),
		"Run the newer bulkhead that wrote this ledger, or restore a backup from before the upgrade.")
}

// upToDate makes sure that a ledger that is about to be read has the version
// that the queries are for. An older one that nobody works on is upgraded.
func upToDate(ctx context.Context, path string, db *sql.DB) error {
	current, err := versionOf(ctx, db)
	if err != nil {
		return Explain(fmt.Errorf("read the ledger's version: %w", err))
	}
	target, err := Latest()
	switch {
	case err != nil || current == target:
		return err
	case current > target:
		return newer(current, target)
	case Held(path):
		return problem.New(problem.LedgerLocked,
			fmt.Sprintf("an older bulkhead works on the ledger: it has version %d, this one has %d", current, target),
			"Use the bulkhead that is at work, or stop it: the newer one then upgrades the ledger.")
	}
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	return s.Close()
}

// beforeUpgrade names the copy of a ledger that is kept when it is upgraded
// from a version.
func beforeUpgrade(path string, version int64) string {
	return fmt.Sprintf("%s.schema-%d.db", strings.TrimSuffix(path, filepath.Ext(path)), version)
}

// keepBeforeUpgrade keeps a copy of a ledger that is about to be upgraded, so
// that there is a way back to the bulkhead that wrote it.
func keepBeforeUpgrade(ctx context.Context, path string, db *sql.DB, target int64) error {
	current, err := versionOf(ctx, db)
	if err != nil || current == 0 || current >= target {
		return err
	}
	copied := beforeUpgrade(path, current)
	if _, err := os.Stat(copied); !errors.Is(err, fs.ErrNotExist) {
		return err // an upgrade that was interrupted has kept it
	}
	temp, _, err := vacuumInto(ctx, db, copied)
	if err != nil {
		return fmt.Errorf("keep a copy of the ledger before its upgrade: %w", err)
	}
	return commitFile(temp, copied)
}
