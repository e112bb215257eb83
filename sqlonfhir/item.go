package sqlonfhir

import (
	"bytes"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// An itemKind is the kind of an item of a collection.
type itemKind uint8

const (
	kindNone    itemKind = iota // no item: the focus of an empty forEachOrNull
	kindBoolean                 // text is true or false
	kindNumber                  // text is a JSON number
	kindString
	kindObject
)

// A typeID is a FHIR type as far as an expression can know it.
type typeID uint8

const typeUnknown typeID = 0

// typeNames are the types in the order of their ids; those that decide how
// values compare come first.
var (
	typeIDs = numberTypes()

	typeDate     = typeIDs["date"]
	typeDateTime = typeIDs["dateTime"]
	typeInstant  = typeIDs["instant"]
	typeTime     = typeIDs["time"]
)

func numberTypes() map[string]typeID {
	ids := map[string]typeID{}
	for _, types := range readChoices() {
		for _, t := range types {
			if ids[t] == typeUnknown {
				ids[t] = typeID(len(ids) + 1)
			}
		}
	}
	return ids
}

// An item is one value of a collection: a node of the tape, or a value that an
// expression made.
type item struct {
	kind itemKind
	typ  typeID
	node int32  // on the tape; -1 for made values
	key  int32  // in machine.keys, from 1; 0 for what is no key
	text []byte // of a made value; nil for nodes
}

var (
	yesItem = item{kind: kindBoolean, node: -1, text: []byte("true")}
	noItem  = item{kind: kindBoolean, node: -1, text: []byte("false")}
)

func boolItem(b bool) item {
	if b {
		return yesItem
	}
	return noItem
}

func numberItem(text []byte) item { return item{kind: kindNumber, node: -1, text: text} }

// truth is a boolean or empty.
type truth int8

const (
	empty truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// A fault is why an expression cannot be evaluated: one of the Reason
// constants.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errManyValues   = fault(ReasonManyValues)
	errNotBoolean   = fault(ReasonNotBoolean)
	errIncomparable = fault(ReasonIncomparable)
	errTooDeep      = fault(ReasonTooDeep)
	errTooManyRows  = fault(ReasonTooManyRows)
)

// A machine evaluates expressions over one tape. Expressions push the items of
// their collections on the stack.
type machine struct {
	tape     tape.Tape
	shape    *tape.Shape
	line     []byte   // on the tape; nil when nothing is loaded
	whole    *machine // over the same line, for the general forms of plain paths; nil when there are none
	stack    []item
	members  []int32  // of the root, by key: the node, 0 when absent
	made     []byte   // text of made values since Load
	keys     [][]byte // the types of keys since Load
	rowIndex int
	base     Base // of the server whose resources are loaded

	resourceType, id []byte // nil when absent or not a string

	focus uint64 // counts the foci of selects
	memos []memo
	kept  []item     // of memos
	call  scalarCall // that is under way
}

// expr is a compiled expression. eval pushes the items of its collection; in
// is the focus. After an error the stack is undefined.
type expr interface {
	eval(m *machine, in item) error
}

// tester is an expr with a shorter way to its truth.
type tester interface {
	test(m *machine, in item) (truth, error)
}

// text returns the value of a scalar, the JSON text of an object, and nil for
// no item.
func (m *machine) text(it *item) []byte {
	if it.node < 0 || it.text != nil || it.kind == kindNone {
		return it.text
	}
	return m.tape.Text(it.node)
}

// kindOf is the kind of an item by the kind of its node.
var kindOf = [...]itemKind{
	tape.False: kindBoolean, tape.True: kindBoolean, tape.Number: kindNumber, tape.String: kindString, tape.Object: kindObject,
}

// member returns the member of an object by key, or -1.
func (m *machine) member(n, key int32) int32 {
	if n != 0 {
		return m.tape.Member(n, key)
	}
	if c := m.members[key]; c > 0 {
		return c
	}
	return -1
}

// keep drops the items from base to mid and moves those behind down to base.
func (m *machine) keep(base, mid int) {
	m.stack = m.stack[:base+copy(m.stack[base:], m.stack[mid:])]
}

// isTrue returns the text of a boolean as a bool.
func (m *machine) isTrue(it *item) bool {
	if it.node >= 0 {
		return m.tape.Node(it.node).Kind == tape.True
	}
	return bytes.Equal(it.text, yesItem.text)
}

// single evaluates x to at most one item, and leaves the stack as it was. Most
// expressions of one value give it without the stack.
func (m *machine) single(x expr, in item) (it item, err error) {
	switch x := x.(type) {
	case literal:
		return x.item, nil
	case *plainPath:
		if it, ok := x.one(m, in); ok {
			return it, nil
		}
	case *textExpr, *concatExpr:
		text, kind, err := m.textOf(x, &in)
		if err != nil || kind == kindNone {
			return item{}, err
		}
		return stringItem(text), nil
	case *narrowExpr:
		next, err := x.next(m, in)
		if err != nil {
			return item{}, err
		}
		return m.single(next, in)
	case *coalesceExpr:
		for _, choice := range x.choices {
			if it, err = m.single(choice, in); err != nil || it.kind != kindNone {
				break
			}
		}
		return it, err
	}
	base := len(m.stack)
	if err := x.eval(m, in); err != nil {
		return item{}, err
	}
	switch len(m.stack) - base {
	case 0:
		return item{}, nil
	case 1:
		it = m.stack[base]
		m.stack = m.stack[:base]
		return it, nil
	}
	return item{}, errManyValues
}

// textOf is single for those who ask for no more than the text and the kind.
func (m *machine) textOf(x expr, in *item) (text []byte, kind itemKind, err error) {
	switch x := x.(type) {
	case literal:
		return x.item.text, x.item.kind, nil
	case *plainPath:
		if text, kind, ok := x.text(m, in); ok {
			return text, kind, nil
		}
	case *textExpr:
		return x.textOf(m, in)
	case *concatExpr:
		return x.textOf(m, in)
	case *narrowExpr:
		next, err := x.next(m, *in)
		if err != nil {
			return nil, kindNone, err
		}
		return m.textOf(next, in)
	case *coalesceExpr:
		for _, choice := range x.choices {
			if text, kind, err = m.textOf(choice, in); err != nil || kind != kindNone {
				break
			}
		}
		return text, kind, err
	}
	it, err := m.single(x, *in)
	return m.text(&it), it.kind, err
}

// pushTextOf pushes the string that x gives, or nothing.
func (m *machine) pushTextOf(x expr, in item) error {
	text, kind, err := m.textOf(x, &in)
	if err == nil && kind != kindNone {
		m.pushText(text)
	}
	return err
}

// test evaluates x to a truth. A single value that is not a boolean is true,
// as FHIRPath's singleton evaluation has it.
func (m *machine) test(x expr, in item) (truth, error) {
	if t, ok := x.(tester); ok {
		return t.test(m, in)
	}
	it, err := m.single(x, in)
	switch {
	case err != nil || it.kind == kindNone:
		return empty, err
	case it.kind == kindBoolean:
		return truthOf(m.isTrue(&it)), nil
	}
	return yes, nil
}

// pushTruth pushes a truth.
func (m *machine) pushTruth(t truth) {
	if t != empty {
		m.stack = append(m.stack, boolItem(t == yes))
	}
}
