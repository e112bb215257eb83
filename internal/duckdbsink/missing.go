//go:build !cgo

package duckdbsink

import (
	"context"
	"iter"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
)

// A Sink cannot be had in this build.
type Sink struct{}

// Open returns a problem: DuckDB needs cgo.
func Open(Options) (*Sink, error) { return nil, missing() }

func missing() error {
	return problem.New(problem.SinkMissing, "this build of bulkhead has no DuckDB, because it was built without cgo",
		"Use a release with DuckDB, or build with CGO_ENABLED=1 and a C compiler.")
}

// Publish returns a problem.
func (*Sink) Publish(context.Context, sink.Delivery) (sink.Receipt, error) {
	return sink.Receipt{}, missing()
}

// Query returns a problem.
func (*Sink) Query(context.Context, string, ...any) (*Rows, error) { return nil, missing() }

// QueryOf returns a problem.
func (*Sink) QueryOf(context.Context, []string, string, ...any) (*Rows, error) { return nil, missing() }

// Rows cannot be had in this build.
type Rows struct{}

// Columns returns nil.
func (*Rows) Columns() []string { return nil }

// All yields a problem.
func (*Rows) All() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) { yield(nil, missing()) }
}

// Close does nothing.
func (*Rows) Close() error { return nil }

// Holdings returns a problem.
func (*Sink) Holdings(context.Context, bool) (map[string]sink.Holding, error) { return nil, missing() }

// Count returns a problem.
func (*Sink) Count(context.Context, string) (map[string]int64, error) { return nil, missing() }

// Erase returns a problem.
func (*Sink) Erase(context.Context, string) error { return missing() }
