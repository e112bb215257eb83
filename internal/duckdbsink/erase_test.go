//go:build cgo

package duckdbsink_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
)

// filled is a file with rows of two tenants, in tables of ours and in one that
// somebody else made there.
func filled(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "current.duckdb")
	s, err := duckdbsink.Open(duckdbsink.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"north", "south"} {
		d := empty("e1")
		d.Tenant = tenant
		if _, err := s.Publish(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE TABLE notes (tenant_id VARCHAR, note VARCHAR)",
		"CREATE TABLE lists (name VARCHAR)", // it says of nothing whose it is
		"CREATE VIEW shouted AS SELECT upper(note) AS note FROM notes",
		"INSERT INTO lists VALUES ('kept')",
		"INSERT INTO notes SELECT CASE i % 2 WHEN 0 THEN 'north' ELSE 'south' END, 'canary-of-' || CASE i % 2 WHEN 0 THEN 'north-' ELSE 'south-' END || md5(i::VARCHAR) FROM range(2000) r(i)",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return path
}

// notes counts the rows of each tenant in the table of somebody else's, as
// another program sees them.
func notes(t *testing.T, path string) map[string]int {
	t.Helper()
	db, err := sql.Open("duckdb", path+"?access_mode=READ_ONLY")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT tenant_id, count(*) FROM notes GROUP BY ALL UNION ALL SELECT 'view', count(*) FROM shouted UNION ALL SELECT name, 1 FROM lists")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var tenant string
		var n int
		if err := rows.Scan(&tenant, &n); err != nil {
			t.Fatal(err)
		}
		counts[tenant] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return counts
}

func TestAProcessThatDiesWhileItErasesLeavesAWholeFileAndTheNextOneErases(t *testing.T) {
	t.Attr("fault", "step: the process dies at any moment while a practice is erased from DuckDB -> a whole file with its rows or without; erasing again leaves no byte of them, and other practices' rows as they were")
	for _, moment := range []string{"", "deleted", "delete committed", "copied", "exchanged", "erased"} {
		t.Run("at "+moment, func(t *testing.T) {
			path := filled(t)
			if text, err := os.ReadFile(path); err != nil || !bytes.Contains(text, []byte("canary-of-north-")) {
				t.Fatalf("the file does not show what is in it: %v", err)
			}
			died := errors.New("died")
			dying, err := duckdbsink.Open(duckdbsink.Options{Path: path, Point: func(name string) error {
				if name == "duckdb: "+moment {
					return died
				}
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if err := dying.Erase(t.Context(), "north"); !errors.Is(err, died) && moment != "" {
				t.Fatalf("Erase = %v, want %v", err, died)
			}
			if n := notes(t, path); n["north"] != 0 && n["north"] != 1000 || n["south"] != 1000 {
				t.Errorf("after the death: %v", n)
			}
			s, err := duckdbsink.Open(duckdbsink.Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Erase(t.Context(), "north"); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]int{"south": 1000, "view": 1000, "kept": 1}, notes(t, path)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			erased(t, s, path)
		})
	}
}

// erased looks whether a file, and what lies beside it, has nothing of north.
func erased(t *testing.T, s *duckdbsink.Sink, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || bytes.Contains(text, []byte("canary-of-north-")) || !bytes.Contains(text, []byte("canary-of-south-")) {
		t.Errorf("the file has bytes of who was erased, or lacks those of others: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	beside, err := filepath.Glob(path + "*")
	if got := strings.Join(beside, " "); err != nil || got != path+" "+path+".lock" {
		t.Errorf("left: %s, %v", got, err)
	}
	held, err := s.Holdings(t.Context(), true)
	if _, north := held["north"]; err != nil || north || len(held["south"].Receipts) != 1 {
		t.Errorf("holdings: %+v, %v", held, err)
	}
}

func TestAQueryOfSomeTenantsSeesNoOthers(t *testing.T) {
	path := filled(t)
	s, err := duckdbsink.Open(duckdbsink.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for statement, want := range map[string]string{
		"SELECT count(*) FROM notes":                                                                               "1000",
		"SELECT count(*) FROM bulkhead.main.notes WHERE tenant_id = 'south'":                                       "0",
		"SELECT count(DISTINCT tenant_id) FROM _bulkhead_publication":                                              "1",
		"SELECT count(*) FROM notes n JOIN notes m USING (tenant_id, note)":                                        "1000",
		"SELECT count(*) FROM information_schema.tables WHERE table_name = 'lists' AND table_catalog = 'bulkhead'": "0",
	} {
		rows, err := s.QueryOf(t.Context(), []string{"north"}, statement)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		for row, err := range rows.All() {
			if err != nil || fmt.Sprint(row[0]) != want {
				t.Errorf("%s = %v, %v, want %s", statement, row, err, want)
			}
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, statement := range []string{"DELETE FROM notes", "SELECT * FROM lists", "ATTACH '" + path + "' AS x"} {
		if rows, err := s.QueryOf(t.Context(), []string{"north"}, statement); err == nil {
			t.Errorf("%s was run", statement)
			rows.Close()
		}
	}
}
