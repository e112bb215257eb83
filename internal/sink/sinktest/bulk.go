//go:build cgo

package sinktest

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // makes the staged files

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// Benchmark publishes a wide table of BULKHEAD_BENCH_ROWS rows (200,000 when
// unset; 7000000 is a practice of 5 GB of Observations) four times: all new,
// one in a hundred changed, half of them, all; or the first
// BULKHEAD_BENCH_PHASES of these. It reports seconds and the peak of
// resident memory for each, on Linux.
func Benchmark(b *testing.B, open func(dir string) sink.Sink) {
	rows := 200_000
	if text := os.Getenv("BULKHEAD_BENCH_ROWS"); text != "" {
		var err error
		if rows, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	if dir := os.Getenv(stageIn); dir != "" {
		version, _ := strconv.Atoi(filepath.Base(dir))
		stageBulk(b, dir, rows, version)
		return
	}
	phases := []string{"first", "one-in-100", "half", "all"}
	if n, err := strconv.Atoi(os.Getenv("BULKHEAD_BENCH_PHASES")); err == nil {
		phases = phases[:n]
	}
	for b.Loop() {
		s := open(b.TempDir())
		for version, phase := range phases {
			dir := filepath.Join(b.TempDir(), strconv.Itoa(version))
			stageApart(b, dir)
			d := bulk(dir, rows, version)
			resetPeak()
			start := time.Now()
			r, err := s.Publish(b.Context(), d)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(start).Seconds(), phase+"-s")
			b.ReportMetric(peakMiB(), phase+"-MiB")
			if c := r.Types[0]; c.New+c.Changed != int64(rows/[]int{1, 100, 2, 1}[version]) {
				b.Fatalf("%s: %+v", phase, r.Types)
			}
			os.RemoveAll(dir)
		}
	}
}

// stageIn names the folder that a child process stages, so that the memory
// which this takes is not the sink's.
const stageIn = "BULKHEAD_BENCH_STAGE"

func stageApart(b *testing.B, dir string) {
	b.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	c := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^$", "-test.bench=^"+b.Name()+"$", "-test.benchtime=1x")
	c.Env = append(os.Environ(), stageIn+"="+dir)
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("stage: %v\n%s", err, out)
	}
}

const bulkParts = 4

// bulk is a full delivery of what stageBulk stages: in version 0 all rows are
// new; afterwards one in a hundred, every other one, then all have new content.
func bulk(dir string, rows, version int) sink.Delivery {
	export := fmt.Sprintf("e%d", version)
	d := sink.Delivery{
		Tenant: "north", Export: export, Mode: sink.Full, Files: []string{bulkSource(version)},
		Replace: []string{"Observation"}, Tables: []sink.Table{{Table: bulkTable()}},
	}
	for part := range bulkParts {
		n := int64(rows/bulkParts*(part+1) - rows/bulkParts*part)
		d.Index = append(d.Index, sink.File{Path: bulkPath(dir, "_index", part), Rows: n})
		d.Tables[0].Files = append(d.Tables[0].Files, sink.File{Path: bulkPath(dir, "observation", part), Rows: n})
	}
	return d
}

func bulkSource(version int) string { return fmt.Sprintf("e%d/0-output-0-Observation", version) }

func bulkPath(dir, name string, part int) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%d.parquet", name, part))
}

func stageBulk(b *testing.B, dir string, rows, version int) {
	b.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	every := []int{1, 100, 2, 1}[version]
	for part := range bulkParts {
		source := fmt.Sprintf(`(SELECT i, md5(i::VARCHAR) AS h, CASE WHEN i %% %d = 0 THEN %d ELSE 0 END AS v,
			'%s' AS source_file FROM range(%d, %d) r(i))`, every, version, bulkSource(version), rows/bulkParts*part, rows/bulkParts*(part+1))
		for name, columns := range map[string]string{
			"_index": `'north' AS tenant_id, 'Observation' AS resource_type, ` + bulkID + ` AS id, ` + bulkTime + ` AS last_updated_ts,
				(hash(h) >> 1)::BIGINT + v AS content_hash, source_file, i + 1 AS source_line`,
			"observation": bulkColumns(bulkTable()),
		} {
			q := fmt.Sprintf("COPY (SELECT %s FROM %s) TO '%s' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536)",
				columns, source, bulkPath(dir, name, part))
			for _, s := range []string{"SET threads = 2", "SET TimeZone = 'UTC'", q} {
				if _, err := db.ExecContext(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}

const (
	bulkID   = `h[1:8] || '-' || h[9:12] || '-' || h[13:16] || '-' || h[17:20] || '-' || h[21:32]`
	bulkTime = `TIMESTAMPTZ '2024-01-01' + to_seconds(i) + to_hours(v)`
)

func bulkTable() table.Table {
	wide := shape("observation", "Observation", table.Column{Name: "value_num", Type: table.Double})
	for i := range 50 {
		t := []table.Type{table.Text, table.Text, table.Text, table.Timestamp, table.Double}[i%5]
		wide = widened(wide, table.Column{Name: fmt.Sprintf("c%d", i), Type: t})
	}
	return wide
}

// bulkColumns fills the table as Observations do: keys, references of few
// thousand values, codes of few values, times, numbers, and columns mostly null.
func bulkColumns(t table.Table) string {
	var list []string
	for n, c := range t.Columns {
		var x string
		switch {
		case c.Name == table.TenantID:
			x = "'north'"
		case c.Name == "id":
			x = bulkID
		case c.Name == table.ResourceKey:
			x = "'Observation/' || " + bulkID
		case c.Name == table.SourceFile:
			x = "source_file"
		case c.Name == table.SourceLine:
			x = "i + 1"
		case c.Name == "value":
			x = "((i * 7919) % 100000 / 100)::VARCHAR || v"
		case c.Type == table.Timestamp:
			x = bulkTime
		case c.Type == table.Double:
			x = "(i * 7919) % 100000 / 100"
		case n%3 == 0:
			x = fmt.Sprintf("CASE WHEN i %% 10 = 0 THEN 'Encounter/' || md5((i %% %d)::VARCHAR) END", 50000+n)
		case n%3 == 1:
			x = fmt.Sprintf("'code of a middling length ' || (hash(i, %d) %% 40)", n)
		default:
			x = fmt.Sprintf("md5((i // 30 + %d)::VARCHAR)", n)
		}
		list = append(list, x+` AS "`+c.Name+`"`)
	}
	return strings.Join(list, ", ")
}

// resetPeak makes the system forget the peak so far.
func resetPeak() { os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakMiB is the peak of resident memory; 0 where the system does not say.
func peakMiB() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, _ := strconv.ParseFloat(kib, 64)
	return n / 1024
}
