package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Restored says what a restored ledger is, and what the one before it knew
// beyond it.
type Restored struct {
	Manifest
	Former string // where the former ledger is kept; empty when there was none

	// Unreadable says why the former ledger could not be compared; then the
	// lists below are empty.
	Unreadable string
	Forgotten  []Forgotten // exports that only the former ledger knows, the oldest first
	SetBack    []SetBack   // streams that ask again for changes
}

// Forgotten is an export that a restored ledger does not know.
type Forgotten struct{ Tenant, Export, State string }

// SetBack is a watermark that a restored ledger has at an earlier place.
type SetBack struct {
	Tenant, Stream string
	From, To       string // _since; To is empty where the restored ledger has no watermark
}

// Restore puts a backup in the place of the ledger, while nobody works on it:
// otherwise it is the problem LedgerLocked. The backup is checked before; a
// damaged one is LedgerDamaged and a newer one LedgerNewer, and nothing has
// changed then. The former ledger is kept beside it under a dated name.
func Restore(ctx context.Context, backup, ledger string) (r Restored, err error) {
	if _, err := os.Stat(backup); err != nil {
		return r, problem.Wrap(err, problem.ConfigMissing, "there is no backup "+backup, "Give the file that bulkhead backup made.")
	}
	if st, err := os.Stat(backup + "-wal"); err == nil && st.Size() > 0 {
		return r, problem.New(problem.Usage, backup+" is a ledger with changes beside it (-wal), not a backup",
			"Make a backup of it with bulkhead backup; a copy of the file alone lacks its latest changes.")
	}
	if err := os.MkdirAll(filepath.Dir(ledger), 0o700); err != nil {
		return r, unwritable(err, ledger)
	}
	lock, err := acquire(ledger + ".lock")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	temp := tempBeside(ledger)
	if err := copyFile(backup, temp); err != nil {
		return r, err
	}
	defer os.Remove(temp) //nolint:errcheck // it has its name by then, or is of no use
	if r.Manifest, err = acceptable(ctx, backup, temp); err != nil {
		return r, err
	}
	if err := r.compare(ctx, ledger, temp); err != nil {
		return r, err
	}
	if r.Former, err = setAside(ledger); err != nil {
		return r, err
	}
	return r, commitFile(temp, ledger)
}

// acceptable examines the copy of a backup that is to become the ledger.
func acceptable(ctx context.Context, backup, temp string) (Manifest, error) {
	found, err := examine(ctx, temp)
	if err != nil {
		return found, err
	}
	target, err := Latest()
	if err != nil {
		return found, err
	}
	if found.Schema > target {
		return found, newer(found.Schema, target)
	}
	said, ok, err := readManifest(backup)
	if err != nil || !ok {
		return found, err
	}
	if said.SHA256 != found.SHA256 {
		return found, problem.New(problem.LedgerDamaged, "the backup is not the file that its manifest describes",
			"Use another backup; if you know that this one is right, move its manifest away.")
	}
	return said, nil
}

// compare says what the former ledger knows that the restored one does not.
func (r *Restored) compare(ctx context.Context, former, restored string) error {
	if _, err := os.Stat(former); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	before, err := factsOf(ctx, former, "")
	if err != nil {
		r.Unreadable = err.Error()
		return nil
	}
	after, err := factsOf(ctx, restored, "immutable=1&mode=ro")
	if err != nil {
		return err
	}
	for _, x := range before.exports {
		known := slices.ContainsFunc(after.exports, func(o Forgotten) bool { return o.Tenant == x.Tenant && o.Export == x.Export })
		if !known {
			r.Forgotten = append(r.Forgotten, x)
		}
	}
	for _, of := range slices.SortedFunc(maps.Keys(before.marks), func(a, b mark) int {
		return strings.Compare(a.tenant+" "+a.stream, b.tenant+" "+b.stream)
	}) {
		if since := before.marks[of]; since != after.marks[of] {
			r.SetBack = append(r.SetBack, SetBack{Tenant: of.tenant, Stream: of.stream, From: since, To: after.marks[of]})
		}
	}
	return nil
}

type mark struct{ tenant, stream string }

// facts are what two ledgers of any version are compared by.
type facts struct {
	exports []Forgotten
	marks   map[mark]string // _since
}

func factsOf(ctx context.Context, path, options string) (f facts, err error) {
	f.marks = map[mark]string{}
	db, err := openPlain(ctx, path, options)
	if err != nil {
		return f, err
	}
	defer db.Close() //nolint:errcheck // it was only read
	err = eachRow(ctx, db, `SELECT tenant_id, export_id, state FROM export ORDER BY requested_at, export_id`, func(scan func(...any) error) error {
		var x Forgotten
		err := scan(&x.Tenant, &x.Export, &x.State)
		f.exports = append(f.exports, x)
		return err
	})
	if err != nil {
		return f, err
	}
	err = eachRow(ctx, db, `SELECT tenant_id, stream, since FROM watermark`, func(scan func(...any) error) error {
		var m mark
		var since string
		err := scan(&m.tenant, &m.stream, &since)
		f.marks[m] = since
		return err
	})
	return f, err
}

func eachRow(ctx context.Context, db *sql.DB, query string, row func(scan func(...any) error) error, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return Explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return Explain(rows.Err())
}

// setAside gives the former ledger a second, dated name, and then takes away
// what stands beside the first: changes that SQLite would otherwise apply to
// the ledger that comes. A crash in between leaves the former ledger in its
// place, at worst without its latest changes, which are beside the dated name.
func setAside(ledger string) (string, error) {
	base := strings.TrimSuffix(ledger, filepath.Ext(ledger)) + "-" + time.Now().UTC().Format("20060102-150405")
	former := base + ".db"
	for n := 2; exists(former) || exists(former+"-wal"); n++ {
		former = fmt.Sprintf("%s-%d.db", base, n)
	}
	for _, ending := range []string{"", "-wal"} {
		if !exists(ledger + ending) {
			continue
		}
		if err := os.Link(ledger+ending, former+ending); err != nil {
			return "", unwritable(err, former)
		}
	}
	if err := syncFile(filepath.Dir(ledger)); err != nil {
		return "", err
	}
	for _, beside := range []string{ledger + "-wal", ledger + "-shm"} {
		if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", unwritable(err, beside)
		}
	}
	if !exists(former) {
		return "", nil
	}
	return former, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// copyFile copies a file durably to a new one, for its owner only.
func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return problem.Wrap(err, problem.ConfigMissing, "the backup cannot be read", "Give a file that you may read.")
	}
	defer src.Close() //nolint:errcheck // it was only read
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return unwritable(err, to)
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		return errors.Join(unwritable(err, to), os.Remove(to))
	}
	return nil
}
