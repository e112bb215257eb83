package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	idsOfPatients = `{"name":"ids","resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}`
	dayOfPatients = `{"name":"IDs","resource":"Patient","select":[{"column":[{"name":"day","path":"birthDate"}]}]}`
	unnamed       = `{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}`
	onePatient    = `{"resourceType":"Patient","id":"p1","birthDate":"1969-12-31"}` + "\n"
)

// files writes files of a folder of its own, which becomes the current one.
func files(t *testing.T, texts map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range texts {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFlattenNeverWritesOverItsInput(t *testing.T) {
	files(t, map[string]string{"ids.json": idsOfPatients, "in.ndjson": onePatient})
	_, told := ran(t, 2, "flatten", "-w", "ids.json", "-o", "./in.ndjson", "in.ndjson")
	if !strings.Contains(told, "input file too") {
		t.Errorf("told: %s", told)
	}
	if got, err := os.ReadFile("in.ndjson"); err != nil || string(got) != onePatient {
		t.Errorf("the input is now %q (%v)", got, err)
	}
}

func TestViewsOfOneNameShareNoFile(t *testing.T) {
	files(t, map[string]string{"a.json": idsOfPatients, "b.json": dayOfPatients, "c.json": unnamed, "in.ndjson": onePatient})
	for _, second := range []string{"b.json", "c.json"} {
		if _, told := ran(t, 2, "flatten", "-w", "a.json", "-w", second, "-o", "rows", "in.ndjson"); !strings.Contains(told, "name") {
			t.Errorf("told of %s: %s", second, told)
		}
	}
	ran(t, 0, "flatten", "-w", "a.json", "-w", "patient_name", "-o", "rows", "in.ndjson")
	if got, err := os.ReadFile(filepath.Join("rows", "ids.csv")); err != nil || string(got) != "id\r\np1\r\n" {
		t.Errorf("rows are %q (%v)", got, err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestADiskThatIsFullIsNoBug(t *testing.T) {
	files(t, map[string]string{"ids.json": idsOfPatients, "in.ndjson": onePatient})
	for _, format := range []string{"csv", "ndjson", "parquet"} {
		var told bytes.Buffer
		got := Main(t.Context(), []string{"flatten", "-w", "ids.json", "--format", format, "in.ndjson"}, Streams{In: strings.NewReader(""), Out: full{}, Err: &told})
		if got != 3 || !strings.Contains(told.String(), "storage_unwritable") {
			t.Errorf("%s: status %d: %s", format, got, &told)
		}
	}
}
