package uscore

import "strings"

// An element is what R4 says of one element of a type: the datatypes it may
// have, and whether it is a list.
type element struct {
	types []string
	list  bool
	same  string // the path of the element whose content this one has
}

// elements are those of the types and datatypes that rules stand on, by type
// and path.
type elements map[string]map[string]element

func readElements() (elements, error) {
	seq, err := lines("elements")
	if err != nil {
		return nil, err
	}
	all := elements{}
	var last map[string]element
	for words := range seq {
		if words[0] == "elements" {
			last = map[string]element{}
			all[words[2]] = last
			continue
		}
		types, list := strings.CutSuffix(words[1], "*")
		e := element{list: list}
		if same, ok := strings.CutPrefix(types, "="); ok {
			e.same = same
		} else {
			e.types = strings.Split(types, "|")
		}
		last[words[0]] = e
	}
	return all, nil
}

// A spot is where an element stands: in a type, at a path of names.
type spot struct{ typ, path string }

// below returns the element of that name below s, and the spot whose elements
// are its own when it has the type typ.
func (all elements) below(s spot, name string) (element, bool) {
	e, ok := all[s.typ][join(s.path, name)]
	return e, ok
}

// inside returns the spot of the elements of s.name, of the type typ.
func (e element) inside(s spot, name, typ string) spot {
	switch {
	case e.same != "":
		return spot{s.typ, e.same}
	case typ == "BackboneElement":
		return spot{s.typ, join(s.path, name)}
	}
	return spot{typ, ""}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// primitive reports whether a datatype is one that JSON holds as a scalar.
func primitive(typ string) bool { return typ[0] >= 'a' && typ[0] <= 'z' }

// jsonName returns the member name of a choice element with that type.
func jsonName(name, typ string) string {
	return strings.TrimSuffix(name, "[x]") + strings.ToUpper(typ[:1]) + typ[1:]
}
