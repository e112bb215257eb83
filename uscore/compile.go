package uscore

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// A builder compiles the profiles of one type into programs over the names
// and codes of one Rules.
type builder struct {
	rules    *Rules
	elements elements
	typ      string
	root     *place
	depth    int // how often an element was found inside itself
	issues   map[Issue]int32
}

// mostDepth is how many items of a QuestionnaireResponse are followed into
// each other, below the outermost. Each level doubles the rules.
const mostDepth = 5

// The canonical URLs and the version of what FHIR itself defines.
const (
	fhirURL     = "http://hl7.org/fhir/StructureDefinition/"
	fhirVersion = "4.0.1"
)

// typeURL is the canonical URL of an R4 type.
func typeURL(typ string) string { return fhirURL + typ }

// program compiles one profile.
func (b *builder) program(p *profile, sets map[string]valueSet) (*program, error) {
	root, err := plan(p, sets)
	if err != nil {
		return nil, err
	}
	for path, e := range b.elements[p.typ] {
		if e.same != "" {
			root.at(path)
		}
	}
	b.root = root
	o, _, err := b.object([]*place{root}, spot{typ: p.typ}, nil)
	if err != nil {
		return nil, fmt.Errorf("profile %s: %w", p.url, err)
	}
	return &program{url: p.url, root: o}, nil
}

// issue returns the number of an issue.
func (b *builder) issue(i Issue) int32 {
	n, ok := b.issues[i]
	if !ok {
		n = int32(len(b.rules.issues))
		b.issues[i] = n
		b.rules.issues = append(b.rules.issues, i)
	}
	return n
}

// A scope gives the bits of one object to the terms that its clauses use.
type scope struct {
	bits  map[mark]uint64
	marks []mark
}

// A mark is a term, or that there are at least min items of its step.
type mark struct {
	term
	min int
}

func (s *scope) bit(t term, min int) uint64 {
	m := mark{t, max(min, 1)}
	if m.kind != termPresent {
		m.min = 0
	}
	bit, ok := s.bits[m]
	if !ok {
		bit = 1 << len(s.marks)
		s.bits[m] = bit
		s.marks = append(s.marks, m)
	}
	return bit
}

func (s *scope) mask(terms []term) uint64 {
	var mask uint64
	for _, t := range terms {
		mask |= s.bit(t, 1)
	}
	return mask
}

// object compiles the rules of several places for one JSON object whose own
// elements stand at the spot. It returns the bits that it gives to wanted.
func (b *builder) object(places []*place, at spot, wanted []term) (*object, []uint64, error) {
	o := &object{}
	s := &scope{bits: map[mark]uint64{}}
	for _, p := range places {
		for _, c := range p.clauses {
			b.clause(o, s, c)
		}
	}
	given := make([]uint64, len(wanted))
	for i, t := range wanted {
		given[i] = s.bit(t, 1)
	}
	for _, m := range s.marks {
		places[0].below(m.step)
	}
	for _, name := range childNames(places) {
		e, ok := b.elements.below(at, name)
		if !ok {
			if len(at.path) == 0 && at.typ != b.typ {
				continue // a choice's other type has it
			}
			return nil, nil, fmt.Errorf("%s.%s: not an element that is known", places[0].id, name)
		}
		var kids []*place
		for _, p := range places {
			if i := slices.IndexFunc(p.children, func(c *place) bool { return c.name == name }); i >= 0 {
				kids = append(kids, p.children[i])
			}
		}
		if err := b.members(o, s, kids, seat{name: name, element: e, at: at}); err != nil {
			return nil, nil, err
		}
	}
	if len(s.marks) > 64 {
		return nil, nil, fmt.Errorf("%s: more than 64 things to remember", places[0].id)
	}
	b.index(o)
	return o, given, nil
}

func childNames(places []*place) []string {
	var names []string
	for _, p := range places {
		for _, c := range p.children {
			if !slices.Contains(names, c.name) {
				names = append(names, c.name)
			}
		}
	}
	return names
}

// clause compiles a rule. What is only the absence of one thing becomes a
// need, so that an object without faults is passed by one comparison.
func (b *builder) clause(o *object, s *scope, r clauseRule) {
	c := clause{test: r.test.holds, issue: b.issue(r.issue)}
	if r.min > 0 {
		c.none = s.bit(term{kind: termPresent, step: r.step}, r.min)
	} else {
		c.all, c.none = s.mask(r.all), s.mask(r.none)
	}
	o.reads = append(o.reads, r.test.reads...)
	if c.all == 0 && c.test == nil && bits.OnesCount64(c.none) == 1 {
		o.need |= c.none
		o.needs = append(o.needs, c)
		return
	}
	o.clauses = append(o.clauses, c)
}

// index makes the table from the numbers of member names to members.
func (b *builder) index(o *object) {
	if len(o.members) == 0 {
		return
	}
	keys := make([]int32, len(o.members))
	for i, m := range o.members {
		keys[i] = b.rules.shape.Key(m.name)
	}
	o.low = slices.Min(keys)
	o.index = make([]uint16, slices.Max(keys)-o.low+1)
	for i, k := range keys {
		o.index[k-o.low] = uint16(i + 1)
	}
}

// stepOf splits a step into the element's name and the slice's.
func stepOf(step string) (name, slice string) {
	name, slice, _ = strings.Cut(step, ":")
	return name, slice
}
