package sqlonfhir

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// Most columns are plain: a path of members from the resource to one value.
// What they give is read from slots, which the parse fills, without nodes and
// without a walk. The general form of the same expression stays what is true:
// where slots cannot tell, it is asked (see [machine.general]).

// A form says what a plain path makes of the value it finds.
type form uint8

const (
	formValue       form = iota
	formReference        // the key of the reference, by getReferenceKey()
	formResourceKey      // the resource's own key; no slot is read
)

// A plainPath is the compiled form of a plain path.
type plainPath struct {
	form    form
	first   bool    // the first of many values will do
	rooted  bool    // starts at %resource, whatever the focus is
	slot    int32   // of the value
	choices []int32 // slots of a choice element's members: at most one of them and slot has a value
	guards  []int32 // slots where a value makes the path not plain
	types   []typeID
	typ     typeID // of the value in slot; types has those of choices
	target  string // of formReference: the type asked for, empty for any
	general expr   // over [machine.whole]
}

// A spot is a place that a plain path leads to.
type spot struct {
	want   *tape.Want
	name   string // as place has it
	guards []int32
}

// plain returns the plain form of an expression whose focus is the resource;
// nil when it has none.
func (b *builder) plain(s *syntax, focus []place) *plainPath {
	if b.whole == nil || b.crowded || !b.isPlain(s) || !b.onlyRoot(focus) && !s.readsRoot() {
		return nil
	}
	x := &plainPath{rooted: s.readsRoot()}
	x.general, _ = b.whole.compileAlone(s, b.whole.root)
	if s.op == opCall && s.name == "getResourceKey" {
		x.form = formResourceKey
		return x
	}
	if s.op == opCall && s.name == "getReferenceKey" {
		at := b.spot(s.src)
		x.form, x.slot, x.guards = formReference, at.want.Under("reference").Slot(), at.guards
		if len(s.args) == 1 {
			x.target = s.args[0].name
		}
		return x
	}
	for s.isFirst() {
		x.first, s = true, s.src
	}
	if s.op == opMember && s != b.typeName(s) {
		b.plainMember(x, s)
		return x
	}
	at := b.spot(s)
	x.slot, x.guards, x.typ = at.want.Slot(), at.guards, typeIDs[at.name]
	return x
}

// plainMember completes a plain path that ends in a member, perhaps a choice
// element.
func (b *builder) plainMember(x *plainPath, s *syntax) {
	owner := b.spot(s.src)
	x.slot, x.guards = owner.want.Under(s.name).Slot(), owner.guards
	if isDate(owner.name, s.name) {
		x.typ = typeDate
	}
	for _, t := range choicesOf(owner.name, s.name) {
		x.choices = append(x.choices, owner.want.Under(s.name+title(t)).Slot())
		x.types = append(x.types, typeIDs[t])
	}
}

// isPlain reports whether an expression that starts at the resource is plain.
func (b *builder) isPlain(s *syntax) bool {
	if s.op == opCall && s.name == "getResourceKey" {
		return b.isRoot(s.src)
	}
	if s.op == opCall && s.name == "getReferenceKey" {
		_, ok := b.plainName(s.src, false)
		return ok && (len(s.args) == 0 || isTypeName([]byte(s.args[0].name)))
	}
	_, ok := b.plainName(s, true)
	return ok && !b.isRoot(s)
}

// plainName reports whether a path is plain, and returns the name of what it
// leads to. Only at the end of a path is a choice element plain without a type.
func (b *builder) plainName(s *syntax, end bool) (string, bool) {
	switch {
	case b.isRoot(s):
		return b.resource, true
	case s.isFirst():
		return b.plainName(s.src, end)
	case s.op == opMember:
		owner, ok := b.plainName(s.src, false)
		types := len(choicesOf(owner, s.name))
		element, _ := s.besides()
		if element != nil || types > 0 && !end || types > manyTypes {
			return "", false
		}
		return s.name, ok
	case s.op == opCall && s.name == "ofType" && s.src != nil && s.src.op == opMember:
		owner, ok := b.plainName(s.src.src, false)
		of := s.args[0].name
		return of, ok && slices.Contains(choicesOf(owner, s.src.name), of)
	}
	return "", false
}

// spot asks for the place that a plain path leads to, and for slots where a
// value makes it irregular: beside an element whose name has the type.
func (b *builder) spot(s *syntax) spot {
	switch {
	case b.isRoot(s):
		return spot{want: b.shape.Root(), name: b.resource}
	case s.isFirst():
		at := b.spot(s.src)
		at.want = at.want.First()
		return at
	case s.op == opMember:
		at := b.spot(s.src)
		return spot{at.want.Under(s.name), s.name, at.guards}
	}
	at, of := b.spot(s.src.src), s.args[0].name
	guards := append(slices.Clone(at.guards), at.want.Under(s.src.name).Slot())
	return spot{at.want.Under(s.src.name + title(of)), of, guards}
}

// isRoot reports whether s is the resource when the focus is it.
func (b *builder) isRoot(s *syntax) bool {
	return s == nil || s.op == opThis || s.op == opResource || s == b.typeName(s)
}

// typeName returns s when it is the resource type as the start of a path.
func (b *builder) typeName(s *syntax) *syntax {
	if s.op == opMember && s.src == nil && s.name == b.resource {
		return s
	}
	return nil
}

// isFirst reports whether s is src.first() or src[0].
func (s *syntax) isFirst() bool {
	switch {
	case s.src == nil:
		return false
	case s.op == opCall:
		return s.name == "first"
	case s.op != opIndex || s.args[0].op != opLiteral:
		return false
	}
	index := &s.args[0].value
	return index.kind == kindNumber && string(index.text) == "0"
}

// readsRoot reports whether a path starts at %resource.
func (s *syntax) readsRoot() bool {
	for s.src != nil {
		s = s.src
	}
	return s.op == opResource
}

// onlyRoot reports whether a focus is the resource and nothing else.
func (b *builder) onlyRoot(focus []place) bool { return len(focus) == 1 && focus[0] == b.root[0] }

// makesValues reports whether an expression gives nothing that stands in the
// resource.
func (s *syntax) makesValues() bool {
	switch s.op {
	case opOperator, opLiteral, opNegate, opRowIndex, opEmpty:
		return true
	case opCall:
		switch s.name {
		case "exists", "empty", "not", "count", "join":
			return true
		}
		return scalars[s.name] != nil
	}
	return false
}

// plainOrExists returns the plain form of an expression, or that of exists()
// and empty() on a plain path; nil when it has none.
func (b *builder) plainOrExists(s *syntax, focus []place) expr {
	if s.op == opCall && (s.name == "exists" || s.name == "empty") && len(s.args) == 0 && s.src != nil {
		if x := b.plain(s.src, focus); x != nil {
			return &plainExists{x, s.name == "exists"}
		}
		return nil
	}
	if x := b.plain(s, focus); x != nil {
		return x
	}
	return nil
}
