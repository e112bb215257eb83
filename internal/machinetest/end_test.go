package machinetest

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// An end is what an export has come to: what must be the same whatever
// happened to the machine, by practice and name.
type end map[string]string

// theCalm is lived once for all tests.
var theCalm struct {
	sync.Once
	end
}

func calmEnd(t *testing.T) end {
	t.Helper()
	theCalm.Do(func() {
		p := newPlace(t, spec{other: "tables, lake"})
		p.bulkhead(t, "export", "--all").wants(0)
		theCalm.end = p.end(t)
		p.checkLeft(t)
	})
	if len(theCalm.end) < 20 {
		t.Fatalf("the calm export did not come to an end: %v", theCalm.end)
	}
	return theCalm.end
}

// check demands that everything is as after a calm export, that nothing is
// left behind, and that each practice was asked once.
func (p *place) check(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(p.calm(t), p.end(t)); diff != "" {
		t.Errorf("it differs from the calm end:\n%s", diff)
	}
	p.checkLeft(t)
	for _, tenant := range tenants {
		if n := p.kickoffs(tenant); n != 1 {
			t.Errorf("%s was kicked off %d times", tenant, n)
		}
	}
}

// calm is the calm end without the sinks that the other practice has not.
func (p *place) calm(t *testing.T) end {
	t.Helper()
	want := maps.Clone(calmEnd(t))
	for _, sink := range []string{"tables", "lake"} {
		if !strings.Contains(p.spec.other, sink) {
			maps.DeleteFunc(want, func(name, _ string) bool { return strings.HasPrefix(name, "hillcrest "+sink+" ") })
		}
	}
	return want
}

// end reads everything that bulkhead keeps.
func (p *place) end(t *testing.T) end {
	t.Helper()
	e := end{}
	s := p.look(t)
	for _, tenant := range tenants {
		p.readTables(t, e, tenant)
		p.readLedger(t, e, s.In(tenant))
	}
	return e
}

// readTables takes a practice's rows of each table from both sinks, but for
// the names of exports.
func (p *place) readTables(t *testing.T, e end, tenant string) {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "SET threads = 1; SET TimeZone = 'UTC'; ATTACH '"+p.path("tables/tables.duckdb")+"' AS t (READ_ONLY)"); err != nil {
		t.Fatalf("the DuckDB file cannot be opened: %v", err)
	}
	of := " WHERE tenant_id = '" + tenant + "'"
	for name := range strings.FieldsSeq(one(t, db, `SELECT string_agg(table_name, ' ') FROM duckdb_tables() WHERE database_name = 't' AND table_name NOT LIKE '\_%' ESCAPE '\'`)) {
		e[tenant+" tables "+name] = rows(t, db, `t."`+name+`"`+of)
	}
	files, err := filepath.Glob(p.path("lake/" + tenant + "/current/*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".parquet"); !strings.HasPrefix(name, "_") {
			e[tenant+" lake "+name] = rows(t, db, "read_parquet('"+f+"')"+of)
		}
	}
	maps.DeleteFunc(e, func(_, text string) bool { return text == "0 rows" })
}

func rows(t *testing.T, db *sql.DB, relation string) string {
	t.Helper()
	return one(t, db, `SELECT count(*) || ' rows' || coalesce(' ' || md5(string_agg(r, chr(10) ORDER BY r)), '') FROM
		(SELECT CAST(x AS VARCHAR) AS r FROM (SELECT * EXCLUDE (source_file) FROM `+relation+`) x)`)
}

func one(t *testing.T, db *sql.DB, query string) (text string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

// readLedger takes a practice's export, its files in ledger and storage, and
// its watermark.
func (p *place) readLedger(t *testing.T, e end, s *store.Scope) {
	t.Helper()
	x, _, err := s.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e[x.Tenant+" export"] = fmt.Sprintf("%s %s, %d errors of the server", x.State, x.Mode, x.ServerErrors)
	files, err := s.Files(t.Context(), x.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Lines != f.Delivered+f.Quarantined+f.Blank {
			t.Errorf("%s %s: %d lines, %d delivered, %d quarantined, %d blank", x.Tenant, f.Name, f.Lines, f.Delivered, f.Quarantined, f.Blank)
		}
		e[x.Tenant+" file "+f.Name] = fmt.Sprintf("%s: %d lines, %d delivered, %d quarantined, %d blank, %d bytes, %s",
			f.State, f.Lines, f.Delivered, f.Quarantined, f.Blank, f.Bytes, f.SHA256)
	}
	if mark, ok, err := s.Watermark(t.Context(), x.Stream); err != nil || ok != (mark.Export == x.ID) {
		t.Errorf("the watermark of %s is %+v, %v", x.Tenant, mark, err)
	} else if ok {
		e[x.Tenant+" watermark"] = mark.Since[:len("2026-01-05T00:00:0")]
	}
	for _, area := range []string{"raw", "quarantine"} {
		root := p.path("state/files/" + area + "/" + x.Tenant + "/" + x.ID)
		list, err := filepath.Glob(root + "/*.zst")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			e[x.Tenant+" "+area+" "+filepath.Base(f)] = digest(t, f)
		}
	}
}

// digest gives the lines of a file and their hash, in whatever order they are:
// workers write what they refuse side by side.
func digest(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if text, err = io.ReadAll(z); err != nil {
		t.Fatalf("%s: %v", filepath.Base(path), err)
	}
	lines := bytes.Split(text, []byte("\n"))
	slices.SortFunc(lines, bytes.Compare)
	return fmt.Sprintf("%d lines %x", len(lines), sha256.Sum256(bytes.Join(lines, []byte("\n"))))
}

// checkLeft demands that nothing is left of what was under way.
func (p *place) checkLeft(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		for _, ending := range []string{".tmp", ".next", ".spill", ".wal"} {
			if strings.HasSuffix(name, ending) && name != ending || name == "spill" {
				t.Errorf("%s is left behind", strings.TrimPrefix(path, p.dir))
			}
		}
		if filepath.Base(filepath.Dir(path)) == "snapshots" && d.IsDir() {
			if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) > 1 {
				t.Errorf("%d snapshots are left: %v", len(list), err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := p.look(t)
	for what, query := range map[string]string{
		"steps":               `SELECT count(*) FROM step WHERE state <> 'done'`,
		"slots":               `SELECT count(*) FROM export WHERE ended_at = 0`,
		"entries of executor": `SELECT count(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded')`,
	} {
		var n int
		if err := s.DB().QueryRowContext(t.Context(), query).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d %s are left: %v", n, what, err)
		}
	}
}
