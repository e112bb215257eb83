//go:build cgo

package duckdbsink_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"

	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/sink/sinktest"
)

// A harness is a sink's file and another program that reads it.
type harness struct {
	path  string
	opens int
}

// Open lets every second one, from the second on, judge in chunks.
func (h *harness) Open(t *testing.T) sink.Sink {
	t.Helper()
	s, err := duckdbsink.Open(duckdbsink.Options{Path: h.path})
	if err != nil {
		t.Fatal(err)
	}
	if h.opens++; h.opens%2 == 0 {
		s.JudgeInChunks(2)
	}
	return s
}

func (h *harness) Read(t *testing.T, table string) sinktest.Contents {
	t.Helper()
	if _, err := os.Stat(h.path); errors.Is(err, fs.ErrNotExist) {
		return sinktest.Contents{} // nothing was ever published
	}
	db, err := sql.Open("duckdb", h.path+"?access_mode=READ_ONLY")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", table)
	if err != nil {
		t.Fatal(err)
	}
	if sinktest.ReadRows(t, rows).Rows[0]["count_star()"] == int64(0) {
		return sinktest.Contents{}
	}
	if rows, err = db.QueryContext(t.Context(), `FROM "`+table+`"`); err != nil {
		t.Fatal(err)
	}
	return sinktest.ReadRows(t, rows)
}

func TestSinkKeepsTheContract(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		return &harness{path: filepath.Join(t.TempDir(), "tables", "current.duckdb")}
	})
}

func TestSinkErasesAsTheContractSays(t *testing.T) {
	sinktest.RunErasing(t, func(t *testing.T) sinktest.Harness {
		return &harness{path: filepath.Join(t.TempDir(), "tables", "current.duckdb")}
	})
}

// hold keeps a database open until standard input ends.
func hold(path string) error {
	db, err := sql.Open("duckdb", path+"?access_mode=READ_ONLY")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Ping(); err != nil {
		return err
	}
	fmt.Println("open")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
