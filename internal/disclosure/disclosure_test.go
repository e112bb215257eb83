package disclosure_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/disclosure"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// staged writes the two columns of a staged file; an empty text is a null.
func staged(t *testing.T, columns [2]string, rows ...[2]string) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: columns[0], Type: arrow.BinaryTypes.String, Nullable: true}, {Name: columns[1], Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range rows {
		for i, text := range row {
			if field, ok := b.Field(i).(*array.StringBuilder); !ok || text == "" {
				b.Field(i).AppendNull()
			} else {
				field.Append(text)
			}
		}
	}
	var out bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &out, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	record := b.NewRecordBatch()
	defer record.Release()
	if err := w.Write(record); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A part is a staged file of a table.
type part struct {
	table string
	text  []byte
}

// patients asks an export that has these staged files.
func patients(t *testing.T, parts ...part) disclosure.People {
	t.Helper()
	people, err := patientsAfter(t, nil, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return people
}

// patientsAfter is patients after statements in the ledger, to which the export
// is the one argument.
func patientsAfter(t *testing.T, statements []string, parts ...part) (disclosure.People, error) {
	t.Helper()
	ctx, folder := t.Context(), t.TempDir()
	ledger, err := store.Open(ctx, filepath.Join(folder, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	files, err := blob.OpenLocal(filepath.Join(folder, "files"))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	scope, err := files.Tenant("lakeside")
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.PutTenants(ctx, []store.Tenant{{ID: "lakeside"}}); err != nil {
		t.Fatal(err)
	}
	export := ""
	err = ledger.In("lakeside").Do(ctx, func(tx *store.Tx) error {
		if export, err = tx.Request(store.Intent{Endpoint: "e", Level: "patient", Mode: "full"}); err != nil {
			return err
		}
		x, err := tx.Export(export)
		if err != nil {
			return err
		}
		return tx.ListFiles(&x, 0, []store.File{{Name: "0-output-0-Patient", Section: "output", ResourceType: "Patient"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range parts {
		key, err := scope.StagedKey(export, p.table, "0-output-0-Patient", i)
		if err != nil {
			t.Fatal(err)
		}
		f, err := scope.Create(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(p.text); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		if _, err := ledger.DB().ExecContext(ctx, `INSERT INTO staged_part (tenant_id, export_id, file, table_name, part_key, row_count) VALUES ('lakeside', ?, '0-output-0-Patient', ?, ?, 1)`,
			export, p.table, string(key)); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range statements {
		if _, err := ledger.DB().ExecContext(ctx, statement, export); err != nil {
			t.Fatal(err)
		}
	}
	return disclosure.Patients(ctx, ledger.In("lakeside"), scope, export)
}

func TestThePatientsOfAnExportAreThoseItHoldsAndThoseItRefersTo(t *testing.T) {
	index := part{"_index", staged(t, [2]string{"resource_type", "id"}, [2]string{"Patient", "p2"}, [2]string{"Condition", "c1"}, [2]string{"Patient", "p1"})}
	links := part{"reference", staged(t, [2]string{"to_type", "to_id"}, [2]string{"Patient", "p3"}, [2]string{"", "x"}, [2]string{"Patient", ""}, [2]string{"Encounter", "e1"}, [2]string{"Patient", "p1"})}
	other := part{"condition", []byte("not looked at")}
	want := disclosure.People{IDs: []string{"p1", "p2", "p3"}, Complete: true}
	if diff := cmp.Diff(want, patients(t, other, index, links)); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	want = disclosure.People{IDs: []string{"p1", "p2"}}
	if diff := cmp.Diff(want, patients(t, index)); diff != "" {
		t.Errorf("without the table of references (-want +got):\n%s", diff)
	}
	alone := part{"_index", staged(t, [2]string{"resource_type", "id"}, [2]string{"Patient", "p1"})}
	want = disclosure.People{IDs: []string{"p1"}, Complete: true}
	if diff := cmp.Diff(want, patients(t, alone)); diff != "" {
		t.Errorf("of patients alone (-want +got):\n%s", diff)
	}
}

func TestWhatIsInNoStagedFileIsSaid(t *testing.T) {
	index := part{"_index", staged(t, [2]string{"resource_type", "id"}, [2]string{"Patient", "p1"})}
	got, err := patientsAfter(t, []string{`UPDATE output_file SET state = 'stored', quarantined = 3 WHERE export_id = ?`}, index)
	if diff := cmp.Diff(disclosure.People{IDs: []string{"p1"}, Complete: true, Refused: 3, Unread: 1}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	_, err = patientsAfter(t, []string{`INSERT INTO disposal VALUES ('lakeside', ?, 'staged', 0, 'retention_over', 6000, 7000, 1, 60, '[]')`}, index)
	if problem.Of(err).Code != problem.Usage {
		t.Errorf("of staged files that were destroyed: %v", err)
	}
	p := disclosure.People{IDs: []string{"p1"}, Refused: 3, Unread: 2}
	want := []string{
		"Whom other resources only refer to is not among them: the table of references is not filled.",
		"3 lines in quarantine are not among them: whose they are must be seen there.",
		"2 files that are stored and not read are not among them: the export has stopped before it read them.",
	}
	if diff := cmp.Diff(want, p.Says()); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	if none := (disclosure.People{Complete: true}).Says(); len(none) != 0 {
		t.Errorf("of all people: %v", none)
	}
}
