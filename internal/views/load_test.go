package views

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const (
	tinyPatient = `{"resource":"Patient","name":"patient","select":[{"column":[
		{"name":"id","path":"getResourceKey()","type":"string"},{"name":"born","path":"birthDate","type":"date"}]}]}`
	tinySlot = `{"resource":"Slot","name":"slot","select":[{"column":[{"name":"id","path":"getResourceKey()","type":"string"}]}]}`
)

// folder writes files into a folder of its own and returns its path.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAUsersViewReplacesTheBuiltInOneOfItsName(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"mine.json": tinyPatient, "README.md": "not a view"})
	set, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	main := set.For("Patient")[0]
	if main.File != filepath.Join(dir, "mine.json") {
		t.Errorf("patient comes from %s", main.File)
	}
	var names []string
	for _, c := range main.Table.Columns {
		names = append(names, c.Name)
	}
	if got, want := strings.Join(names, " "), "tenant_id id born born_date resource_key source_file source_line"; got != want {
		t.Errorf("columns %q, want %q", got, want)
	}
	if got := len(set.For("Patient")); got != 5 {
		t.Errorf("Patient has %d views, want the children too", got)
	}
}

func TestALaterFolderWins(t *testing.T) {
	t.Parallel()
	first := folder(t, map[string]string{"a.json": tinyPatient, "slot.json": tinySlot})
	second := folder(t, map[string]string{"b.json": tinyPatient})
	set, err := Load(first, second)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := set.For("Patient")[0].File, filepath.Join(second, "b.json"); got != want {
		t.Errorf("patient comes from %s, want %s", got, want)
	}
	if got := set.Tables("Slot"); len(got) != 1 || got[0].Name != "slot" || got[0].ResourceType != "Slot" {
		t.Errorf("tables of Slot: %v", got)
	}
}

func TestAFolderThatCannotBeUsedIsExplained(t *testing.T) {
	t.Parallel()
	child := strings.Replace(tinySlot, `"name":"slot"`, `"name":"slot_child"`, 1)
	cases := []struct {
		name  string
		files map[string]string
		file  string // named in the summary
		cause string
	}{
		{"no JSON", map[string]string{"x.json": "{"}, "x.json", ""},
		{"no name", map[string]string{"x.json": strings.Replace(tinySlot, `"name":"slot",`, "", 1)}, "x.json", "name: "},
		{"upper-case name", map[string]string{"x.json": strings.Replace(tinySlot, `"name":"slot"`, `"name":"Slot"`, 1)}, "x.json", `name: "Slot"`},
		{"name of the documents' table", map[string]string{"x.json": strings.Replace(tinySlot, `"name":"slot"`, `"name":"attachment"`, 1)}, "x.json", "documents that resources carry"},
		{"reserved name", map[string]string{"x.json": strings.Replace(tinySlot, `"name":"slot"`, `"name":"resource"`, 1)}, "x.json", "types without a view"},
		{"name of the codings' table", map[string]string{"x.json": strings.Replace(tinySlot, `"name":"slot"`, `"name":"coding"`, 1)}, "x.json", "all codings of all types"},
		{"another type's name", map[string]string{"x.json": strings.Replace(tinySlot, `"name":"slot"`, `"name":"patient"`, 1)}, "x.json", "main table of Patient"},
		{"unknown type", map[string]string{"x.json": strings.Replace(tinySlot, `"resource":"Slot"`, `"resource":"Slott"`, 1)}, "x.json", `"Slott" is no resource type`},
		{"faulty path", map[string]string{"x.json": strings.Replace(tinySlot, "getResourceKey()", "getResourceKey(", 1)}, "x.json", "select[0].column[0].path"},
		{"one name twice", map[string]string{"x.json": tinySlot, "y.json": tinySlot}, "y.json", `x.json in the same folder is called "slot" too`},
		{"no main view", map[string]string{"x.json": child}, "x.json", `Slot has no main view: add one named "slot"`},
		{"clash", map[string]string{"x.json": strings.Replace(tinyPatient, `"name":"id"`, `"name":"born_date"`, 1)}, "x.json", `column "born_date"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(folder(t, c.files))
			p := problem.Of(err)
			if p == nil || p.Code != problem.ViewInvalid {
				t.Fatalf("got %v, want a problem of code %s", err, problem.ViewInvalid)
			}
			if !strings.Contains(p.Summary, c.file) {
				t.Errorf("summary %q does not name %s", p.Summary, c.file)
			}
			if p.Err == nil || !strings.Contains(p.Err.Error(), c.cause) {
				t.Errorf("cause %v, want %q in it", p.Err, c.cause)
			}
		})
	}
}

func TestAMissingFolderIsAConfigurationProblem(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "nowhere"))
	if p := problem.Of(err); p == nil || p.Code != problem.ConfigMissing {
		t.Errorf("got %v, want code %s", err, problem.ConfigMissing)
	}
	_, err = Load(filepath.Join(folder(t, map[string]string{"x.json": tinySlot}), "x.json"))
	if p := problem.Of(err); p == nil || p.Code != problem.ViewInvalid {
		t.Errorf("a file as a folder: got %v, want code %s", err, problem.ViewInvalid)
	}
}
