package scenario_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// plainPlaces are where records, or ids of patients and resources, may be read
// although encryption is on, each with the words by which docs/encryption.md
// says so.
var plainPlaces = map[string]string{
	"tables.duckdb": "the sinks: `tables.duckdb`, the folder `parquet`",
	"parquet":       "the sinks: `tables.duckdb`, the folder `parquet`",
}

// grouped is a practice of a group with documents, refused lines and patients
// who join, which is encrypted by a house key when that is not empty.
func grouped(house string) scenario.Spec {
	spec := newMembers(sandbox.STU4, "standard-stu4")
	knobs := spec.Knobs
	spec.Knobs = func(k *sandbox.Knobs) {
		knobs(k)
		k.Attach, k.AttachSize = sandbox.AttachRelative, 700
		k.Bad = []sandbox.BadLines{{Type: "Condition", Broken: 2, NoID: 1}}
	}
	spec.Source = sandbox.FromPopulation(population.New(population.Config{
		Seed: 1, Practice: "lakeside", Patients: spec.Patients, Epoch: scenario.Begin, VisitsPerPatient: 3, ObservationsPerPatient: 6,
		ChangeRate: 0.02, DeleteRate: 0.01, JoinRate: 0.02, Canary: scenario.Canary, IDs: population.UUID, // which can be looked for
	}))
	spec.DuckDB, spec.Types = true, []string{"Condition", "DocumentReference", "Observation", "Patient"}
	spec.Tenant.Config += "\nattachments: {fetch: true}\nagreement: {attachments: true}"
	if house != "" {
		spec.Config = "encryption: {key_file: '" + house + "'}"
	}
	return spec
}

func houseKey(t *testing.T) string {
	t.Helper()
	house := filepath.Join(t.TempDir(), "house.json")
	if _, err := atrest.NewHouseKey(house); err != nil {
		t.Fatal(err)
	}
	return house
}

// known are the words that a thief would look for: a word of all names, and the
// ids of all resources.
func known(w *scenario.World) (words map[string]string) {
	w.T().Helper()
	words = map[string]string{"a name": scenario.Canary}
	for _, row := range w.Query("SELECT resource_type, id FROM _bulkhead_resource") {
		words[fmt.Sprintf("the id of %v %v", row[0], row[1])] = fmt.Sprint(row[1])
	}
	if len(words) < 100 {
		w.T().Fatalf("only %d words", len(words))
	}
	return words
}

// readable gives the places below a folder where one of the words can be read,
// each with one of them.
func readable(w *scenario.World, folder string, words map[string]string) map[string]string {
	w.T().Helper()
	places, files := map[string]string{}, 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		place, rest, _ := strings.Cut(filepath.ToSlash(name), "/")
		if place == "state" {
			place = rest
		}
		for what, word := range words {
			if bytes.Contains(text, []byte(word)) {
				places[place] = what
				break
			}
		}
		return err
	})
	if err != nil || files < 20 {
		w.T().Fatalf("%d files were looked at, %v", files, err)
	}
	return places
}

// columns gives the columns of the ledger where one of the words can be read.
func columns(w *scenario.World, words map[string]string) map[string]string {
	w.T().Helper()
	places := map[string]string{}
	for column, text := range w.Ledger() {
		for what, word := range words {
			if strings.Contains(text, word) {
				places["ledger: "+column] = what
				break
			}
		}
	}
	return places
}

