package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A Manifest describes a backup of a ledger. It stands beside the backup, in
// the file that ManifestPath names.
type Manifest struct {
	Bulkhead string           `json:"bulkhead,omitempty"` // what the build that made it calls itself
	Schema   int64            `json:"schema"`             // the ledger's version
	MadeAt   time.Time        `json:"made_at"`
	Bytes    int64            `json:"bytes"`
	SHA256   string           `json:"sha256"`
	Rows     map[string]int64 `json:"rows"` // by table
}

// ManifestPath gives where the manifest of a backup is.
func ManifestPath(backup string) string { return backup + ".json" }

// A BackupOrder says what is to be backed up, and where to.
type BackupOrder struct {
	Ledger  string // its path
	To      string // the file to make
	Replace bool   // a file that is there already; otherwise it is the problem Usage
	Build   string // Manifest.Bulkhead
}

// Backup makes a consistent copy of a ledger, also while a bulkhead works on
// it, which it does not hold up. The copy has been checked and is durable when
// it appears under its name; a crash leaves a hidden temporary file at most.
func Backup(ctx context.Context, o BackupOrder) (m Manifest, err error) {
	if _, err := os.Stat(o.Ledger); err != nil {
		return m, noLedger()
	}
	if _, err := os.Stat(o.To); err == nil && !o.Replace {
		return m, problem.New(problem.Usage, o.To+" is there already", "Give another name, or --force to replace it.")
	}
	db, err := openPlain(ctx, o.Ledger, "")
	if err != nil {
		return m, err
	}
	defer db.Close() //nolint:errcheck // it was only read
	m.MadeAt, m.Bulkhead = time.Now().UTC().Truncate(time.Second), o.Build
	temp, found, err := vacuumInto(ctx, db, o.To)
	if err != nil {
		return m, err
	}
	m.Schema, m.Rows, m.Bytes, m.SHA256 = found.Schema, found.Rows, found.Bytes, found.SHA256
	// A copy without a manifest can be restored, one with another's cannot.
	if err := os.Remove(ManifestPath(o.To)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, errors.Join(unwritable(err, o.To), os.Remove(temp))
	}
	if err := commitFile(temp, o.To); err != nil {
		return m, err
	}
	return m, writeManifest(m, ManifestPath(o.To))
}

// vacuumInto writes a checked, durable copy of a ledger into a temporary file
// beside its later place, and says what it holds.
func vacuumInto(ctx context.Context, db *sql.DB, to string) (temp string, m Manifest, err error) {
	temp = tempBeside(to)
	if err := touch(temp); err != nil { // for its owner only, before a byte is in it
		return "", m, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp))
		}
	}()
	if _, err = db.ExecContext(ctx, `VACUUM INTO ?`, temp); err != nil {
		return "", m, Explain(fmt.Errorf("copy the ledger: %w", err))
	}
	if m, err = examine(ctx, temp); err != nil {
		return "", m, err
	}
	return temp, m, syncFile(temp)
}

// tempBeside names a file that only a crash leaves there.
func tempBeside(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+strings.ToLower(rand.Text()[:8])+TempEnding)
}

// TempEnding is the ending of the files that become backups or ledgers when
// they are whole.
const TempEnding = ".ledger-tmp"

// examine checks the file of a ledger that nobody writes, and describes it. A
// file that is not whole, or no ledger, is the problem LedgerDamaged.
func examine(ctx context.Context, path string) (m Manifest, err error) {
	if m.Bytes, m.SHA256, err = digest(path); err != nil {
		return m, err
	}
	db, err := openPlain(ctx, path, "immutable=1&mode=ro")
	if err != nil {
		return m, err
	}
	defer db.Close() //nolint:errcheck // it was only read
	faults, err := faultsOf(ctx, db)
	if err != nil {
		return m, Explain(err)
	}
	if len(faults) > 0 {
		return m, problem.New(problem.LedgerDamaged, filepath.Base(path)+" is damaged: "+faults[0], "Use another backup.")
	}
	if m.Schema, err = versionOf(ctx, db); err != nil {
		return m, Explain(err)
	}
	if m.Schema == 0 {
		return m, problem.New(problem.LedgerDamaged, filepath.Base(path)+" is no ledger of bulkhead", "Give the file that bulkhead backup made.")
	}
	m.Rows, err = rowsOf(ctx, db)
	return m, Explain(err)
}

// rowsOf counts the rows of the ledger's own tables.
func rowsOf(ctx context.Context, db *sql.DB) (map[string]int64, error) {
	names, err := texts(ctx, db, `SELECT name FROM sqlite_schema WHERE type = 'table'
		AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'river%' AND name NOT LIKE 'goose%' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, name := range names {
		var n int64
		if err := db.QueryRowContext(ctx, `SELECT count(*) FROM "`+name+`"`).Scan(&n); err != nil {
			return nil, fmt.Errorf("count %s: %w", name, err)
		}
		counts[name] = n
	}
	return counts, nil
}

// texts reads the first column of a query.
func texts(ctx context.Context, db *sql.DB, query string) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// openPlain opens a database file without changing how it is kept.
func openPlain(ctx context.Context, path, options string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(10000)"
	if options != "" {
		dsn += "&" + options
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(Explain(err), db.Close())
	}
	return db, nil
}

func writeManifest(m Manifest, path string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	temp := tempBeside(path)
	if err := os.WriteFile(temp, append(text, '\n'), 0o600); err != nil {
		return unwritable(err, path)
	}
	if err := syncFile(temp); err != nil {
		return err
	}
	return commitFile(temp, path)
}

// readManifest reads the manifest of a backup; ok is false when it has none.
func readManifest(backup string) (m Manifest, ok bool, err error) {
	text, err := os.ReadFile(ManifestPath(backup))
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, false, problem.Wrap(err, problem.LedgerDamaged, "the manifest of the backup cannot be read",
			"Use another backup; or move "+filepath.Base(ManifestPath(backup))+" away: the backup itself is checked all the same.")
	}
	return m, true, nil
}

func digest(path string) (n int64, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	if n, err = io.Copy(h, f); err != nil {
		return 0, "", fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return n, hex.EncodeToString(h.Sum(nil)), nil
}

// commitFile gives a durable temporary file its name, durably.
func commitFile(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(unwritable(err, path), os.Remove(temp))
	}
	return syncFile(filepath.Dir(path))
}

// syncFile makes a file, or the names in a folder, durable.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return unwritable(err, path)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return unwritable(err, path)
	}
	return nil
}

func noLedger() error {
	return problem.Wrap(ErrNoLedger, problem.ConfigMissing, "there is no ledger yet",
		"Start an export with bulkhead export or bulkhead run; both make the ledger.")
}
