//go:build cgo

package parquetfile

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"
)

// duckdb opens a database in memory that has views of the two forms of a file,
// and a table of all rows of ours, which is without bounds.
func duckdb(t *testing.T, groups []group) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for name, content := range map[string][]byte{
		"plain": written(t, groups, 5, plainForm), "own": written(t, groups, 5, ownForm),
	} {
		path := filepath.Join(t.TempDir(), name+".parquet")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		execute(t, db, fmt.Sprintf(`CREATE VIEW %s AS FROM read_parquet('%s')`, name, path))
		execute(t, db, fmt.Sprintf(`CREATE VIEW schema_%s AS FROM parquet_schema('%s')`, name, path))
		execute(t, db, fmt.Sprintf(`CREATE VIEW chunks_%s AS FROM parquet_metadata('%s')`, name, path))
	}
	execute(t, db, `CREATE TABLE held AS FROM own`)
	return db
}

func execute(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// ask returns the rows of a query as text.
func ask(t *testing.T, db *sql.DB, text string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func same(t *testing.T, db *sql.DB, got, want string) {
	t.Helper()
	if diff := cmp.Diff(ask(t, db, want), ask(t, db, got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", got, diff)
	}
}

func TestDuckDBReadsTheSame(t *testing.T) {
	db := duckdb(t, []group{
		{rows: 3000, nulls: 10, distinct: 40, long: 40, runs: 5},
		{rows: 9_000, nulls: 3, distinct: 1 << 30, long: 300},
		{rows: 1, nulls: 100},
		{rows: 17_001, distinct: 900, long: 30, runs: 90, dropped: 10},
		{rows: 5, distinct: 3, long: 300_000},
	})
	same(t, db, `DESCRIBE own`, `DESCRIBE plain`)
	schema := `SELECT name, type, repetition_type, converted_type, logical_type FROM schema_`
	same(t, db, schema+`own WHERE name <> 'schema'`, schema+`plain WHERE name <> 'schema'`)
	same(t, db, `SELECT row_group_id, path_in_schema, row_group_num_rows, stats_null_count FROM chunks_own ORDER BY ALL`,
		`SELECT row_group_id, path_in_schema, row_group_num_rows, stats_null_count FROM chunks_plain ORDER BY ALL`)
	if rows := ask(t, db, `FROM own EXCEPT ALL FROM plain`); len(rows) > 0 {
		t.Errorf("%d rows are in ours only", len(rows))
	}
	if rows := ask(t, db, `FROM plain EXCEPT ALL FROM own`); len(rows) > 0 {
		t.Errorf("%d rows are in the plain form only", len(rows))
	}
}

func TestDuckDBFindsRowsByBounds(t *testing.T) {
	var groups []group
	for i := range 12 {
		groups = append(groups, group{rows: 700, nulls: 5 * i, distinct: 20 + 1<<(2*i), long: 30})
	}
	db := duckdb(t, groups)
	for _, c := range allTypes.Columns[1:] {
		name := `"` + c.Name + `"`
		picks := ask(t, db, fmt.Sprintf(`SELECT DISTINCT CAST(%[1]s AS VARCHAR) AS v FROM held WHERE %[1]s IS NOT NULL ORDER BY hash(v) LIMIT 12`, name))
		picks = append(picks, strings.Trim(ask(t, db, fmt.Sprintf(`SELECT CAST(min(%s) AS VARCHAR) FROM held`, name))[0], "[]"))
		for _, pick := range picks {
			for _, operator := range []string{"=", "<", ">=", "<>"} {
				query := fmt.Sprintf(`SELECT count(*), count(number) FROM %%s WHERE %s %s '%s'`, name, operator, pick)
				same(t, db, fmt.Sprintf(query, "own"), fmt.Sprintf(query, "held"))
			}
		}
		query := fmt.Sprintf(`SELECT min(%[1]s), max(%[1]s), count(%[1]s), count(DISTINCT %[1]s) FROM %%s`, name)
		same(t, db, fmt.Sprintf(query, "own"), fmt.Sprintf(query, "held"))
	}
	query := `SELECT count(*) FROM %s WHERE text = ''`
	if ask(t, db, fmt.Sprintf(query, "held"))[0] == "0" {
		t.Error("there are no empty texts to be found")
	}
}
