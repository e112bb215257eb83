package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A person who changes a file of 500 practices waits less than two seconds until
// it is in force: for the first time, and when each of them has changed.
func BenchmarkApplyFiveHundredPractices(b *testing.B) {
	files := func(b *testing.B) (path string, put func(hour int)) {
		path = filepath.Join(b.TempDir(), "bulkhead.yaml")
		return path, func(hour int) {
			b.Helper()
			var text strings.Builder
			text.WriteString("folder: state\nsinks: {lake: {kind: parquet, folder: lake}}\ntenants:\n")
			for n := range 500 {
				fmt.Fprintf(&text, "  - {id: practice-%03d, open: true, level: system, fhir_base_url: 'https://ehr.example.org/r4/P%03d', types: [Patient], schedule: '0 %d * * *', agreement: {reference: BAA-%d, status: active, effective_from: 2020-01-01, types: [Patient], sinks: [lake]}}\n", n, n, hour, n)
			}
			if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	apply := func(b *testing.B, path string) {
		b.Helper()
		var said strings.Builder
		if status := Main(b.Context(), []string{"config", "apply", "--yes", "--config", path}, Streams{Out: io.Discard, Err: &said}); status != 0 {
			b.Fatalf("status %d: %s", status, said.String())
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			path, put := files(b)
			put(2)
			b.StartTimer()
			apply(b, path)
		}
	})
	b.Run("all changed", func(b *testing.B) {
		path, put := files(b)
		hour := 0
		put(hour)
		apply(b, path)
		for b.Loop() {
			b.StopTimer()
			hour = (hour + 1) % 24
			put(hour)
			b.StartTimer()
			apply(b, path)
		}
	})
}