func TestAStolenFolderSaysOnlyWhatThePageOfEncryptionSays(t *testing.T) {
	t.Attr("fault", "hostile: the state folder of a bulkhead with encryption is stolen with its ledger, logs and a backup of it -> names and ids are read nowhere but in the places that docs/encryption.md lists")
	page, err := os.ReadFile("../../docs/encryption.md")
	if err != nil {
		t.Fatal(err)
	}
	scenario.Run(t, grouped(houseKey(t)), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		w.Pass(24 * time.Hour)
		w.Want(w.Export(), life.Completed)
		if members, named := w.Count(sandbox.KindKickoff), w.Ledger(); members < 4 || !strings.Contains(named["export.parameters"], `"patients":["~`) || !strings.Contains(named["member.patient"], "~") {
			t.Fatalf("%d kick-offs; nobody joined: the test would show little", members)
		}
		wants(w, "(0)\n", "", "backup", filepath.Join(w.State(), "copy.db"))
		words := known(w)
		plain := columns(w, words)
		for place, what := range readable(w, filepath.Dir(w.ConfigFile()), words) {
			if strings.HasPrefix(place, "ledger.db") || place == "copy.db" {
				if len(plain) == 0 {
					t.Errorf("%s has %s in no column", place, what)
				}
				continue
			}
			plain[place] = what
		}
		for place, what := range plain {
			if says, listed := plainPlaces[place]; !listed || !bytes.Contains(page, []byte(says)) {
				t.Errorf("%s can be read in %s, and docs/encryption.md does not say so", what, place)
			}
		}
		if missing := slices.DeleteFunc(slices.Sorted(maps.Keys(plainPlaces)), func(place string) bool { return plain[place] != "" }); len(missing) > 0 {
			t.Errorf("nothing can be read in %v: the list is too long", missing)
		}
		for what, word := range words {
			if strings.Contains(w.Log(), word) {
				t.Errorf("the log has %s", what)
			}
		}
		revealed(w)
	})
}

// revealed demands that who joined is told by the ids that the server gave.
func revealed(w *scenario.World) {
	w.T().Helper()
	ids := map[string]bool{}
	for _, row := range w.Query("SELECT id FROM patient") {
		ids[fmt.Sprint(row[0])] = true
	}
	joined := 0
	for line := range strings.Lines(wants(w, "(0)\n", "joined", "roster", "lakeside", "--reveal", "--reason-for-access", "a drill")) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "joined  "); ok {
			joined++
			if !ids[id] {
				w.T().Errorf("%q joined, and is no patient", id)
			}
		}
	}
	if joined == 0 {
		w.T().Error("nobody is told")
	}
}

// membersOf gives what the names of the members in the ledger begin with.
func membersOf(w *scenario.World) (heads []string) {
	w.T().Helper()
	for name := range strings.FieldsSeq(w.Ledger()["member.patient"]) {
		if !atrest.Veiled(name) {
			name = "plain    "
		}
		heads = append(heads, name[:9])
	}
	slices.Sort(heads)
	return slices.Compact(heads)
}

func TestKeysThatComeAndChangeDoNotMakeStrangersOfMembers(t *testing.T) {
	scenario.Run(t, grouped(""), func(w *scenario.World) {
		house := houseKey(t)
		next := func(what string) {
			t.Helper()
			before := len(w.Rows("patient"))
			w.Pass(24 * time.Hour)
			w.Want(w.Export(), life.Completed)
			told := rosters(t, w)
			joined := len(w.Rows("patient")) - before
			if last := told[len(told)-1]; !strings.Contains(last, fmt.Sprintf(" %d joined", joined)) || joined > 10 {
				t.Errorf("%s: %d joined, and the record says %s", what, joined, last)
			}
		}
		w.Want(w.Export(), life.Completed)
		if diff := cmp.Diff([]string{"plain    "}, membersOf(w)); diff != "" {
			t.Errorf("without a key: %s", diff)
		}
		w.Reconfigure("encryption: {key_file: '" + house + "'}")
		next("with a key")
		first := membersOf(w)
		if len(first) != 1 || first[0] == "plain    " {
			t.Errorf("with a key: %q", first)
		}
		wants(w, "(0)\n", "", "encryption", "rotate", "lakeside")
		next("with another key")
		if now := membersOf(w); len(now) != 1 || now[0] == first[0] || now[0] == "plain    " {
			t.Errorf("with another key: %q after %q", now, first)
		}
		revealed(w)
	})
}
