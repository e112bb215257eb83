//go:build cgo

package parquetsink_test

import (
	"path/filepath"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/parquetsink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/sinktest"
)

func BenchmarkPublish(b *testing.B) {
	sinktest.Benchmark(b, func(dir string) sink.Sink {
		s, err := parquetsink.Open(parquetsink.Options{Folder: filepath.Join(dir, "tables")})
		if err != nil {
			b.Fatal(err)
		}
		return s
	})
}
