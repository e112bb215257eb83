package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/pressly/goose/v3"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Join opens a ledger that another process works on, to leave it requests. It
// takes no lock and changes no table's shape: a ledger of another version is
// the problem LedgerNewer.
func Join(ctx context.Context, path string) (*Store, error) {
	write, err := connect(ctx, path, "synchronous(FULL)", 1)
	if err != nil {
		return nil, Explain(err)
	}
	files, err := fs.Sub(migrations, "sqlite/migrations")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, write, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read migrations: %w", err), write.Close())
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return nil, errors.Join(Explain(err), write.Close())
	}
	if current != target {
		p := problem.New(problem.LedgerNewer, fmt.Sprintf("the bulkhead at work has ledger version %d, this one has %d", current, target),
			"Use the same bulkhead for both, or stop the one at work first.")
		return nil, errors.Join(p, write.Close())
	}
	read, err := connect(ctx, path, "query_only(1)", 4)
	if err != nil {
		return nil, errors.Join(Explain(err), write.Close())
	}
	return &Store{write: write, read: read}, nil
}

// Held reports whether some process holds the ledger at path.
func Held(path string) bool {
	f, err := os.Open(path + ".lock")
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // it was only looked at
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}
