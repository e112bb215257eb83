package uscore

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A Guide is the profiles of one version. It is immutable to its users and
// safe for concurrent use; the rules of a type are compiled when they are
// first asked for.
type Guide struct {
	version  Version
	types    map[string]*profile   // of R4, by resource type
	profiles map[string][]*profile // of the guide, by resource type
	elements elements
	sets     map[string]valueSet

	mu     sync.Mutex
	single map[string]*Rules // for Validate
}

// Load reads the profiles of a version from the rules that are part of this
// package. The error names a version that is not one of [Versions].
func Load(v Version) (*Guide, error) {
	if !slices.Contains(versions, v) {
		return nil, fmt.Errorf("load rules: no version %q, there are %v", v, versions)
	}
	g := &Guide{version: v, types: map[string]*profile{}, profiles: map[string][]*profile{}, single: map[string]*Rules{}}
	base, err := readProfiles("r4-4.0.1", nil)
	if err != nil {
		return nil, err
	}
	byURL := map[string]*profile{}
	for _, p := range base {
		g.types[p.typ], byURL[p.url] = p, p
	}
	if v != R4 {
		own, err := readProfiles(string(v), byURL)
		if err != nil {
			return nil, err
		}
		for _, p := range own {
			g.profiles[p.typ] = append(g.profiles[p.typ], p)
		}
	} else {
		for _, p := range base {
			g.profiles[p.typ] = []*profile{p}
		}
	}
	if g.elements, err = readElements(); err != nil {
		return nil, err
	}
	g.sets, err = readValueSets()
	return g, err
}

// Version returns the version of the guide.
func (g *Guide) Version() Version { return g.version }

// ResourceTypes returns the types that the guide has profiles for, sorted.
func (g *Guide) ResourceTypes() []string { return slices.Sorted(maps.Keys(g.profiles)) }

// Profiles returns the canonical URLs of the profiles for a type, sorted.
func (g *Guide) Profiles(resourceType string) []string {
	var urls []string
	for _, p := range g.profiles[resourceType] {
		urls = append(urls, p.url)
	}
	slices.Sort(urls)
	return urls
}

// MustSupport returns the ids of the elements that a profile of the type marks
// as must-support, such as "Observation.code" or
// "Observation.component:systolic", sorted and each once. It is empty for a
// type without a profile.
func (g *Guide) MustSupport(resourceType string) []string {
	var ids []string
	for _, p := range g.profiles[resourceType] {
		for _, r := range p.rules {
			if r.kind == "must" {
				ids = append(ids, p.typ+"."+r.path)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Validate checks one resource, given as JSON. It is for single use: who has
// many takes [Guide.Want]. A text that is not JSON is a [*tape.SyntaxError];
// JSON that names no resourceType has the level NoProfile, or Error when it is
// no object. The verdict's issues are the caller's.
func (g *Guide) Validate(resource []byte) (Verdict, error) {
	shape := tape.NewShape()
	shape.Root().Member("resourceType")
	var t tape.Tape
	if err := t.Parse(resource, shape); err != nil {
		return Verdict{}, fmt.Errorf("parse resource: %w", err)
	}
	typ := ""
	if n := t.Member(0, shape.Key("resourceType")); n >= 0 && t.Node(n).Kind == tape.String {
		typ = string(t.Text(n))
	}
	rules := g.rulesOf(typ)
	if err := t.Parse(resource, rules.shape); err != nil {
		return Verdict{}, fmt.Errorf("parse resource: %w", err)
	}
	return rules.NewChecker().Check(&t), nil
}

// rulesOf returns rules with a shape of their own. Types that are not known
// share one, so that names from outside take no memory.
func (g *Guide) rulesOf(typ string) *Rules {
	if g.types[typ] == nil && g.profiles[typ] == nil {
		typ = ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.single[typ]
	if r == nil {
		r = g.Want(typ, tape.NewShape())
		g.single[typ] = r
	}
	return r
}
