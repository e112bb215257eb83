package scenario

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
)

// A Row is one row of a table as text, by column; a NULL is not in it.
type Row map[string]string

// Rows reads a tenant's published table from the Parquet sink; without an id
// the first tenant's. A table that is not there has no rows.
func (w *World) Rows(table string, id ...string) []Row {
	w.t.Helper()
	path := w.path(filepath.Join("parquet", w.id(id), "current", table+".parquet"))
	rows, err := readParquet(w, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatalf("read table %s: %v", table, err)
	}
	return rows
}

func readParquet(w *World, path string) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := file.NewParquetReader(f, file.WithReadProps(parquet.NewReaderProperties(memory.DefaultAllocator)))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	reader, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	table, err := reader.ReadTable(w.t.Context())
	if err != nil {
		return nil, err
	}
	defer table.Release()
	rows := make([]Row, table.NumRows())
	for i := range rows {
		rows[i] = Row{}
	}
	for c := range int(table.NumCols()) {
		column, at := table.Column(c), 0
		for _, chunk := range column.Data().Chunks() {
			for i := range chunk.Len() {
				if chunk.IsValid(i) {
					rows[at][column.Name()] = chunk.ValueStr(i)
				}
				at++
			}
		}
	}
	return rows, nil
}

// Query asks the DuckDB file of a World with Spec.DuckDB.
func (w *World) Query(sql string, args ...any) (rows [][]any) {
	w.t.Helper()
	tables, err := app.Tables(w.Config, "")
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := tables.Query(w.t.Context(), sql, args...)
	if err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	defer r.Close()
	for row, err := range r.All() {
		if err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// Quarantine gives the lines of an export that were refused, by file and line.
func (w *World) Quarantine(x *Export) []quarantine.Refusal {
	w.t.Helper()
	var all []quarantine.Refusal
	for name, text := range w.files(blob.Quarantine, x) {
		for line := range strings.Lines(text) {
			var refusal quarantine.Refusal
			if err := json.Unmarshal([]byte(line), &refusal); err != nil {
				w.t.Fatalf("read quarantine %s: %v", name, err)
			}
			all = append(all, refusal)
		}
	}
	return all
}

// QualityOf gives the summary of an export that is complete, once the ledger has it.
func (w *World) QualityOf(x *Export) *quality.Summary {
	w.t.Helper()
	var text json.RawMessage
	w.await(x, time.Minute, func() bool {
		var err error
		if text, err = w.Store.In(x.Tenant).Quality(w.t.Context(), x.ID); err != nil {
			w.t.Fatal(err)
		}
		return text != nil
	})
	var s quality.Summary
	if err := json.Unmarshal(text, &s); err != nil {
		w.t.Fatal(err)
	}
	return &s
}

// Raw gives the raw files of an export as they came, by file name such as
// 0-output-0-Patient.
func (w *World) Raw(x *Export) map[string]string {
	w.t.Helper()
	return w.files(blob.Raw, x)
}

// Manifest gives the manifest of an export as it was kept; "" when there is none.
func (w *World) Manifest(x *Export) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.State(), "files", string(blob.Raw), x.Tenant, x.ID, blob.ManifestName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	return string(text)
}

// files reads the compressed files of an export in one area.
func (w *World) files(area blob.Area, x *Export) map[string]string {
	w.t.Helper()
	dir := filepath.Join(w.State(), "files", string(area), x.Tenant, x.ID)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	texts := map[string]string{}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".ndjson.zst")
		if !ok {
			continue
		}
		if texts[name], err = readZstd(filepath.Join(dir, e.Name())); err != nil {
			w.t.Fatalf("read %s: %v", name, err)
		}
	}
	return texts
}

func readZstd(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	z, err := zstd.NewReader(bufio.NewReader(f), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return "", err
	}
	defer z.Close()
	var b strings.Builder
	_, err = z.WriteTo(&b)
	return b.String(), err
}

// Problem gives the problem with which an export ended or was stopped; nil
// when there is none.
func (w *World) Problem(x *Export) *problem.Problem {
	if x.ProblemCode == "" {
		return nil
	}
	return problem.New(problem.Code(x.ProblemCode), x.ProblemSummary, x.ProblemRemedy).For(x.Tenant)
}

// CountRows counts a table of the ledger.
func (w *World) CountRows(table string) (n int) {
	w.t.Helper()
	if err := w.Store.DB().QueryRowContext(w.t.Context(), fmt.Sprintf("SELECT count(*) FROM %q", table)).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}
