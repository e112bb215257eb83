//go:build cgo

package duckdbsink_test

import (
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bulkhead-fhir/bulkhead/internal/duckdbsink"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// published is a sink that has published one empty export with two tables.
func published(t *testing.T, wait time.Duration) *duckdbsink.Sink {
	t.Helper()
	s, err := duckdbsink.Open(duckdbsink.Options{Path: filepath.Join(t.TempDir(), "new", "current.duckdb"), LockWait: wait})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(t.Context(), empty("e1")); err != nil {
		t.Fatal(err)
	}
	return s
}

func empty(export string) sink.Delivery {
	return sink.Delivery{Tenant: "north", Export: export, Tables: []sink.Table{{Table: table.Resource}}}
}

func ask(t *testing.T, s *duckdbsink.Sink, statement string, args ...any) (columns []string, rows [][]any, err error) {
	t.Helper()
	r, err := s.Query(t.Context(), statement, args...)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for row, err := range r.All() {
		if err != nil {
			return r.Columns(), rows, err
		}
		rows = append(rows, row)
	}
	return r.Columns(), rows, nil
}

func TestQueryGivesPlainValues(t *testing.T) {
	s := published(t, 0)
	for statement, want := range map[string]any{
		"SELECT NULL":                                         nil,
		"SELECT true":                                         true,
		"SELECT 42::TINYINT":                                  int64(42),
		"SELECT count(*) FROM resource":                       int64(0),
		"SELECT 18446744073709551615::UBIGINT":                uint64(18446744073709551615),
		"SELECT sum(x) FROM (VALUES (1), (2)) v(x)":           big.NewInt(3),
		"SELECT 1.50::DECIMAL(5, 2)":                          json.Number("1.50"),
		"SELECT -0.05::DECIMAL(38, 20)":                       json.Number("-0.05000000000000000000"),
		"SELECT 7::DECIMAL(4, 0)":                             json.Number("7"),
		"SELECT 0.1::DOUBLE":                                  0.1,
		"SELECT 'Zoë'":                                        "Zoë",
		"SELECT DATE '2024-02-29'":                            "2024-02-29",
		"SELECT TIMESTAMPTZ '2024-02-29 12:00:00+02'":         "2024-02-29T10:00:00Z",
		"SELECT TIMESTAMP '2024-02-29 12:00:00.5'":            "2024-02-29T12:00:00.5",
		"SELECT [1, NULL]":                                    []any{int64(1), nil},
		"SELECT {'a': 1, 'b': 'x'}":                           map[string]any{"a": int64(1), "b": "x"},
		"SELECT 'ab'::BLOB":                                   "YWI=",
		"SELECT '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
	} {
		_, rows, err := ask(t, s, statement)
		if err != nil {
			t.Errorf("%s: %v", statement, err)
			continue
		}
		if diff := cmp.Diff([][]any{{want}}, rows, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 }), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", statement, diff)
		}
	}
}

func TestQueryNamesColumnsAndTakesArguments(t *testing.T) {
	columns, rows, err := ask(t, published(t, 0), "SELECT ? AS a, ?::INTEGER + 1 AS \"b c\" FROM range(2)", "x", 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b c"}, columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]any{{"x", int64(2)}, {"x", int64(2)}}, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestAQueryThatFailsIsAProblemOfTheQuery(t *testing.T) {
	s := published(t, 0)
	for _, statement := range []string{
		"SELEC 1", "SELECT * FROM nothing_of_this_name", "SELECT 'x'::INTEGER", "DROP TABLE resource",
		"CREATE TABLE x (y INTEGER)", "INSERT INTO _bulkhead_publication VALUES ('north', 'e9', NULL, '{}')", "INSTALL httpfs", "",
	} {
		_, _, err := ask(t, s, statement)
		if p := problem.Of(err); p == nil || p.Code != problem.QueryInvalid {
			t.Errorf("%q: %v, want a problem %s", statement, err, problem.QueryInvalid)
		}
	}
	if _, rows, err := ask(t, s, "SELECT count(*) FROM _bulkhead_publication"); err != nil || rows[0][0] != int64(1) {
		t.Errorf("publications = %v, %v, want 1", rows, err)
	}
}

func TestAQueryBeforeTheFirstExportSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "current.duckdb")
	s, err := duckdbsink.Open(duckdbsink.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = ask(t, s, "SELECT 1")
	if p := problem.Of(err); p == nil || p.Code != problem.ConfigMissing {
		t.Errorf("Query = %v, want a problem %s", err, problem.ConfigMissing)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a query made the database file")
	}
}

func TestPublicationsWaitForAQueryAndThenSayWhy(t *testing.T) {
	s := published(t, time.Millisecond)
	r, err := s.Query(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Publish(t.Context(), empty("e2"))
	if p := problem.Of(err); p == nil || p.Code != problem.SinkFailed {
		t.Errorf("Publish during a query = %v, want a problem %s", err, problem.SinkFailed)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second Close = %v", err)
	}
	if _, err := s.Publish(t.Context(), empty("e2")); err != nil {
		t.Errorf("Publish after the query: %v", err)
	}
}

func TestTwoQueriesRunAtOnce(t *testing.T) {
	s := published(t, time.Millisecond)
	first, err := s.Query(t.Context(), "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, rows, err := ask(t, s, "SELECT 2"); err != nil || len(rows) != 1 {
		t.Errorf("second query = %v, %v", rows, err)
	}
}
