package exportlog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Files writes the log files, "logs/<tenant>/<export>/log.ndjson", from the
// ledger.
type Files struct {
	Store *store.Store
	Files *blob.Store
}

// CatchUp writes the log of every export that has settled and whose file
// lacks items: what a crash kept from being written, too. A later log of an
// export begins with the former one. It may be called at any time; one export
// that fails does not keep the others from theirs. That of a practice whose
// keys were destroyed waits until it has new ones.
func (f *Files) CatchUp(ctx context.Context) error {
	refs, err := f.Store.UnwrittenLogs(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, ref := range refs {
		err := f.write(ctx, ref)
		if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code == problem.PracticeKeyDestroyed {
			continue
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("write the log of export %s: %w", ref.Export, err))
		}
	}
	return errors.Join(failed...)
}

func (f *Files) write(ctx context.Context, ref store.LogRef) (err error) {
	items, err := f.Store.In(ref.Tenant).Log(ctx, ref.Export)
	if err != nil || len(items) == 0 {
		return err
	}
	scope, err := f.Files.Tenant(ref.Tenant)
	if err != nil {
		return err
	}
	key, err := scope.LogKey(ref.Export)
	if err != nil {
		return err
	}
	file, err := scope.Create(ctx, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := Print(file, ref.Export, items); err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return err
	}
	return f.Store.In(ref.Tenant).Do(ctx, func(tx *store.Tx) error {
		return tx.SetLogWritten(ref.Export, items[len(items)-1].ID)
	})
}

// Print writes a log, one item a line.
func Print(w io.Writer, export string, items []store.LogItem) error {
	buffered := bufio.NewWriter(w)
	for _, item := range items {
		text, err := Line(export, item)
		if err != nil {
			return err
		}
		if _, err := buffered.Write(text); err != nil {
			return err
		}
	}
	return buffered.Flush()
}
