//go:build cgo

package duckdbsink_test

import (
	"path/filepath"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/sinktest"
)

func BenchmarkPublish(b *testing.B) {
	sinktest.Benchmark(b, func(dir string) sink.Sink {
		s, err := duckdbsink.Open(duckdbsink.Options{Path: filepath.Join(dir, "current.duckdb")})
		if err != nil {
			b.Fatal(err)
		}
		return s
	})
}
