package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const openTenant = "open: true\nlevel: system\nfhir_base_url: https://ehr.example.org/fhir\n"

// including loads a configuration that includes tenants/*.yaml, beside files
// with these texts.
func including(t *testing.T, files map[string]string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	main := filepath.Join(dir, "bulkhead.yaml")
	if err := os.WriteFile(main, []byte("include: tenants/*.yaml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(main)
}

// texts are mistakes without where they stand.
func texts(t *testing.T, err error) (list []string) {
	t.Helper()
	for _, m := range mistakesOf(t, err) {
		list = append(list, strings.Join(strings.Fields(filepath.Base(m.File)+" "+m.Field+" "+m.Text), " "))
	}
	return list
}

// A folder that is not mounted looks as if every practice had been removed.
func TestAnIncludeThatFindsNothingIsAMistake(t *testing.T) {
	t.Parallel()
	t.Attr("fault", "machine: the folder of the practices' files is away or empty -> nobody is frozen: the configuration is refused, what was in force stays")
	_, err := including(t, nil)
	want := []string{"bulkhead.yaml include[0] finds no file; the folder tenants is not there: a disk that is not mounted, or a misspelt name"}
	if diff := cmp.Diff(want, texts(t, err)); diff != "" {
		t.Errorf("without the folder (-want +got):\n%s", diff)
	}
	_, err = including(t, map[string]string{"tenants/README": ""})
	want = []string{"bulkhead.yaml include[0] finds no file: a disk that is not mounted, or a misspelt name; leave it out while there is no practice"}
	if diff := cmp.Diff(want, texts(t, err)); diff != "" {
		t.Errorf("in an empty folder (-want +got):\n%s", diff)
	}
}

func TestHiddenFilesAreNotIncluded(t *testing.T) {
	t.Parallel()
	c, err := including(t, map[string]string{
		"tenants/elm.yaml":   "id: elm\n" + openTenant,
		"tenants/.#elm.yaml": "id: elm\n" + openTenant, // an editor's lock
		"tenants/._elm.yaml": "\x00\x05\x16\x07",       // what some machines copy beside a file
	})
	if err != nil || len(c.Tenants) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestAFileThatIsNoYAMLHasNoOtherMistake(t *testing.T) {
	t.Parallel()
	t.Attr("fault", "machine: a practice's file is read while it is half written -> refused with the one line at which it breaks off")
	_, err := including(t, map[string]string{
		"tenants/elm.yaml": "id: elm\nopen: true\ntypes: [Patient, Enc",
		"tenants/fir.yaml": "",
		"tenants/oak.yaml": "id: oak\n" + openTenant,
	})
	want := []string{"elm.yaml is not YAML: sequence end token ']' not found", "fir.yaml holds nothing"}
	if diff := cmp.Diff(want, texts(t, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
