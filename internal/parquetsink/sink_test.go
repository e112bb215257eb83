//go:build cgo

package parquetsink_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/parquetsink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/sinktest"
)

// A harness is a sink's folder and another program that reads it by a glob.
type harness struct {
	folder string
	opens  int
}

// Open lets every second one, from the first on, judge in chunks.
func (h *harness) Open(t *testing.T) sink.Sink {
	t.Helper()
	s, err := parquetsink.Open(parquetsink.Options{Folder: h.folder})
	if err != nil {
		t.Fatal(err)
	}
	if h.opens++; h.opens%2 == 1 {
		s.JudgeInChunks(2)
	}
	return s
}

func (h *harness) Read(t *testing.T, table string) sinktest.Contents {
	t.Helper()
	glob := filepath.Join(h.folder, "*", "current", table+".parquet")
	if files, _ := filepath.Glob(glob); len(files) == 0 {
		return sinktest.Contents{}
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "FROM read_parquet(?, union_by_name = true)", glob)
	if err != nil {
		t.Fatal(err)
	}
	return sinktest.ReadRows(t, rows)
}

func TestSinkKeepsTheContract(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness { return &harness{folder: filepath.Join(t.TempDir(), "tables")} })
}

func TestSinkErasesAsTheContractSays(t *testing.T) {
	sinktest.RunErasing(t, func(t *testing.T) sinktest.Harness { return &harness{folder: filepath.Join(t.TempDir(), "tables")} })
}
