package crashtest

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// An end is what a life has come to: what must be the same of all lives, by
// name.
type end map[string]string

// end reads everything that bulkhead keeps.
func (p *place) end(t *testing.T) end {
	t.Helper()
	e := end{}
	p.readTables(t, e)
	s, err := store.Look(t.Context(), p.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	names := map[string]string{}
	for _, tenant := range p.tenants {
		p.readLedger(t, e, s.In(tenant), names)
	}
	p.readFiles(t, e, names)
	return e
}

// apart are the columns that tell by which export a row came.
var apart = map[string]string{"attachment": "source_file, location, stored_by_export"}

// lookInto opens a DuckDB file as t, to read it. The caller closes it before
// anybody else is to open it.
func lookInto(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), "SET threads = 1; SET TimeZone = 'UTC'; ATTACH '"+file+"' AS t (READ_ONLY)"); err != nil {
		t.Fatalf("the DuckDB file cannot be opened: %v", err)
	}
	return db
}

// readTables takes each table's rows from both sinks, but for the names of
// exports, and the columns that are named besides.
func (p *place) readTables(t *testing.T, e end, besides ...string) {
	t.Helper()
	db := lookInto(t, p.path("state/tables.duckdb"))
	defer db.Close()
	relations := map[string]string{}
	for name := range strings.FieldsSeq(one(t, db, `SELECT string_agg(table_name, ' ') FROM duckdb_tables() WHERE database_name = 't' AND table_name NOT LIKE '\_%' ESCAPE '\'`)) {
		relations["tables/"+name] = `t."` + name + `"`
	}
	for _, tenant := range p.tenants {
		files, err := filepath.Glob(p.path("state/lake/" + tenant + "/current/*.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if name := strings.TrimSuffix(filepath.Base(f), ".parquet"); !strings.HasPrefix(name, "_") {
				relations["lake/"+tenant+"/"+name] = "read_parquet('" + f + "')"
			}
		}
	}
	for name, relation := range relations {
		without := apart[name[strings.LastIndex(name, "/")+1:]]
		if without == "" {
			without = "source_file"
		}
		without = strings.Join(append([]string{without}, besides...), ", ")
		e[name] = one(t, db, `SELECT count(*) || ' rows ' || coalesce(md5(string_agg(r, chr(10) ORDER BY r)), '') FROM (SELECT CAST(x AS VARCHAR) AS r FROM (SELECT * EXCLUDE (`+without+`) FROM `+relation+`) x)`)
	}
	e["tables"] = one(t, db, "SELECT count(*) || ' publications of ' || count(DISTINCT (tenant_id, export)) FROM t._bulkhead_publication")
}

