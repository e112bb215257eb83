package generic

import (
	_ "embed"
	"strings"
)

//go:embed elements.txt
var elementsText string

// Elements knows the R4 elements that lead to codings and references. It is
// immutable and safe for concurrent use.
type Elements struct {
	types map[string]*element
	names []string // of all members, each once: the numbers that shapes need
}

// An element is a type of elements: a data type, a resource type or a backbone
// element.
type element struct {
	is       kind
	backbone bool // may have modifierExtension
	members  []member
}

type member struct {
	name string
	of   *element
}

// A kind says what is done with a value besides reading its members.
type kind uint8

const (
	other kind = iota
	coding
	reference
	resource // of any type: contained, or of a Bundle or Parameters
)

// NewElements reads the list that is part of this program.
func NewElements() *Elements {
	e := &Elements{types: map[string]*element{
		"Coding": {is: coding}, "Reference": {is: reference}, "Resource": {is: resource},
	}}
	for line := range strings.Lines(elementsText) {
		if name, members, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name[0] != '#' {
			e.add(name, members)
		}
	}
	seen := make(map[string]bool)
	for _, t := range e.types {
		for _, m := range t.members {
			if !seen[m.name] {
				seen[m.name] = true
				e.names = append(e.names, m.name)
			}
		}
	}
	e.names = append(e.names, "extension", "modifierExtension")
	return e
}

// add adds one line of the list.
func (e *Elements) add(name, members string) {
	t := e.named(name)
	for m := range strings.FieldsSeq(members) {
		m, of, named := strings.Cut(m, "=")
		if !named {
			of = name + "." + m
		}
		t.members = append(t.members, member{m, e.named(of)})
		if m == "contained" || strings.Contains(name, ".") {
			t.backbone = true
		}
	}
}

// named returns the element type of that name, which may still be without its
// members.
func (e *Elements) named(name string) *element {
	t := e.types[name]
	if t == nil {
		t = &element{}
		e.types[name] = t
	}
	return t
}

// member returns the element type of a member; nil when nothing below it
// counts.
func (e *Elements) member(of *element, name string) *element {
	for _, m := range of.members {
		if m.name == name {
			return m.of
		}
	}
	if name == "extension" || name == "modifierExtension" && of.backbone {
		return e.types["Extension"]
	}
	return nil
}
