package crashtest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Errands are lives in which nothing is exported, by the number that takes the
// place of the stage.
const (
	disposes = 100 + iota
	rekeys
	shreds
)

// leaving is the practice whose records go, or whose keys change; staying is
// the other one.
const (
	leaving = "lakeside"
	staying = "hillcrest"
)

var errands = map[int]func(ctx context.Context, a *app.App) error{
	disposes: func(ctx context.Context, a *app.App) error {
		t, err := a.Config.Tenant(leaving)
		if err != nil {
			return err
		}
		_, err = a.Disposal().Practice(ctx, t, disposal.Wish{AtOnce: true})
		return err
	},
	rekeys: func(ctx context.Context, a *app.App) error {
		return errors.Join(a.Keys.Rotate(ctx, leaving), a.Keys.Rewrap(ctx, leaving), eachFile(ctx, a.Files, leaving, func(s *blob.Scope, k blob.Key) error {
			_, err := s.Seal(ctx, k)
			return err
		}))
	},
	shreds: func(ctx context.Context, a *app.App) error { return a.Keys.Shred(ctx, leaving) },
}

// eachFile walks all files of a practice in storage.
func eachFile(ctx context.Context, files *blob.Store, tenant string, do func(s *blob.Scope, k blob.Key) error) error {
	scope, err := files.Tenant(tenant)
	if err != nil {
		return err
	}
	for p, err := range files.Places(ctx) {
		if err != nil || p.Tenant != tenant {
			if err != nil {
				return err
			}
			continue
		}
		for e, err := range scope.List(ctx, p.Area, p.Export) {
			if err != nil {
				return err
			}
			if err := do(scope, e.Key); err != nil {
				return fmt.Errorf("%s: %w", e.Key, err)
			}
		}
	}
	return nil
}

// wardSetup is the configuration of a ward; its first verb is the house key, its
// second and third the servers, its last what else stands in the agreement that
// may end.
const wardSetup = `
folder: state
profiles: profiles
encryption: {key_file: %[1]s}
limits: {line_bytes: 64KiB, ingest_workers: 2}
sinks:
  tables: {kind: duckdb, file: state/tables.duckdb, encrypted_disk: true}
  lake: {kind: parquet, folder: state/lake, encrypted_disk: true}
tenants:
  - &t
    id: hillcrest
    open: true
    allow_http: true
    profile: standard
    fhir_base_url: %[3]s
    level: group
    group: %[5]s
    types: [Condition, Patient]
    sinks: [tables, lake]
    agreement: &a {reference: BAA-1, status: active, effective_from: 2020-01-01, types: ["*"], groups: ["*"], sinks: ["*"], attachments: true, security: {encryption: true}}
  - <<: *t
    id: lakeside
    fhir_base_url: %[2]s
    group: %[6]s
    types: [Condition, DocumentReference, Observation, Patient]
    attachments: {fetch: true}
    agreement: {<<: *a, %[4]s}
`

// A ward is a place whose practices are encrypted and have exported once.
type ward struct {
	*place
	house  string
	groups []any
}

