package scenario_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// phoneView puts a view of patients' telephones into a folder: one that wants
// exactly one, or one that takes the first.
func phoneView(t *testing.T, folder, path string) {
	t.Helper()
	text := `{"resourceType":"ViewDefinition","name":"phone","resource":"Patient","status":"active","select":[{"column":[{"name":"id","path":"id"},{"name":"value","path":"` + path + `"}]}]}`
	if err := os.WriteFile(filepath.Join(folder, "phone.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refusedIDs gives the ids of refused resources.
func refusedIDs(t *testing.T, lines []quarantine.Refusal) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	for _, l := range lines {
		var resource struct{ ID string }
		if err := json.Unmarshal([]byte(l.Content), &resource); err != nil {
			t.Fatal(err)
		}
		ids[resource.ID] = true
	}
	return ids
}

// delivered adds up the resources of all types.
func delivered(s *quality.Summary) (n int64) {
	for _, t := range s.Types {
		n += t.Resources
	}
	return n
}

// versions gives where each patient's row came from, by id.
func versions(w *scenario.World) map[string]string {
	w.T().Helper()
	from := map[string]string{}
	for _, r := range w.Rows("patient") {
		from[r["id"]] = r["source_file"] + " line " + r["source_line"]
	}
	return from
}

// Patients are refused because a view asks too much. When it is put right they
// are taken again, but those of whom a later export has brought a newer version
// stay as that has them, also where no version says when it was written.
func TestRefusedLinesAreTakenAgainBehindWhatCameLater(t *testing.T) {
	for name, knobs := range map[string]func(*sandbox.Knobs){
		"versions with their time": nil,
		"versions without a time":  func(k *sandbox.Knobs) { k.NoMeta = 100 },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			phoneView(t, folder, "telecom.value")
			spec := scenario.Spec{Config: "views: [" + folder + "]"}
			spec.Knobs, spec.Patients = knobs, 30
			scenario.Run(t, spec, func(w *scenario.World) {
				first := w.Want(w.Export(), life.Completed)
				refused := refusedIDs(t, w.Quarantine(first))
				phoneView(t, folder, "telecom.value.first()")
				w.Pass(4 * 24 * time.Hour)
				w.Restart()
				second := w.Want(w.Export(), life.Completed)
				before, changed, all := versions(w), 0, maps.Clone(refused)
				for id, version := range before {
					if all[id] = true; refused[id] && strings.HasPrefix(version, second.ID) {
						changed++
					}
				}
				if changed == 0 || changed == len(refused) {
					t.Fatalf("of %d refused patients the second export brought %d; some should have changed", len(refused), changed)
				}
				replay := w.RequestReplay(first)
				w.Restart() // wherever it stands
				w.Want(w.Settle(replay), life.Completed)
				after := versions(w)
				for id, version := range after {
					was, known := before[id]
					if known && version != was || !known && !strings.HasPrefix(version, first.ID) {
						t.Errorf("patient %s is of %s, was of %q", id, version, was)
					}
				}
				if len(after) != len(all) || len(w.Rows("phone")) != len(all) {
					t.Errorf("%d patients and %d telephones, want %d", len(after), len(w.Rows("phone")), len(all))
				}
				w.Look(first)
				if q := w.QualityOf(first); q.Quarantined != 0 || q.Lines != q.Delivered+q.Blank || len(q.ByReason) != 0 || delivered(q) != q.Delivered {
					t.Errorf("the summary of the first export was not made again: %+v", q)
				}
				for _, f := range first.Files {
					if f.Quarantined != 0 || f.Lines != f.Delivered+f.Blank { // I4
						t.Errorf("file %s: %d lines, %d delivered, %d refused still", f.Name, f.Lines, f.Delivered, f.Quarantined)
					}
				}
				if next := w.Want(w.Export(), life.Completed); next.Since != second.NextSince {
					t.Errorf("the next export is since %s, the second one set %s", next.Since, second.NextSince)
				}
			})
		})
	}
}
