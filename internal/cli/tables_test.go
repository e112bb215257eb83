package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// ran runs a command line in an empty folder and returns what it printed.
func ran(t *testing.T, want int, args ...string) (out, told string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := Main(t.Context(), args, Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}); got != want {
		t.Fatalf("bulkhead %v ends with %d, want %d: %s", args, got, want, &stderr)
	}
	return stdout.String(), stderr.String()
}

func TestTablesAreListedAndExplained(t *testing.T) {
	t.Chdir(t.TempDir())
	list, _ := ran(t, 0, "tables")
	for _, want := range []string{"patient ", "observation_component ", "coding ", "One row per patient"} {
		if !strings.Contains(list, "\n"+want) && !strings.Contains(list, " "+want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	one, _ := ran(t, 0, "tables", "patient")
	if !strings.Contains(one, "patient, Patient, r4/patient.json\n") || !strings.Contains(one, "Date of birth") {
		t.Errorf("patient is told as:\n%s", one)
	}
	if _, told := ran(t, 2, "tables", "nothing"); !strings.Contains(told, "there is no table nothing") {
		t.Errorf("told: %s", told)
	}
}

func TestTablesAreThoseOfTheConfiguredViews(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"bulkhead.yaml":   "views: [views]\n",
		"views/slot.json": `{"name":"slot","resource":"Slot","select":[{"forEachOrNull":"specialty.coding","column":[{"name":"id","path":"%resource.id","type":"string"},{"name":"code","path":"code","type":"code"}]}]}`,
	} {
		if err := os.MkdirAll("views", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, _ := ran(t, 0, "tables", "slot", "--json")
	var got tableLine
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if c := got.Columns[2]; got.ResourceType != "Slot" || c.Name != "code" || c.Path != "code" || len(c.ForEach) != 1 || c.ForEach[0] != "specialty.coding" {
		t.Errorf("slot is told as %+v", got)
	}
	all, _ := ran(t, 0, "tables", "--json")
	marked := 0
	for line := range strings.Lines(all) {
		var got tableLine
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		for _, c := range got.Columns {
			if c.MustSupport {
				marked++
			}
		}
	}
	if marked < 100 {
		t.Errorf("%d columns are must-support", marked)
	}
}
