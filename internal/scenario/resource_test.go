package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

func TestLabelsOfSecurityAreKeptAsTheyCame(t *testing.T) {
	t.Attr("shows", "BD-008")
	const line = `{"resourceType":"Patient","id":"p1","meta":{"security":[ {"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code":"R"}],"tag":[{"code":"\u0065x"}]},"gender":"female"}`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Patient.ndjson"), []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := sandbox.DirSource(dir)
	if err != nil {
		t.Fatal(err)
	}
	spec := scenario.Spec{Tenant: scenario.Tenant{Source: source, Types: []string{"Patient"}, Level: "system"}}
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if raw := w.Raw(x)["0-output-0-Patient"]; raw != line+"\n" {
			t.Errorf("raw: %s", raw)
		}
	})
}

func TestABlockThatGoesOnInTheNextFileIsReadOnce(t *testing.T) {
	t.Attr("shows", "BD-147")
	spec := with(func(k *sandbox.Knobs) { k.Dialect, k.Organized, k.FilesPer = sandbox.STU3, true, 5 })
	spec.Profile, spec.Level = "standard-stu3", "group"
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if n := strings.Count(w.Manifest(x), "continuesInFile"); n < 3 {
			t.Fatalf("%d files go on in another, which shows nothing", n)
		}
		for _, table := range []string{"patient", "condition", "encounter", "observation"} {
			seen := map[string]bool{}
			for _, r := range w.Rows(table) {
				if seen[r["id"]] {
					t.Errorf("%s %s is there twice", table, r["id"])
				}
				seen[r["id"]] = true
			}
			if table == "patient" && len(seen) != 8 {
				t.Errorf("%d patients, want 8", len(seen))
			}
		}
		if refused := w.Quarantine(x); len(refused) > 0 {
			t.Errorf("%d lines refused: a header repeated is no resource", len(refused))
		}
	})
}
