package views

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

var update = flag.Bool("update", false, "write the golden files anew")

// loadBuiltin returns the built-in views.
func loadBuiltin(t *testing.T) *Set {
	t.Helper()
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// golden compares got with a file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); run with -update when the change is meant:\n%s", name, diff)
	}
}

func TestEveryTypeThatAPracticeExportsHasAMainView(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	for _, typ := range append([]string{"Appointment", "MedicationStatement"}, fhir.ECWTypes...) {
		if vs := set.For(typ); len(vs) == 0 || !vs[0].Main() || vs[0].Name != fhir.SnakeCase(typ) {
			t.Errorf("%s has no main view", typ)
		}
	}
	if set.For("Slot") != nil || set.Definitions("Slot") != nil || set.Tables("Slot") != nil {
		t.Error("a type without a view has views")
	}
}

func TestTablesAreThoseOfTheTypesAsked(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	var names []string
	for _, tab := range set.TablesOf([]string{"Goal", "CarePlan", "Slot", "Goal"}) {
		names = append(names, tab.Name)
	}
	want := []string{"care_plan", "care_plan_activity", "care_plan_addresses", "goal", "goal_target"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	for _, typ := range set.Types() {
		program := programOf(t, set, typ).Views()
		for i, v := range set.For(typ) {
			if program[i] != v.View || set.Tables(typ)[i].Name != v.Name {
				t.Errorf("%s: view %d is not in the program's and the tables' place", typ, i)
			}
		}
	}
}

func TestTableSchemas(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	var b bytes.Buffer
	for _, typ := range set.Types() {
		for _, v := range set.For(typ) {
			fmt.Fprintf(&b, "%s (%s, %d columns of the view, %d of the table)\n", v.Name, typ, len(v.Columns()), len(v.Table.Columns))
			for i, f := range v.Fills {
				if v.Table.Columns[i] != f.Column {
					t.Errorf("%s: fill %d is for %v, the column is %v", v.Name, i, f.Column, v.Table.Columns[i])
				}
				fmt.Fprintf(&b, "  %-28s %-9s %s\n", f.Column.Name, f.Column.Type, f.As)
			}
		}
	}
	golden(t, "schema.txt", b.Bytes())
}

func TestViewFilesAreNeatAndWhole(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(Files(), "*.json")
	if err != nil || len(names) < 50 {
		t.Fatalf("%d view files, %v", len(names), err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := fs.ReadFile(Files(), name)
			if err != nil {
				t.Fatal(err)
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, bytes.TrimSpace(text), "", "  "); err != nil {
				t.Fatal(err)
			}
			if indented.String()+"\n" != string(text) {
				t.Error("the file is not indented by two spaces with one newline at its end")
			}
			checkHead(t, strings.TrimSuffix(name, ".json"), text)
			def, err := sqlonfhir.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			checkColumns(t, def)
		})
	}
}

// checkHead looks at what a view says about itself.
func checkHead(t *testing.T, name string, text []byte) {
	t.Helper()
	var head struct {
		ResourceType, URL, Name, Title, Status, Description string
		FHIRVersion                                         []string
	}
	if err := json.Unmarshal(text, &head); err != nil {
		t.Fatal(err)
	}
	if head.ResourceType != "ViewDefinition" || head.Name != name || head.Status != "active" ||
		head.URL != "https://bulkhead-fhir.github.io/ViewDefinition/"+name ||
		head.Title == "" || head.Description == "" || len(head.FHIRVersion) != 1 || head.FHIRVersion[0] != "4.0.1" {
		t.Errorf("head is not whole: %+v", head)
	}
}

// checkColumns looks at the columns that every view has and at what each says.
func checkColumns(t *testing.T, def *sqlonfhir.View) {
	t.Helper()
	first := []string{"id"}
	if def.Name == fhir.SnakeCase(def.Resource) {
		first = []string{"id", "last_updated", "profile"}
	}
	for i, c := range def.Columns() {
		if i < len(first) && c.Name != first[i] {
			t.Errorf("column %d is %s, want %s", i, c.Name, first[i])
		}
		if c.Type == "" || c.Description == "" || strings.HasSuffix(c.Description, ".") || strings.Contains(c.Description, "\n") {
			t.Errorf("column %s: type %q, description %q", c.Name, c.Type, c.Description)
		}
		if c.Collection {
			t.Errorf("column %s is a collection: a child table is easier to query", c.Name)
		}
	}
}

func TestTheTableOfTypesWithoutAViewIsNoView(t *testing.T) {
	t.Parallel()
	for _, tab := range loadBuiltin(t).TablesOf(loadBuiltin(t).Types()) {
		if tab.Name == table.Resource.Name || tab.Name == table.Index.Name || tab.Name == table.Deleted.Name {
			t.Errorf("a view is called %s", tab.Name)
		}
	}
}

func programOf(t testing.TB, set *Set, resourceType string) *sqlonfhir.Program {
	t.Helper()
	program, err := sqlonfhir.Compile(set.Definitions(resourceType)...)
	if err != nil {
		t.Fatal(err)
	}
	return program
}
