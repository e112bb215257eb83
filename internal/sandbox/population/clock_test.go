package population_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox/population"
)

// A client is what a caller knows who exports now and then: bytes by key.
type client map[string]string

// pull applies the changes and deletions of one export.
func (c client) pull(t require, p *population.Population, since, until time.Time) {
	for _, typ := range population.Types() {
		for b, err := range p.Resources(typ, since, until) {
			if err != nil {
				t.Fatalf("%v", err)
			}
			c[keyOf(t, b)] = string(b)
		}
		for id := range p.Deleted(typ, since, until) {
			delete(c, fhir.Key(typ, id))
		}
	}
}

type require interface {
	Helper()
	Fatalf(format string, args ...any)
}

// keyOf reads the key from the fixed beginning of a generated resource.
func keyOf(t require, b []byte) string {
	t.Helper()
	rest, ok := bytes.CutPrefix(b, []byte(`{"resourceType":"`))
	typ, rest, more := bytes.Cut(rest, []byte(`","id":"`))
	id, _, end := bytes.Cut(rest, []byte(`"`))
	if !ok || !more || !end {
		t.Fatalf("no type and id at the start of %s", b)
	}
	return fhir.Key(string(typ), string(id))
}

func (c client) differs(from client) []string {
	var keys []string
	for k := range maps.Keys(from) {
		if c[k] != from[k] {
			keys = append(keys, k)
		}
	}
	for k := range maps.Keys(c) {
		if _, ok := from[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func TestChangesOfAnyWindowsAddUpToTheWhole(t *testing.T) {
	c := small()
	c.Patients = 5
	c.PatientDeleteRate = 0.01
	c.JoinRate = 0.05
	p := population.New(c)
	first := epoch().AddDate(-4, 0, 0)
	rapid.Check(t, func(rt *rapid.T) {
		days := rapid.SliceOfN(rapid.IntRange(0, 5*365), 2, 5).Draw(rt, "days")
		slices.Sort(days)
		known := client{}
		var last time.Time
		for _, d := range days {
			at := first.AddDate(0, 0, d)
			known.pull(rt, p, last, at)
			last = at
		}
		whole := client{}
		whole.pull(rt, p, time.Time{}, last)
		if diff := known.differs(whole); len(diff) > 0 {
			rt.Fatalf("after %v: %d of %d resources differ, first %s", days, len(diff), len(whole), diff[0])
		}
	})
}

func TestAChangeIsInTheWindowOfItsLastUpdatedOnly(t *testing.T) {
	p := population.New(small())
	since, until := weeks(2), weeks(4)
	for _, typ := range population.Types() {
		for _, b := range collect(t, p, typ, since, until) {
			at, err := fhir.ParseInstant(parse(t, b).Meta.LastUpdated)
			if err != nil {
				t.Fatal(err)
			}
			if !at.After(since) || at.After(until) {
				t.Errorf("%s was last updated at %v, outside of (%v, %v]", keyOf(t, b), at, since, until)
			}
		}
	}
}

func TestTheBoundsOfAWindowAreExact(t *testing.T) {
	p := population.New(small())
	b := collect(t, p, "Encounter", weeks(1), weeks(2))[0]
	at, err := fhir.ParseInstant(parse(t, b).Meta.LastUpdated)
	if err != nil {
		t.Fatal(err)
	}
	in := func(since, until time.Time) bool {
		return slices.ContainsFunc(collect(t, p, "Encounter", since, until), func(x []byte) bool { return bytes.Equal(x, b) })
	}
	if !in(at.Add(-time.Millisecond), at) {
		t.Error("a change at until is not in the window")
	}
	if in(at, at.Add(time.Hour)) {
		t.Error("a change at since is in the window")
	}
}

func TestANewVersionHasNewContent(t *testing.T) {
	c := small()
	c.ChangeRate, c.Patients, c.ObservationsPerPatient = 0.06, 70, 35
	p := population.New(c)
	before, after := client{}, client{}
	before.pull(t, p, time.Time{}, weeks(1))
	after.pull(t, p, time.Time{}, weeks(9))
	edited := map[string]int{}
	for k, was := range before {
		is, ok := after[k]
		if !ok || is == was {
			continue
		}
		if r, s := parse(t, []byte(was)), parse(t, []byte(is)); len(r.Meta.VersionID) > len(s.Meta.VersionID) ||
			r.Meta.VersionID == s.Meta.VersionID || r.Meta.LastUpdated >= s.Meta.LastUpdated {
			t.Errorf("%s went from version %s at %s to %s at %s", k, r.Meta.VersionID, r.Meta.LastUpdated, s.Meta.VersionID, s.Meta.LastUpdated)
		}
		if content(was) == content(is) {
			t.Errorf("two versions of %s have the same content", k)
		}
		edited[parse(t, []byte(is)).ResourceType]++
	}
	for _, typ := range population.Types() {
		never := typ == "Binary" || typ == "Provenance"
		if never != (edited[typ] == 0) {
			t.Errorf("%s: %d edited", typ, edited[typ])
		}
	}
}

// content is a resource without its meta.
func content(s string) string {
	_, rest, _ := bytes.Cut([]byte(s), []byte(`"meta":{`))
	_, rest, _ = bytes.Cut(rest, []byte(`}`))
	return string(rest)
}

func TestWhatIsDeletedIsNotThere(t *testing.T) {
	p := population.New(small())
	whole := client{}
	for _, typ := range population.Types() {
		for _, b := range collect(t, p, typ, time.Time{}, weeks(10)) {
			whole[keyOf(t, b)] = string(b)
		}
	}
	before := client{}
	before.pull(t, p, time.Time{}, weeks(4))
	gone := map[string]bool{}
	for _, typ := range population.Types() {
		for id := range p.Deleted(typ, weeks(4), weeks(10)) {
			k := fhir.Key(typ, id)
			if gone[k] {
				t.Errorf("%s is deleted twice", k)
			}
			gone[k] = true
			if _, there := whole[k]; there {
				t.Errorf("%s is deleted and there", k)
			}
		}
	}
	for k := range before {
		if _, there := whole[k]; !there && !gone[k] {
			t.Errorf("%s went without a deletion", k)
		}
	}
	patients := 0
	for id := range p.Deleted("Patient", weeks(4), weeks(10)) {
		patients++
		for k := range whole {
			if _, tail, _ := bytes.Cut([]byte(k), []byte("/")); bytes.HasPrefix(tail, []byte(id+"-")) {
				t.Errorf("%s outlives its patient", k)
			}
		}
	}
	if patients == 0 || len(gone) < 50 {
		t.Errorf("%d patients and %d resources were deleted, want some", patients, len(gone))
	}
}

func TestNothingMovesWithoutRates(t *testing.T) {
	p := population.New(population.Config{Patients: 20})
	for _, typ := range population.Types() {
		if n := len(slices.Collect(p.Deleted(typ, time.Time{}, weeks(100)))); n > 0 {
			t.Errorf("%d %s deleted at rate 0", n, typ)
		}
	}
	if got := p.Count("Patient", epoch(), weeks(100)); got != deaths(t, p) {
		t.Errorf("%d patients changed at rate 0, but %d died", got, deaths(t, p))
	}
}

// deaths counts who died in the hundred weeks after the epoch.
func deaths(t *testing.T, p *population.Population) int {
	n := 0
	for _, b := range collect(t, p, "Patient", epoch(), weeks(100)) {
		if bytes.Contains(b, []byte("deceasedDateTime")) {
			n++
		}
	}
	return n
}

func TestRatesAreMet(t *testing.T) {
	c := population.Config{
		Seed: 5, Patients: 3000, ChangeRate: 0.005, DeleteRate: 0.002, PatientDeleteRate: 0.001, JoinRate: 0.01,
	}
	p := population.New(c)
	share := func(n int, of int) float64 { return float64(n) / float64(of) }
	near := func(what string, got, want float64) {
		if got < want*0.7 || got > want*1.3 {
			t.Errorf("%s = %.4f in ten days, want about %.4f", what, got, want)
		}
	}
	until := epoch().AddDate(0, 0, 10)
	near("edited coverages", share(p.Count("Coverage", epoch(), until)-joined(p, until), p.Count("Coverage", time.Time{}, until)), 0.05)
	deleted := slices.Collect(p.Deleted("Claim", epoch(), until))
	near("deleted claims", share(len(deleted), p.Count("Claim", time.Time{}, epoch())), 0.02+0.01+0.002)
	near("deleted patients", share(len(slices.Collect(p.Deleted("Patient", epoch(), until))), 3000), 0.01*7/8)
	near("new patients", share(joined(p, until), 3000), 0.1)
}

// joined is how many patients joined after the epoch and are still there.
func joined(p *population.Population, until time.Time) int {
	gone := len(slices.Collect(p.Deleted("Patient", epoch(), until)))
	return p.Count("Patient", time.Time{}, until) + gone - 3000
}

func TestThePastDoesNotDependOnTheSizeOfTheWindow(t *testing.T) {
	p := population.New(small())
	at := epoch().AddDate(-2, 0, 0)
	a, b := client{}, client{}
	a.pull(t, p, time.Time{}, at)
	b.pull(t, population.New(small()).Shard(0, 1), time.Time{}, at)
	if diff := cmp.Diff(0, len(a.differs(b))); diff != "" || len(a) == 0 {
		t.Errorf("%d resources, differing %s", len(a), diff)
	}
}