func one(t *testing.T, db *sql.DB, query string) (text string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

// readLedger takes a tenant's exports, files and watermark, and names the
// exports by their places.
func (p *place) readLedger(t *testing.T, e end, s *store.Scope, names map[string]string) {
	t.Helper()
	all, err := s.Exports(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	tenant, lost := "", 0
	for i, x := range all {
		tenant = x.Tenant
		name := fmt.Sprintf("%s-%d", x.Tenant, i+1)
		names[x.ID] = name
		e["export "+name] = fmt.Sprintf("%s %s %s %s %s, %d errors of the server", x.State, x.Mode, x.Purpose, x.Sinks, names[x.Origin], x.ServerErrors)
		files, err := s.Files(t.Context(), x.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Lines != f.Delivered+f.Quarantined+f.Blank {
				t.Errorf("%s %s: %d lines, %d delivered, %d quarantined, %d blank", name, f.Name, f.Lines, f.Delivered, f.Quarantined, f.Blank)
			}
			e["file "+name+" "+f.Name] = fmt.Sprintf("%s: %d lines, %d delivered, %d quarantined, %d blank, %d bytes, %s",
				f.State, f.Lines, f.Delivered, f.Quarantined, f.Blank, f.Bytes, f.SHA256)
		}
		p.checkStaged(t, s, x.ID)
		timeline, err := s.Timeline(t.Context(), x.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range timeline {
			if entry.Kind == string(life.Lost) {
				lost++
			}
		}
		mark, ok, err := s.Watermark(t.Context(), x.Stream)
		if err != nil || !ok {
			t.Fatalf("%s has no watermark: %v", x.Tenant, err)
		}
		e["watermark "+tenant] = names[mark.Export] + " " + mark.Since[:len("2026-01-05T00:00:0")]
	}
	p.checkKickoffs(t, tenant, p.stage, lost)
	var note struct{ Receipts map[string]json.RawMessage }
	text, err := os.ReadFile(p.path("state/lake/" + tenant + "/current/_bulkhead.json"))
	if err == nil {
		err = json.Unmarshal(text, &note)
	}
	if err != nil || len(note.Receipts) != len(all) {
		t.Errorf("%d receipts in the Parquet folder of %s for %d exports: %v", len(note.Receipts), tenant, len(all), err)
	}
}

// checkStaged demands that what is staged of an export is what the ledger has.
func (p *place) checkStaged(t *testing.T, s *store.Scope, export string) {
	t.Helper()
	parts, err := s.Parts(t.Context(), export)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, part := range parts {
		want = append(want, p.path("state/files/"+part.Key))
	}
	have, err := filepath.Glob(p.path("state/files/staged/*/" + export + "/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(have)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("staged files of %s, and what the ledger has of them:\n%s", export, diff)
	}
}

// checkKickoffs demands that every export was asked for once, but for those
// whose answer was lost and known to be.
func (p *place) checkKickoffs(t *testing.T, tenant string, stage, lost int) {
	t.Helper()
	want := min(stage, incremental) // a replay asks nobody
	started := len(p.server.Observations(strings.ToUpper(tenant)).Exports)
	if started < want || started > want+lost {
		t.Errorf("%s started %d exports; %d are wanted, and %d answers were lost", tenant, started, want, lost)
	}
}

// readFiles takes what lies in storage: raw and refused lines by their
// content, documents by their content alone, since the first that asks for one
// keeps it, and all others by their names.
func (p *place) readFiles(t *testing.T, e end, names map[string]string) {
	t.Helper()
	root := p.path("state/files")
	var documents []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		key := strings.TrimPrefix(path, root+"/")
		for id, name := range names {
			key = strings.Replace(key, id, name, 1)
		}
		switch area, _, _ := strings.Cut(key, "/"); {
		case area == ".tmp":
		case area == "attachments":
			documents = append(documents, digest(t, path))
		case area == "staged": // its parts are named by workers; see checkStaged
		case strings.HasSuffix(key, ".zst"):
			e[key] = digest(t, path)
		default:
			e[key] = "there"
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(documents)
	e["documents"] = fmt.Sprintf("%d %x", len(documents), sha256.Sum256([]byte(strings.Join(documents, " "))))
}

// digest gives the lines of a file and their hash, in whatever order they are:
// workers write what they refuse side by side.
func digest(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".zst") {
		z, err := zstd.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		if text, err = io.ReadAll(z); err != nil {
			t.Fatalf("%s: %v", filepath.Base(path), err)
		}
	}
	lines := bytes.Split(text, []byte("\n"))
	slices.SortFunc(lines, bytes.Compare)
	return fmt.Sprintf("%d lines %x", len(lines), sha256.Sum256(bytes.Join(lines, []byte("\n"))))
}

// checkLeft demands that nothing is left of what was under way.
func (p *place) checkLeft(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(p.path("state"), func(path string, d fs.DirEntry, err error) error {
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
			if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) > 2 {
				t.Errorf("%d snapshots are left: %v", len(list), err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Look(t.Context(), p.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for what, query := range map[string]string{
		"steps":               `SELECT count(*) FROM step WHERE state <> 'done'`,
		"slots":               `SELECT count(*) FROM export WHERE state NOT IN ` + over,
		"entries of executor": `SELECT count(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded')`,
	} {
		var n int
		if err := s.DB().QueryRowContext(t.Context(), query).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d %s are left: %v", n, what, err)
		}
	}
}
