package population_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

// small is a practice that changes fast, so that a few weeks show everything.
func small() population.Config {
	return population.Config{
		Seed: 7, Practice: "Harbor Pediatrics & \"Family\" Médecine", Patients: 60,
		VisitsPerPatient: 5, ObservationsPerPatient: 45,
		ChangeRate: 0.01, DeleteRate: 0.01, PatientDeleteRate: 0.004, JoinRate: 0.02,
	}
}

func epoch() time.Time { return population.New(population.Config{}).Config().Epoch }

func weeks(n int) time.Time { return epoch().AddDate(0, 0, 7*n) }

// collect returns copies of a type's resources.
func collect(t *testing.T, p *population.Population, resourceType string, since, until time.Time) [][]byte {
	t.Helper()
	var all [][]byte
	for b, err := range p.Resources(resourceType, since, until) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.Clone(b))
	}
	return all
}

// A resource is what most tests read of one.
type resource struct {
	ResourceType string `json:"resourceType"`
	ID           string `json:"id"`
	Meta         struct {
		VersionID   string   `json:"versionId"`
		LastUpdated string   `json:"lastUpdated"`
		Profile     []string `json:"profile"`
	} `json:"meta"`
}

func parse(t *testing.T, b []byte) resource {
	t.Helper()
	var r resource
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return r
}

func TestTypesAreThoseOfAnExportAndTwoMore(t *testing.T) {
	want := fhir.TypeSet(append([]string{"Appointment", "MedicationStatement"}, fhir.ECWTypes...))
	if diff := cmp.Diff(want, population.Types()); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
}

func TestEveryTypeHasResources(t *testing.T) {
	p := population.New(small())
	for _, typ := range population.Types() {
		if p.Count(typ, time.Time{}, epoch()) == 0 {
			t.Errorf("no %s", typ)
		}
	}
}

func TestTwoPopulationsOfOneConfigWriteTheSameBytes(t *testing.T) {
	for _, style := range []population.IDStyle{population.Sequential, population.UUID} {
		c := small()
		c.IDs = style
		for _, typ := range population.Types() {
			a := collect(t, population.New(c), typ, time.Time{}, weeks(3))
			b := collect(t, population.New(c), typ, time.Time{}, weeks(3))
			if !slices.EqualFunc(a, b, bytes.Equal) {
				t.Errorf("%s differs between two runs", typ)
			}
		}
	}
}

func TestTwoPracticesShareIDsButNotPeople(t *testing.T) {
	c := small()
	here := collect(t, population.New(c), "Patient", time.Time{}, epoch())
	c.Practice = "Another"
	there := collect(t, population.New(c), "Patient", time.Time{}, epoch())
	same := 0
	for i := range here {
		if parse(t, here[i]).ID != parse(t, there[i]).ID {
			t.Fatalf("patient %d has two ids", i)
		}
		if bytes.Equal(here[i], there[i]) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d patients are the same in two practices", same)
	}
	c.IDs = population.UUID
	ids := map[string]bool{}
	for _, practice := range []string{"One", "Two"} {
		c.Practice = practice
		for _, b := range collect(t, population.New(c), "Patient", time.Time{}, epoch()) {
			ids[parse(t, b).ID] = true
		}
	}
	if len(ids) != 120 {
		t.Errorf("%d UUIDs for 120 patients", len(ids))
	}
}

func TestEveryResourceIsOneLineOfStrictJSON(t *testing.T) {
	c := small()
	c.Canary = "zebra\t\"é\""
	p := population.New(c)
	for _, typ := range population.Types() {
		seen := map[string]bool{}
		for _, b := range collect(t, p, typ, time.Time{}, weeks(6)) {
			if bytes.ContainsAny(b, "\n\r") {
				t.Fatalf("%s has a line end: %s", typ, b)
			}
			r := parse(t, b)
			var whole any
			if err := json.Unmarshal(b, &whole); err != nil { // refuses duplicate names and bad UTF-8
				t.Fatalf("%v in %s", err, b)
			}
			if r.ResourceType != typ || r.ID == "" || seen[r.ID] {
				t.Fatalf("bad type or id %q in %s", r.ID, b)
			}
			seen[r.ID] = true
			if empty := emptyPart(whole); empty != "" {
				t.Fatalf("%s is empty in %s", empty, b)
			}
		}
	}
}

