package scenario_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// encrypted is two practices whose files are encrypted, and some of whose lines
// are refused.
func encrypted(t *testing.T) scenario.Spec {
	t.Helper()
	house := filepath.Join(t.TempDir(), "house.json")
	if _, err := atrest.NewHouseKey(house); err != nil {
		t.Fatal(err)
	}
	refusing := func(k *sandbox.Knobs) { k.Bad = []sandbox.BadLines{{Type: "Condition", Broken: 2, NoID: 1}} }
	spec := scenario.Spec{DuckDB: true, Config: "encryption: {key_file: '" + house + "'}", More: []scenario.Tenant{{Knobs: refusing}}}
	spec.Knobs = refusing
	return spec
}

// noise wants nothing to be read in the folder of files, or in that of keys.
func noise(w *scenario.World) {
	w.T().Helper()
	n := 0
	for _, folder := range []string{"files", atrest.FolderName} {
		err := filepath.WalkDir(filepath.Join(w.State(), folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n++
			text, err := os.ReadFile(path)
			for _, known := range []string{scenario.Canary, "resourceType", "Patient", "PAR1", "\x28\xb5\x2f\xfd", "_index"} { // Parquet's and zstd's beginnings
				if bytes.Contains(text, []byte(known)) && len(text) > 0 {
					w.T().Errorf("%s has %q", path, known)
				}
			}
			return err
		})
		if err != nil {
			w.T().Fatal(err)
		}
	}
	if n < 10 {
		w.T().Errorf("only %d files were looked at", n)
	}
}

func TestAnEncryptedPracticeIsExportedPublishedLookedAtAndForgotten(t *testing.T) {
	t.Attr("fault", "hostile: the state folder of a bulkhead with encryption is stolen -> raw, staged, quarantined files, manifests and logs are noise; tables, doctor and quarantine work as ever")
	scenario.Run(t, encrypted(t), func(w *scenario.World) {
		for _, tenant := range []string{"lakeside", "lakeside-2"} {
			w.Want(w.ExportOf(tenant, export.Wish{}), life.Completed)
			if len(w.Rows("patient", tenant)) == 0 {
				w.T().Errorf("%s has no rows in Parquet", tenant)
			}
		}
		if rows := w.Query("SELECT count(*) FROM patient"); fmt.Sprint(rows[0][0]) != fmt.Sprint(len(w.Rows("patient", "lakeside"))+len(w.Rows("patient", "lakeside-2"))) {
			w.T().Errorf("DuckDB has %v patients", rows[0][0])
		}
		w.Pass(24 * time.Hour)
		x := w.Want(w.Export(), life.Completed)
		noise(w)
		wants(w, "(0)\n", "encryption at rest: on", "encryption", "status")
		shown := wants(w, "(0)\n", "Condition", "quarantine", "show", "lakeside", "--export", w.Exports("lakeside")[0].ID)
		if strings.Contains(shown, scenario.Canary) {
			w.T().Error("quarantine shows a name")
		}
		wants(w, "(0)\n", "", "audit", "patients", "lakeside", "--export", x.ID, "--reason", "breach drill")
		if sound := command(w, "doctor", "--deep"); !strings.HasSuffix(sound, "(0)\n") {
			w.T().Error(sound)
		}
		wants(w, "(130)\n", "not typed", "encryption", "shred", "lakeside")
		wants(w, "(0)\n", "noise", "encryption", "shred", "lakeside", "--yes")
		wants(w, "(3)\n", "were destroyed", "quarantine", "show", "lakeside", "--export", w.Exports("lakeside")[0].ID)
		if y := w.Export(); y.State != life.Failed || y.ProblemCode != string(problem.PracticeKeyDestroyed) {
			w.T().Errorf("an export after the keys were destroyed: %s", y)
		}
		w.Pass(24 * time.Hour)
		w.Want(w.ExportOf("lakeside-2", export.Wish{}), life.Completed) // the other practice
	})
}

// wants runs a command, and wants it to end and to say something.
func wants(w *scenario.World, ends, says string, args ...string) string {
	w.T().Helper()
	text := command(w, args...)
	if !strings.HasSuffix(text, ends) || !strings.Contains(text, says) {
		w.T().Errorf("want %q and %q of:\n%s", ends, says, text)
	}
	return text
}

func TestAnExportWaitsForALostKeyAndGoesOnWithIt(t *testing.T) {
	t.Attr("fault", "machine: the key file of a practice is lost between download and ingest -> the export fails with practice_key_missing, and goes on when it is back; the other practice is not touched")
	scenario.Run(t, encrypted(t), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		w.Want(w.ExportOf("lakeside-2", export.Wish{}), life.Completed)
		w.Pass(24 * time.Hour)
		key := filepath.Join(w.State(), atrest.FolderName, "lakeside.json")
		x := w.Request("lakeside", export.Wish{Full: true})
		w.Await(x, life.Polling)
		if err := os.Rename(key, key+".away"); err != nil {
			w.T().Fatal(err)
		}
		w.Settle(x)
		if x.State != life.Failed || x.ProblemCode != string(problem.PracticeKeyMissing) {
			w.T().Fatalf("without the key: %s", x)
		}
		w.Want(w.ExportOf("lakeside-2", export.Wish{}), life.Completed)
		if said := command(w, "doctor"); !strings.Contains(said, "keys are not in the folder of keys") {
			w.T().Error(said)
		}
		if err := os.Rename(key+".away", key); err != nil {
			w.T().Fatal(err)
		}
		if err := w.Engine.Resume(w.T().Context(), "lakeside", x.ID); err != nil {
			w.T().Fatal(err)
		}
		w.Want(w.Settle(x), life.Completed)
		noise(w)
	})
}

func TestWithoutItsKeyNothingIsAskedOfAPracticesServer(t *testing.T) {
	t.Attr("fault", "machine: the key file of a practice is away before the kick-off -> practice_key_missing, and the server is asked for nothing")
	scenario.Run(t, encrypted(t), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		w.Pass(24 * time.Hour)
		asked := len(w.Requests())
		key := filepath.Join(w.State(), atrest.FolderName, "lakeside.json")
		if err := os.Rename(key, key+".away"); err != nil {
			t.Fatal(err)
		}
		x := w.Settle(w.Request("lakeside", export.Wish{Full: true}))
		if x.State != life.Failed || x.ProblemCode != string(problem.PracticeKeyMissing) {
			t.Errorf("without the key: %s", x)
		}
		if n := len(w.Requests()) - asked; n != 0 {
			t.Errorf("%d requests left", n)
		}
		if err := os.Rename(key+".away", key); err != nil {
			t.Fatal(err)
		}
		w.Want(w.Resume(x), life.Completed)
	})
}
