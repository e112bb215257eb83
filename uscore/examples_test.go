package uscore

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// An example is a resource that conforms to what it claims.
type example struct {
	name     string
	version  Version
	resource node
	claims   []*profile // known ones of its type
}

var loaded = sync.OnceValues(func() (map[Version]*Guide, error) {
	all := map[Version]*Guide{}
	for _, v := range Versions() {
		g, err := Load(v)
		if err != nil {
			return nil, err
		}
		all[v] = g
	}
	return all, nil
})

func guide(t testing.TB, v Version) *Guide {
	t.Helper()
	all, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return all[v]
}

// ownExamples are the resources of testdata; published ones are HL7's, when
// they lie beside this repository.
func ownExamples(t testing.TB, v Version) []example {
	t.Helper()
	text, err := os.ReadFile("testdata/" + string(v) + ".ndjson")
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	for line := range bytes.Lines(text) {
		all = append(all, newExample(t, v, "own", line)...)
	}
	return all
}

func publishedExamples(t testing.TB, v Version) []example {
	t.Helper()
	paths, _ := filepath.Glob("../../shared/us-core/examples/" + string(v) + "/*.json")
	var all []example
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, newExample(t, v, filepath.Base(path), text)...)
	}
	return all
}

func everyExample(t testing.TB, v Version) []example {
	return append(ownExamples(t, v), publishedExamples(t, v)...)
}

// newExample returns the resource, or those of a Bundle.
func newExample(t testing.TB, v Version, from string, text []byte) []example {
	t.Helper()
	var r node
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%s: %v", from, err)
	}
	if r["resourceType"] == "Bundle" {
		var all []example
		for _, e := range list(r["entry"]) {
			if inner, ok := e.(node)["resource"].(node); ok {
				all = append(all, newExample(t, v, from, encode(t, inner))...)
			}
		}
		return all
	}
	e := example{version: v, resource: r}
	e.name = strings.Join([]string{string(v), from, r["resourceType"].(string), r["id"].(string)}, "/")
	g := guide(t, v)
	if meta, ok := r["meta"].(node); ok {
		for _, url := range list(meta["profile"]) {
			url, _, _ := strings.Cut(url.(string), "|")
			if i := slices.IndexFunc(g.profiles[e.typ()], func(p *profile) bool { return p.url == url }); i >= 0 {
				e.claims = append(e.claims, g.profiles[e.typ()][i])
			}
		}
	}
	return []example{e}
}

func (e example) typ() string { return e.resource["resourceType"].(string) }

// profiles are those that the example must satisfy: its claims, else the type.
func (e example) profiles(t testing.TB) []*profile {
	if e.claims != nil {
		return e.claims
	}
	if p := guide(t, e.version).types[e.typ()]; p != nil && e.version == R4 {
		return []*profile{p}
	}
	return nil
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A bench checks resources of all types of a version, with one checker each.
type workbench struct {
	guide    *Guide
	checkers map[string]*Checker
	tape     tape.Tape
}

func newWorkbench(t testing.TB, v Version) *workbench {
	return &workbench{guide: guide(t, v), checkers: map[string]*Checker{}}
}

func (w *workbench) check(t testing.TB, r node) Verdict {
	t.Helper()
	typ, _ := r["resourceType"].(string)
	return w.checkText(t, typ, encode(t, r))
}

func (w *workbench) checkText(t testing.TB, typ string, text []byte) Verdict {
	t.Helper()
	c := w.checkers[typ]
	if c == nil {
		c = w.guide.rulesOf(typ).NewChecker()
		w.checkers[typ] = c
	}
	if err := w.tape.Parse(text, c.rules.shape); err != nil {
		t.Fatal(err)
	}
	return c.Check(&w.tape)
}

func TestExamplesAreAccepted(t *testing.T) {
	for _, v := range Versions() {
		w, accepted := newWorkbench(t, v), 0
		for _, e := range everyExample(t, v) {
			verdict := w.check(t, e.resource)
			switch {
			case e.claims == nil && v != R4:
				// HL7's resources without a claim conform to nothing that they name.
				if verdict.Level == Error && strings.Contains(e.name, "/own/") {
					t.Errorf("%s: %+v", e.name, verdict)
				}
			case verdict.Level == Error || verdict.Level == NoProfile:
				t.Errorf("%s: %+v", e.name, verdict)
			case e.claims != nil && verdict.Profile != e.claims[0].url:
				t.Errorf("%s: checked against %s, not against the first it claims", e.name, verdict.Profile)
			default:
				accepted++
			}
		}
		t.Logf("%s: %d accepted", v, accepted)
	}
}

func TestEveryProfileHasAnExampleOfOurOwn(t *testing.T) {
	for _, v := range Versions() {
		shown := map[string]bool{}
		for _, e := range ownExamples(t, v) {
			for _, p := range e.profiles(t) {
				shown[p.url] = true
			}
		}
		for typ, profiles := range guide(t, v).profiles {
			for _, p := range profiles {
				if !shown[p.url] && v != R4 {
					t.Errorf("%s %s: no example of %s", v, typ, p.url)
				}
			}
		}
	}
}
