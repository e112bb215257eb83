//go:build !cgo

package parquetsink

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
)

// A Sink cannot be had in this build.
type Sink struct{}

// Open returns a problem: DuckDB, which merges the files, needs cgo.
func Open(Options) (*Sink, error) { return nil, missing() }

// Publish returns a problem.
func (*Sink) Publish(context.Context, sink.Delivery) (sink.Receipt, error) {
	return sink.Receipt{}, missing()
}

func missing() error {
	return problem.New(problem.SinkMissing, "this build of bulkhead cannot merge Parquet files, because it was built without cgo",
		"Use a release with DuckDB, or build with CGO_ENABLED=1 and a C compiler.")
}

// Holdings returns a problem.
func (*Sink) Holdings(context.Context, bool) (map[string]sink.Holding, error) { return nil, missing() }

// Count returns a problem.
func (*Sink) Count(context.Context, string) (map[string]int64, error) { return nil, missing() }

// Erase returns a problem.
func (*Sink) Erase(context.Context, string) error { return missing() }
