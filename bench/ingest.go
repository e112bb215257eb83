package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// mostIngested bounds the NDJSON of one measurement, in bytes.
const mostIngested = 64 << 20

// A way is one way through the lines.
type way struct {
	name string
	take func(ctx context.Context, text []byte) error
}

// ingestion measures ingest, from NDJSON in memory to staged Parquet on disk,
// against the mere decoding of the same lines by encoding/json.
func ingestion(ctx context.Context, o options, c *corpus) (string, error) {
	before := load()
	text, err := observations(c)
	if err != nil {
		return "", err
	}
	set, err := views.Load()
	if err != nil {
		return "", err
	}
	files, err := blob.OpenLocal(filepath.Join(c.dir, "ingest"))
	if err != nil {
		return "", err
	}
	defer files.Close()
	scope, err := files.Tenant(healthy)
	if err != nil {
		return "", err
	}
	ways := []way{{"encoding/json into any, 1 goroutine", decodeAll}}
	for _, workers := range []int{1, 2} {
		opts := ingest.Options{Scope: scope, Export: fmt.Sprint("workers-", workers), Views: set, Workers: workers}
		ways = append(ways, way{fmt.Sprintf("ingest, workers: %d", workers), func(ctx context.Context, text []byte) error {
			return ingestAll(ctx, opts, text)
		}})
	}
	costs, err := inTurns(ctx, o, ways, text)
	if err != nil {
		return "", err
	}
	return tellIngestion(ways, costs, text, before), nil
}

// observations gives whole lines of the corpus's Observation file.
func observations(c *corpus) ([]byte, error) {
	f, err := os.Open(c.path("Observation"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostIngested))
	return text[:bytes.LastIndexByte(text, '\n')+1], err
}

// inTurns measures every way in every round after one round that warms up.
func inTurns(ctx context.Context, o options, ways []way, text []byte) ([][]cost, error) {
	costs := make([][]cost, len(ways))
	for round := range o.rounds + 1 {
		for n := range ways {
			i := (n + round) % len(ways)
			runtime.GC()
			took, err := measure(func() error { return ways[i].take(ctx, text) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[i].name, err)
			}
			if round > 0 {
				costs[i] = append(costs[i], took)
			}
		}
	}
	return costs, nil
}

// decodeAll is the baseline: every line becomes a Go value, and that is all.
func decodeAll(ctx context.Context, text []byte) error {
	for line := range bytes.Lines(text) {
		var v any
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ingestAll validates every line, flattens it by the built-in views, and
// leaves durable Parquet. Each run replaces what the one before left.
func ingestAll(ctx context.Context, o ingest.Options, text []byte) error {
	name, err := blob.FileName(0, string(ingest.Output), 0, "Observation")
	if err != nil {
		return err
	}
	s, err := ingest.Run(ctx, o, ingest.Source{
		File: name, Section: ingest.Output, Type: "Observation",
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
	})
	if err == nil && s.Delivered != int64(bytes.Count(text, []byte("\n"))) {
		return fmt.Errorf("%d lines were delivered", s.Delivered)
	}
	return err
}

// tellIngestion writes the section: ratios are of one round each, to the same
// round's baseline.
func tellIngestion(ways []way, costs [][]cost, text []byte, before string) string {
	size := mega(int64(len(text)))
	var rows [][]string
	for i, w := range ways {
		var speed, cpu, faster, cheaper []float64
		for n, c := range costs[i] {
			base := costs[0][n]
			speed, cpu = append(speed, size/c.wall.Seconds()), append(cpu, c.cpu.Seconds())
			faster = append(faster, base.wall.Seconds()/c.wall.Seconds())
			cheaper = append(cheaper, base.cpu.Seconds()/c.cpu.Seconds())
		}
		rows = append(rows, []string{
			w.name, spread(speed, "%.1f"), spread(cpu, "%.2f"), fmt.Sprintf("%.1f", size/median(cpu)),
			spread(faster, "%.2f"), spread(cheaper, "%.2f"),
		})
	}
	return fmt.Sprintf("%d Observations, %.1f MB of NDJSON in memory. The baseline only decodes each line; ingest validates it, flattens it by the built-in views, "+
		"and leaves compressed Parquet durable on disk. Median of %d rounds (least – greatest); ratios above 1 are in ingest's favour.\n\n",
		bytes.Count(text, []byte("\n")), size, len(costs[0])) +
		table([]string{"way", "MB/s", "CPU s", "MB per CPU s", "speed ratio", "CPU ratio"}, rows) +
		fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load())
}
