package generic

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// Places are where resources of one type have codings and references, in one
// shape. They are immutable and safe for concurrent use.
type Places struct {
	elements *Elements
	root     *element // nil for a type that R4 does not know
	names    []string // by the number that the shape gives them; empty where they are not ours
	key      struct {
		system, code, display, reference, typ, identifier, value, id, resourceType, contained int32
	}
}

// Want adds to shape what a [Reader] needs of resources of that type. A tape
// of another type's resource may be read all the same: it then gives what the
// two types have in common. The shape must not have parsed yet.
func (e *Elements) Want(resourceType string, shape *tape.Shape) *Places {
	p := &Places{elements: e, root: e.types[resourceType]}
	k := &p.key
	for _, own := range []struct {
		name string
		key  *int32
	}{
		{"system", &k.system},
		{"code", &k.code},
		{"display", &k.display},
		{"reference", &k.reference},
		{"type", &k.typ},
		{"identifier", &k.identifier},
		{"value", &k.value},
		{"id", &k.id},
		{"resourceType", &k.resourceType},
		{"contained", &k.contained},
	} {
		*own.key = shape.Key(own.name)
	}
	for _, name := range e.names {
		key := int(shape.Key(name))
		for len(p.names) <= key {
			p.names = append(p.names, "")
		}
		p.names[key] = name
	}
	if p.root != nil {
		w := shape.Root()
		w.Member("resourceType")
		w.Member("id")
		e.want(w, p.root, nil)
	}
	return p
}

// want wants what counts below w, a value of that element type. An element
// inside of its like, which may go on without end, is wanted as a whole.
func (e *Elements) want(w *tape.Want, of *element, above []*element) {
	switch of.is {
	case coding:
		w.Member("system")
		w.Member("code")
		w.Member("display")
	case reference:
		w.Member("reference")
		w.Member("type")
		w.Member("identifier").All()
	case other, resource: // nothing but members
	}
	w.Member("extension").All()
	if of.backbone {
		w.Member("modifierExtension").All()
	}
	above = append(above, of)
	for _, m := range of.members {
		if of.is == reference {
			continue // its identifier is wanted whole
		}
		below := w.Member(m.name)
		if m.of.is == resource || slices.Contains(above, m.of) {
			below.All()
			continue
		}
		e.want(below, m.of, above)
	}
}
