package uscore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A seat is one element of an object: what R4 says of it and where it stands.
type seat struct {
	element

	name string
	at   spot
}

// members compiles the rules of one element for each JSON name it may have.
func (b *builder) members(o *object, s *scope, kids []*place, e seat) error {
	if !strings.HasSuffix(e.name, "[x]") {
		typ := "BackboneElement"
		if e.same == "" {
			typ = e.types[0]
		}
		return b.member(o, s, kids, seatType{seat: e, typ: typ, json: e.name})
	}
	choice := s.bit(term{kind: termPresent, step: e.name}, 1)
	for _, typ := range e.types {
		places := slices.Clone(kids)
		t := seatType{seat: e, typ: typ, json: jsonName(e.name, typ), choice: choice, refused: none}
		for _, k := range kids {
			for _, typed := range k.typed {
				if strings.EqualFold(typed.typ, typ) {
					places = append(places, typed)
				}
			}
			if k.allowed != nil && !slices.Contains(k.allowed, typ) {
				t.refused = b.issue(k.limits)
			}
		}
		if err := b.member(o, s, places, t); err != nil {
			return err
		}
	}
	return nil
}

// A seatType is a seat with one of its types.
type seatType struct {
	seat

	typ     string
	json    string
	choice  uint64 // the bit of a choice element, else 0
	refused int32
}

func (b *builder) member(o *object, s *scope, places []*place, e seatType) error {
	m := member{
		name: e.json, list: e.list, kinds: kindsOf(e.typ), choice: e.choice, refused: none, twice: none,
		wrongType: b.issue(Issue{Rule: RuleType, Path: places[0].id, Profile: typeURL(b.typ)}),
	}
	if e.choice != 0 {
		m.refused = e.refused
		m.twice = b.issue(Issue{Rule: RuleChoice, Path: places[0].id, Profile: typeURL(b.typ)})
	}
	marks := b.marksOf(s, e)
	b.presence(&m, s, marks, e)
	if m.refused == none {
		if err := b.content(&m, s, marks, places, e); err != nil {
			return err
		}
	}
	m.deep = m.texts != nil || m.codes != nil || m.object != nil || m.slices != nil
	m.plain = !m.deep && !m.list && m.choice == 0 && m.enough.min == 0
	o.members = append(o.members, m)
	if primitive(e.typ) && m.bits|m.enough.bits != 0 {
		o.members = append(o.members, member{name: "_" + e.json, under: true, bits: m.bits | m.enough.bits})
	}
	return nil
}

// marksOf returns the marks that are about the element with this type.
func (b *builder) marksOf(s *scope, e seatType) []mark {
	var found []mark
	for _, m := range s.marks {
		name, slice := stepOf(m.step)
		if name != e.name || e.choice != 0 && slice != "" && slice != e.json || m.kind == termTyped && m.detail != e.typ {
			continue
		}
		found = append(found, m)
	}
	return found
}

// presence gives a member the bits of its being there.
func (b *builder) presence(m *member, s *scope, marks []mark, e seatType) {
	for _, x := range marks {
		_, slice := stepOf(x.step)
		switch {
		case x.kind == termTyped:
			m.bits |= s.bits[x]
		case x.kind != termPresent || slice != "" && e.choice == 0:
		case x.min > 1:
			m.enough = atLeast{int32(x.min), s.bits[x]}
		default:
			m.bits |= s.bits[x]
		}
	}
}

// content compiles what is demanded of a member's items.
func (b *builder) content(m *member, s *scope, marks []mark, places []*place, e seatType) error {
	for _, p := range places {
		for _, t := range p.texts {
			if m.kinds == 1<<tape.String {
				m.texts = append(m.texts, text{t.want, t.test, b.issue(t.issue)})
			}
		}
	}
	if err := b.codes(m, s, marks, places, e); err != nil {
		return err
	}
	if primitive(e.typ) {
		return nil
	}
	inner := e.inside(e.at, e.name, e.typ)
	if e.same != "" {
		return b.again(m, b.root.at(e.same), inner)
	}
	if err := b.inner(m, s, marks, places, inner); err != nil {
		return err
	}
	for _, p := range places {
		for _, q := range p.slices {
			x, err := b.slice(s, q, inner)
			if err != nil {
				return err
			}
			m.slices = append(m.slices, x)
		}
	}
	b.urls(m, s, marks)
	return nil
}

// again compiles the rules of a place for an element that has the same content
// inside itself, as items have items, as far down as they are followed.
func (b *builder) again(m *member, p *place, at spot) error {
	if b.depth == mostDepth {
		return nil
	}
	b.depth++
	defer func() { b.depth-- }()
	var err error
	m.object, _, err = b.object([]*place{p}, at, nil)
	return err
}

// inner compiles the object of a member, if there are rules for it, and lifts
// what the object above wants to know of it.
func (b *builder) inner(m *member, s *scope, marks []mark, places []*place, at spot) error {
	var wanted []term
	var up []uint64
	for _, x := range marks {
		if x.kind == termInside {
			wanted = append(wanted, term{kind: termPresent, step: x.detail})
			up = append(up, s.bits[x])
		}
	}
	if wanted == nil && !slices.ContainsFunc(places, func(p *place) bool { return p.children != nil || p.clauses != nil }) {
		return nil
	}
	o, given, err := b.object(places, at, wanted)
	if err != nil {
		return err
	}
	m.object = o
	for i, mask := range given {
		m.lifts = append(m.lifts, lift{mask, up[i]})
	}
	return nil
}

// slice compiles a slice of a list whose items' elements stand at the spot.
func (b *builder) slice(s *scope, p *place, at spot) (slice, error) {
	x := slice{bits: s.bits[mark{term{kind: termPresent, step: p.step}, 1}]}
	if p.how == nil || p.codes != nil || p.texts != nil {
		return x, fmt.Errorf("%s: a slice that cannot be told, or whose items have a value", p.id)
	}
	typ := at.typ
	if p.how.where != "" {
		x.where, x.key = p.how.where, b.rules.shape.Key(p.how.where)
		e, _ := b.elements.below(at, p.how.where)
		typ = strings.Join(e.types, "|")
	}
	switch {
	case p.how.url != "":
		x.form, x.text = formURL, p.how.url
	case p.how.system != "":
		x.form, x.text = formSystem, p.how.system
	case typ == "CodeableConcept":
		x.form, x.set = formConcept, b.set(p.how.codes)
	case typ == "Coding":
		x.form, x.set = formCoding, b.set(p.how.codes)
	default:
		return x, fmt.Errorf("%s: a slice by the codes of %s", p.id, typ)
	}
	if p.children == nil && p.clauses == nil {
		return x, nil
	}
	var err error
	x.object, _, err = b.object([]*place{p}, at, nil)
	return x, err
}

// urls makes slices of the extensions that terms ask for.
func (b *builder) urls(m *member, s *scope, marks []mark) {
	for _, x := range marks {
		if x.kind == termURL {
			m.slices = append(m.slices, slice{form: formURL, text: x.detail, bits: s.bits[x]})
		}
	}
}

// kindsOf returns the JSON kinds of a datatype, one bit each.
func kindsOf(typ string) uint8 {
	switch typ {
	case "boolean":
		return 1<<tape.False | 1<<tape.True
	case "decimal", "integer", "positiveInt", "unsignedInt":
		return 1 << tape.Number
	}
	if primitive(typ) {
		return 1 << tape.String
	}
	return 1 << tape.Object
}
