package uscore

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

func TestVersions(t *testing.T) {
	if got := Versions(); !slices.Equal(got, []Version{"3.1.1", "6.1.0", "7.0.0", "8.0.0", "r4"}) || Default != "6.1.0" {
		t.Errorf("got %v, default %v", got, Default)
	}
	for _, v := range []Version{"", "6.1", "9.0.0", "valuesets"} {
		if _, err := Load(v); err == nil || !strings.Contains(err.Error(), "6.1.0") {
			t.Errorf("Load(%q) = %v", v, err)
		}
	}
}

func TestProfilesOfAVersion(t *testing.T) {
	for v, want := range map[Version][2]int{V311: {20, 37}, V610: {26, 49}, V700: {26, 52}, V800: {26, 54}, R4: {28, 28}} {
		g, n := guide(t, v), 0
		for _, typ := range g.ResourceTypes() {
			n += len(g.Profiles(typ))
		}
		if g.Version() != v || len(g.ResourceTypes()) != want[0] || n != want[1] {
			t.Errorf("%s: %d types, %d profiles", g.Version(), len(g.ResourceTypes()), n)
		}
	}
}

func TestMustSupport(t *testing.T) {
	for v, want := range map[Version]int{V311: 130, V610: 250, V700: 250, V800: 250} {
		total := 0
		g := guide(t, v)
		for _, typ := range g.ResourceTypes() {
			ids := g.MustSupport(typ)
			total += len(ids)
			if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
				t.Errorf("%s %s: not sorted, or twice", v, typ)
			}
		}
		if total < want {
			t.Errorf("%s: %d must-support elements", v, total)
		}
	}
	got := guide(t, V610).MustSupport("Goal")
	if want := []string{"Goal.description", "Goal.lifecycleStatus", "Goal.start[x]", "Goal.subject", "Goal.target", "Goal.target.due[x]"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := guide(t, V610).MustSupport("Basic"); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestValidateRefusesWhatIsNotJSON(t *testing.T) {
	_, err := guide(t, Default).Validate([]byte(`{"resourceType":"Patient","name":[`))
	if syntax, ok := errors.AsType[*tape.SyntaxError](err); !ok || syntax.Reason != tape.ReasonTruncated {
		t.Errorf("got %v", err)
	}
}

func TestAGuideIsSafeForConcurrentUse(t *testing.T) {
	g, err := Load(Default)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, typ := range g.ResourceTypes() {
				if _, err := g.Validate([]byte(`{"resourceType":"` + typ + `"}`)); err != nil {
					t.Error(err)
				}
				g.Want(typ, tape.NewShape())
			}
		})
	}
	wg.Wait()
}

// Every line of the rule files is compiled for every type; what cannot be
// checked would be an error here and a panic in Want.
func TestAllRulesCompile(t *testing.T) {
	for _, v := range Versions() {
		g := guide(t, v)
		for typ := range g.types {
			if _, err := g.compile(typ, tape.NewShape()); err != nil {
				t.Errorf("%s: %v", v, err)
			}
		}
	}
}
