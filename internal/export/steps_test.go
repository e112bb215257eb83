package export

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const lakeside = `
folder: FOLDER
sinks: {tables: {kind: duckdb, file: tables.duckdb}, other: {kind: parquet, folder: other}}
tenants:
  - id: lakeside
    open: true
    fhir_base_url: https://lakeside.example/fhir
    level: group
    group: g1
    sinks: [tables]
    types: [Patient]
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: [Patient, Provenance], groups: [g1], sinks: [tables]}
`

// I1: no request leaves, and no sink gets anything, unless the agreement
// allows it at that moment.
func TestAStepAsksTheAgreementForAllThatTheExportIsAbout(t *testing.T) {
	narrowed := map[string][2]string{
		"the group":                 {"groups: [g1]", "groups: [g2]"},
		"the types":                 {"types: [Patient, Provenance]", "types: [Provenance]"},
		"a type that came unasked":  {"types: [Patient, Provenance]", "types: [Patient]"},
		"the sink":                  {"sinks: [tables]}", "sinks: [other]}"},
		"the agreement as a whole":  {"status: active", "status: suspended"},
		"the agreement's last days": {"effective_from: 2020-01-01", "effective_from: 2020-01-01, expires_at: 2021-01-01"},
	}
	for what, change := range narrowed {
		for _, kind := range []string{Poll, Download, Publish} {
			if what == "a type that came unasked" && kind == Poll {
				continue // nothing has come yet
			}
			t.Run(what+" at "+kind, func(t *testing.T) {
				w, s := stepOf(t, kind, strings.Replace(lakeside, change[0], change[1], 1))
				_, err := s.Run(t.Context(), w)
				if p := problem.Of(err); p == nil || p.Code != problem.AgreementDenied {
					t.Errorf("the step gave %v, want the problem agreement_denied", err)
				}
			})
		}
	}
}

// stepOf gives a step of an export with one file, of a type that came unasked.
func stepOf(t *testing.T, kind, yaml string) (Work, *Steps) {
	t.Helper()
	folder := t.TempDir()
	cfg, err := config.Parse(filepath.Join(folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(yaml, "FOLDER", folder)))
	if err != nil {
		t.Fatal(err)
	}
	before, err := config.Parse(filepath.Join(folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(lakeside, "FOLDER", folder)))
	if err != nil {
		t.Fatal(err)
	}
	ledger := ledgerOf(t)
	if err := ledger.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside"}}); err != nil {
		t.Fatal(err)
	}
	intent, err := Order{Config: before, Tenant: &before.Tenants[0]}.Plan(store.Watermark{}, false)
	if err != nil {
		t.Fatal(err)
	}
	var w Work
	if err := ledger.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		id, err := tx.Request(intent)
		if err != nil {
			return err
		}
		if w.Export, err = tx.Export(id); err != nil {
			return err
		}
		err = tx.ListFiles(&w.Export, 0, []store.File{{Name: "0-output-0-Provenance", Section: "output", ResourceType: "Provenance"}})
		if err != nil || kind != Download && kind != Ingest {
			return err
		}
		if kind == Ingest {
			return tx.IngestFiles(&w.Export, []string{"0-output-0-Provenance"})
		}
		return tx.StartFiles(&w.Export, []string{"0-output-0-Provenance"})
	}); err != nil {
		t.Fatal(err)
	}
	w.Lease = store.Lease{StepRef: store.StepRef{Tenant: "lakeside", Export: w.Export.ID, Kind: kind}, Subject: "0-output-0-Provenance"}
	if kind == Publish {
		w.Lease.Subject = "tables"
	}
	files, err := blob.OpenLocal(filepath.Join(t.TempDir(), "files"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	return w, &Steps{
		Config: cfg, Store: ledger, Files: files, Meter: NewMeter(),
		Connect: func(*config.Tenant, []string) (*bulkdata.Client, error) {
			t.Error("the step went on to the server")
			return nil, problem.New(problem.Internal, "no server", "None.")
		},
	}
}