// emptyPart names an empty string, list or object in v; FHIR forbids them.
func emptyPart(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for name, w := range v {
			if at := emptyPart(w); at != "" {
				return name + "." + at
			}
		}
		if len(v) == 0 {
			return "{}"
		}
	case []any:
		for i, w := range v {
			if at := emptyPart(w); at != "" {
				return fmt.Sprintf("[%d]%s", i, at)
			}
		}
		if len(v) == 0 {
			return "[]"
		}
	case string:
		if strings.TrimSpace(v) == "" {
			return `""`
		}
	}
	return ""
}

func TestShardsAreDisjointAndTogetherTheWhole(t *testing.T) {
	p := population.New(small())
	for _, typ := range population.Types() {
		whole := map[string]bool{}
		for _, b := range collect(t, p, typ, weeks(1), weeks(5)) {
			whole[string(b)] = true
		}
		got := 0
		for i := range 3 {
			shard := p.Shard(i, 3)
			if i == 1 { // a shard of shards is a shard
				for j := range 2 {
					got += within(t, collect(t, shard.Shard(j, 2), typ, weeks(1), weeks(5)), whole)
				}
				continue
			}
			got += within(t, collect(t, shard, typ, weeks(1), weeks(5)), whole)
		}
		if got != p.Count(typ, weeks(1), weeks(5)) || len(whole) != 0 {
			t.Errorf("%s: shards yield %d of %d, %d are in none", typ, got, p.Count(typ, weeks(1), weeks(5)), len(whole))
		}
	}
}

// within takes each of some out of whole.
func within(t *testing.T, some [][]byte, whole map[string]bool) int {
	t.Helper()
	for _, b := range some {
		if !whole[string(b)] {
			t.Fatalf("in two shards or in none: %s", b)
		}
		delete(whole, string(b))
	}
	return len(some)
}

func TestCountIsWhatIsGenerated(t *testing.T) {
	p := population.New(small())
	for _, typ := range population.Types() {
		for _, w := range [][2]time.Time{{{}, epoch().AddDate(-3, 0, 0)}, {{}, epoch()}, {{}, weeks(8)}, {weeks(2), weeks(3)}} {
			if got, want := p.Count(typ, w[0], w[1]), len(collect(t, p, typ, w[0], w[1])); got != want {
				t.Errorf("%s %v: Count = %d, generated %d", typ, w, got, want)
			}
		}
	}
}

func TestTheConfiguredSizesAreMet(t *testing.T) {
	c := population.Config{Seed: 3, Patients: 2000, VisitsPerPatient: 12, ObservationsPerPatient: 150}
	p := population.New(c)
	if got := p.Count("Patient", time.Time{}, epoch()); got != 2000 {
		t.Errorf("patients = %d, want 2000", got)
	}
	for typ, want := range map[string]float64{"Encounter": 12, "Observation": 150} {
		got := float64(p.Count(typ, time.Time{}, epoch())) / 2000
		if got < want*0.85 || got > want*1.15 {
			t.Errorf("%s per patient = %.1f, want about %.0f", typ, got, want)
		}
	}
}

func TestAnUnknownTypeIsAnError(t *testing.T) {
	p := population.New(small())
	for b, err := range p.Resources("Basic", time.Time{}, epoch()) {
		if b != nil || err == nil {
			t.Errorf("Resources = %s, %v, want an error", b, err)
		}
	}
	if n := p.Count("Basic", time.Time{}, epoch()); n != 0 {
		t.Errorf("Count = %d", n)
	}
}
