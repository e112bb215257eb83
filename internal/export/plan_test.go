package export

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// order gives an order of a practice whose server keeps to the standard.
func order(p *config.Tenant, w Wish) Order {
	folder := os.TempDir()
	cfg, err := config.Parse(filepath.Join(folder, "bulkhead.yaml"), []byte(strings.ReplaceAll(lakeside, "FOLDER", folder)))
	if err != nil {
		panic(err) // the text is ours
	}
	return Order{Config: cfg, Tenant: p, Wish: w}
}

func practice() *config.Tenant {
	return &config.Tenant{
		ID: "lakeside", Profile: "standard", FHIRBaseURL: "https://ehr.example/fhir/r4/LAKESD",
		Level: config.LevelGroup, Group: "g1", Types: []string{"Patient", "Condition", "Patient"}, Sinks: []string{"tables"},
	}
}

func TestTheFirstExportIsFullAndTheNextStartsAtTheWatermark(t *testing.T) {
	first, err := order(practice(), Wish{By: "cli"}).Plan(store.Watermark{}, false)
	if err != nil || first.Mode != Full || first.Since != "" {
		t.Fatalf("first export: mode %s, since %q, %v", first.Mode, first.Since, err)
	}
	if diff := cmp.Diff([]string{"Condition", "Patient"}, first.Types); diff != "" {
		t.Errorf("types: %s", diff)
	}
	mark := store.Watermark{Since: "2026-03-01T10:00:00Z"}
	second, err := order(practice(), Wish{}).Plan(mark, true)
	if err != nil || second.Mode != Incremental || second.Since != mark.Since || second.Stream != first.Stream {
		t.Errorf("second export: %+v, %v", second, err)
	}
	full, err := order(practice(), Wish{Full: true}).Plan(mark, true)
	if err != nil || full.Mode != Full || full.Since != "" {
		t.Errorf("export --full: mode %s, since %q, %v", full.Mode, full.Since, err)
	}
}

func TestOtherTypesOrAnotherGroupAreAnotherStream(t *testing.T) {
	p := practice()
	base := order(p, Wish{}).Stream()
	for _, w := range []Wish{{Types: []string{"Patient"}}, {Group: "g2"}} {
		if order(p, w).Stream() == base {
			t.Errorf("wish %+v shares the stream of the configured export", w)
		}
	}
	if order(p, Wish{Types: []string{"Patient", "Condition"}}).Stream() != base {
		t.Error("the order of types makes another stream")
	}
}

func TestASinceThatIsNoInstantIsRefused(t *testing.T) {
	if _, err := order(practice(), Wish{Since: "yesterday"}).Plan(store.Watermark{}, false); err == nil {
		t.Error("--since yesterday was accepted")
	}
}

func TestAConfiguredFloorBoundsTheFirstExport(t *testing.T) {
	p := practice()
	p.Since = config.Moment{Time: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	i, err := order(p, Wish{}).Plan(store.Watermark{}, false)
	if err != nil || i.Since != "2025-01-01T00:00:00.000Z" {
		t.Fatalf("since = %q, %v", i.Since, err)
	}
	x := store.Export{Intent: i}
	if types, _ := Replaceable(x, nil, nil); len(types) != 0 {
		t.Errorf("an export with a floor may remove %v: what is older than the floor is not in it", types)
	}
}

func TestOnlyWholeTruthsRemoveWhatIsAbsent(t *testing.T) {
	x := store.Export{Intent: store.Intent{Mode: Full, Types: []string{"Condition", "Goal", "Observation", "Patient"}}}
	files := []store.File{ // and none of Goal
		{Section: "output", ResourceType: "Condition", Lines: 3, Blank: 1, Delivered: 2},
		{Section: "output", ResourceType: "Observation", Lines: 1, Quarantined: 1},
		{Section: "output", ResourceType: "Patient", Lines: 2, Delivered: 2},
	}
	cases := []struct {
		name   string
		change func(*store.Export)
		others []string
		want   []string
	}{
		{"full", func(*store.Export) {}, nil, []string{"Condition", "Patient"}},
		{"incremental", func(x *store.Export) { x.Mode = Incremental }, nil, nil},
		{"server errors", func(x *store.Export) { x.ServerErrors = 1 }, nil, nil},
		{"a part of the resources", func(x *store.Export) { x.Parameters.Elements = []string{"id"} }, nil, nil},
		{"another stream", func(*store.Export) {}, []string{`["Patient","Binary"]`}, []string{"Condition"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			y := x
			c.change(&y)
			got, err := Replaceable(y, files, c.others)
			if err != nil || !cmp.Equal(c.want, got) {
				t.Errorf("Replaceable = %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

// A file with nothing in it looks like a group that was emptied.
func TestAFileWithoutResourcesRemovesNothing(t *testing.T) {
	t.Attr("fault", "server: a full export lists an empty file of a type -> complete, nothing of the type removed")
	x := store.Export{Intent: store.Intent{Mode: Full, Types: []string{"Condition", "Patient"}}}
	files := []store.File{
		{Section: "output", ResourceType: "Condition", Lines: 1, Delivered: 1},
		{Section: "output", ResourceType: "Condition"}, // the last of two
		{Section: "output", ResourceType: "Patient", Lines: 2, Blank: 2},
	}
	got, err := Replaceable(x, files, nil)
	if want := []string{"Condition"}; err != nil || !cmp.Equal(want, got) {
		t.Errorf("Replaceable = %v, %v, want %v", got, err, want)
	}
}

func TestLinesOfAnotherTypeAreNotAllOfIt(t *testing.T) {
	x := store.Export{Intent: store.Intent{Mode: Full, Types: []string{"Condition", "Goal", "Observation", "Patient"}}}
	lines := func(of ...string) (text []byte) {
		var s ingest.Summary
		for _, name := range of {
			s.Types = append(s.Types, ingest.TypeLines{Type: name, Lines: 1})
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	files := []store.File{
		{Section: "output", ResourceType: "Patient", Lines: 2, Summary: lines("Patient", "Observation")}, // one strayed
		{Section: "output", ResourceType: "Condition", Lines: 1, Summary: lines("Goal")},                 // said to be of another type
	}
	got, err := Replaceable(x, files, nil)
	if want := []string{"Patient"}; err != nil || !cmp.Equal(want, got) {
		t.Errorf("Replaceable = %v, %v, want %v", got, err, want)
	}
}
