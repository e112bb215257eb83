//go:build cgo

package merge

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Fault gives an error of DuckDB or of the file system in our words, and a nil
// error for nil. DuckDB quotes values in some of its messages: only messages
// that cannot hold a patient's values are passed on.
func Fault(doing string, err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return p
	}
	if errors.Is(err, syscall.ENOSPC) {
		return full(err)
	}
	d, ok := errors.AsType[*duckdb.Error](err)
	if !ok {
		return fmt.Errorf("%s: %w", doing, err)
	}
	text := firstLine(d.Msg)
	if _, own, found := strings.Cut(text, ours); found {
		return fmt.Errorf("%s: %s", doing, own)
	}
	switch {
	case strings.Contains(text, "No space left on device"):
		return full(errors.New(text))
	case strings.Contains(text, "Could not set lock on file"):
		return fmt.Errorf("%s: %w", doing, ErrLocked)
	case d.Type == duckdb.ErrorTypeOutOfMemory:
		return problem.Wrap(fmt.Errorf("%s: %s", doing, text), problem.SinkFailed, "DuckDB needs more memory than the sink allows",
			"Raise the sink's memory limit. Long texts, such as attachments within resources, need about 4,096 times their mean length.")
	case tellable[d.Type]:
		return fmt.Errorf("%s: %s", doing, text)
	}
	return fmt.Errorf("%s: DuckDB error type %d (its message may quote a record)", doing, d.Type)
}

// tellable are the error types whose messages name files, tables and sizes.
var tellable = map[duckdb.ErrorType]bool{
	duckdb.ErrorTypeIO: true, duckdb.ErrorTypeCatalog: true,
	duckdb.ErrorTypeBinder: true, duckdb.ErrorTypeParser: true, duckdb.ErrorTypeTransaction: true,
	duckdb.ErrorTypePermission: true, duckdb.ErrorTypeInterrupt: true,
}

func full(err error) error {
	return problem.Wrap(err, problem.StorageFull, "there is no space left for the tables",
		"Free some space where the tables and their spill folder lie; then resume the export with --resume: what is staged is kept.")
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s[:min(len(s), 300)]
}
