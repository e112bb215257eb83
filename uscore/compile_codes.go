package uscore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// codes compiles what is demanded of the codes of a member's items, and what
// the terms of the object ask of them.
func (b *builder) codes(m *member, s *scope, marks []mark, places []*place, e seatType) error {
	c := &codes{}
	var known bool
	c.form, known = formOf(e.typ)
	for _, p := range places {
		for _, r := range p.codes {
			if !known || r.set == nil {
				return fmt.Errorf("%s: %s has no codes that can be judged", p.id, e.typ)
			}
			set := b.set(r.set)
			if c.form == formText {
				set = b.plainSet(r.set)
			}
			c.demands = append(c.demands, codeDemand{set, r.issue.Rule == RuleBinding, b.issue(r.issue)})
		}
	}
	for _, x := range marks {
		switch x.kind {
		case termCode:
			c.bits = append(c.bits, codeBit{b.plainSet(valueSet{"": strings.Fields(x.codes)}), s.bits[x]})
		case termCoding:
			c.bits = append(c.bits, codeBit{b.set(valueSet{x.detail: strings.Fields(x.codes)}), s.bits[x]})
		case termSystem:
			c.systems = true
			c.bits = append(c.bits, codeBit{b.systemSet(x.detail), s.bits[x]})
		default:
		}
	}
	if c.bits != nil || c.demands != nil {
		m.codes = c
	}
	return nil
}

// formOf says where the codes of a datatype stand.
func formOf(typ string) (form, bool) {
	switch typ {
	case "code", "string", "uri":
		return formText, true
	case "Coding":
		return formCoding, true
	case "CodeableConcept":
		return formConcept, true
	case "Quantity", "Age", "Duration":
		return formQuantity, true
	}
	return formText, false
}

// set numbers the codings of a value set.
func (b *builder) set(v valueSet) codeSet {
	var set codeSet
	for _, system := range slices.Sorted(maps.Keys(v)) {
		for _, code := range v[system] {
			set.add(b.rules.codes.id(system, code))
		}
	}
	return set
}

// plainSet numbers the codes of a value set without their systems, as they
// stand in an element that has only a code.
func (b *builder) plainSet(v valueSet) codeSet {
	var set codeSet
	for _, system := range slices.Sorted(maps.Keys(v)) {
		for _, code := range v[system] {
			set.add(b.rules.codes.id("", code))
		}
	}
	return set
}

// anySystem stands for the system of a coding, whatever it is. It is no
// system's name.
const anySystem = "*"

// systemSet numbers a system; "" is any.
func (b *builder) systemSet(system string) codeSet {
	if system == "" {
		system = anySystem
	}
	var set codeSet
	set.add(b.rules.codes.id(system, ""))
	return set
}