func newWard(t *testing.T) *ward {
	t.Helper()
	one, other := practice("LAKESIDE", 5, 6), practice("HILLCREST", 6, 4)
	w := &ward{house: filepath.Join(t.TempDir(), "house.json")}
	for i, p := range []*sandbox.Practice{&other, &one} {
		people := population.New(population.Config{
			Seed: uint64(6 - i), Practice: p.Code, Patients: 4 + 2*i, Epoch: born, ObservationsPerPatient: 8, VisitsPerPatient: 2, IDs: population.UUID, // which can be looked for
		})
		group := sandbox.PopulationGroup(people, "all")
		p.Source, p.Groups = sandbox.FromPopulation(people), []sandbox.Group{group}
		w.groups = append(w.groups, group.ID)
	}
	server, err := sandbox.Start(t.Context(), sandbox.Config{Plain: true, Epoch: born, TimeScale: slow, Practices: []sandbox.Practice{one, other}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	w.place = &place{dir: t.TempDir(), server: server, tenants: tenants, stage: full}
	w.hasten(t)
	if _, err := atrest.NewHouseKey(w.house); err != nil {
		t.Fatal(err)
	}
	w.agree(t, "status: active")
	w.run(t, death{})
	if s := w.ledger(t); s != nil {
		defer s.Close()
		for _, tenant := range tenants {
			if x, _, err := s.In(tenant).Latest(t.Context()); err != nil || x.State != "completed" {
				t.Fatalf("the export of %s is %s, %v", tenant, x.State, err)
			}
		}
	}
	return w
}

// agree changes the agreement that may end.
func (w *ward) agree(t *testing.T, terms string) {
	t.Helper()
	w.write(t, "bulkhead.yaml", fmt.Sprintf(wardSetup, append([]any{w.house, w.server.Practice("LAKESIDE").Base(), w.server.Practice("HILLCREST").Base(), terms}, w.groups...)...))
}

// copied gives the same world elsewhere, for another fate.
func (w *ward) copied(t *testing.T, errand int) *ward {
	t.Helper()
	of := *w.place
	of.dir, of.stage = filepath.Join(t.TempDir(), "w"), errand
	if err := os.CopyFS(of.dir, os.DirFS(w.dir)); err != nil {
		t.Fatal(err)
	}
	return &ward{&of, w.house, w.groups}
}

func (w *ward) ledger(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Look(t.Context(), w.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// opened gives the files and keys as a process that only looks has them.
func (w *ward) opened(t *testing.T, look func(files *blob.Store, keys *atrest.Keys)) {
	t.Helper()
	cfg, err := config.Load(w.path("bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := w.ledger(t)
	defer s.Close()
	keys, err := app.Keys(cfg, s, true)
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.LookLocal(w.path("state/files"))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	files.Encrypt(keys)
	look(files, keys)
}

// read opens all files of a practice and gives how many there are, and why the
// first that does not open does not.
func (w *ward) read(t *testing.T, tenant string) (n int, err error) {
	t.Helper()
	w.opened(t, func(files *blob.Store, _ *atrest.Keys) {
		err = eachFile(t.Context(), files, tenant, func(s *blob.Scope, k blob.Key) error {
			n++
			r, err := s.Open(t.Context(), k)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, r)
			return errors.Join(err, r.Close())
		})
	})
	return n, err
}

// stored gives the sizes of the files of a practice in storage, by their names.
func (w *ward) stored(t *testing.T, tenant string) map[string]int64 {
	t.Helper()
	of := map[string]int64{}
	w.each(t, "state/files", func(name string, d fs.DirEntry) {
		st, err := d.Info()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(name, "/"+tenant+"/") {
			of[strings.TrimPrefix(name, "state/files/")] = st.Size()
		}
	})
	return of
}

// each gives the files below a folder by their names, in order.
func (w *ward) each(t *testing.T, folder string, do func(name string, d fs.DirEntry)) {
	t.Helper()
	err := filepath.WalkDir(w.path(folder), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			do(strings.TrimPrefix(path, w.dir+"/"), d)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// whatStays is what a world has of the practice that stays: its files, byte for
// byte, its rows in DuckDB and in the ledger.
func (w *ward) whatStays(t *testing.T) map[string]string {
	t.Helper()
	of := map[string]string{}
	w.each(t, "state", func(name string, d fs.DirEntry) {
		if strings.Contains(name, "/"+staying) && d.Type().IsRegular() {
			text, err := os.ReadFile(w.path(name))
			if err != nil {
				t.Fatal(err)
			}
			of[name] = fmt.Sprintf("%d bytes %x", len(text), sha256.Sum256(text))
		}
	})
	maps.Copy(of, w.rows(t, staying))
	s := w.ledger(t)
	defer s.Close()
	for name := range strings.FieldsSeq(one(t, s.DB(), `SELECT group_concat(m.name, ' ') FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'tenant_id'`)) {
		of["ledger "+name] = ledgerRows(t, s.DB(), name)
	}
	return of
}

func ledgerRows(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table+" WHERE tenant_id = '"+staying+"'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(sql.RawBytes)
		}
		if err := rows.Scan(row...); err != nil {
			t.Fatal(err)
		}
		var line strings.Builder
		for _, v := range row {
			fmt.Fprintf(&line, "%s|", *v.(*sql.RawBytes))
		}
		lines = append(lines, line.String())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// rows gives a practice's rows in both sinks, by table: how many, and of which
// content.
func (w *ward) rows(t *testing.T, tenant string) map[string]string {
	t.Helper()
	db := lookInto(t, w.path("state/tables.duckdb"))
	defer db.Close()
	of, content := map[string]string{}, `SELECT count(*) || ' rows ' || coalesce(md5(string_agg(CAST(x AS VARCHAR), chr(10) ORDER BY CAST(x AS VARCHAR))), '') FROM `
	for name := range strings.FieldsSeq(one(t, db, `SELECT string_agg(DISTINCT table_name, ' ') FROM duckdb_columns() WHERE database_name = 't' AND column_name = 'tenant_id'`)) {
		if text := one(t, db, content+`t."`+name+`" x WHERE tenant_id = '`+tenant+`'`); !strings.HasPrefix(text, "0 rows") {
			of["tables/"+name] = text
		}
	}
	files, err := filepath.Glob(w.path("state/lake/" + tenant + "/current/*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	for _, f := range files {
		if text := one(t, db, content+"read_parquet('"+f+"') x"); !strings.HasPrefix(text, "0 rows") {
			of["lake/"+strings.TrimSuffix(filepath.Base(f), ".parquet")] = text
		}
	}
	return of
}
