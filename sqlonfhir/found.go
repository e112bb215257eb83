package sqlonfhir

import (
	"bytes"
	"encoding/binary"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// find returns the slot and the type of a plain path's value; the slot may be
// empty. It reports false when the path is not plain for this resource.
func (m *machine) find(x *plainPath) (slot int32, typ typeID, ok bool) {
	if m.anyValue(x.guards) {
		return 0, 0, false
	}
	slot, typ = x.slot, x.typ
	f := m.tape.Slot(slot)
	for i, c := range x.choices {
		g := m.tape.Slot(c)
		switch {
		case g.Kind == tape.Null:
			continue
		case f.Kind != tape.Null:
			return 0, 0, false
		}
		slot, typ, f = c, x.types[i], g
	}
	return slot, typ, !f.Many || x.first
}

// slotText returns the text of the value in a slot, decoded.
func (m *machine) slotText(f *tape.Found, slot int32) []byte {
	if f.Escaped {
		return m.tape.SlotText(slot)
	}
	return m.line[f.Start:f.End:f.End]
}

// direct reports whether a found value is a member's own, not an element of an
// array that is the member: then a colon stands before it.
func (m *machine) direct(f *tape.Found) bool {
	i := f.Start - 1
	if f.Kind == tape.String {
		i-- // the quote
	}
	for m.line[i] <= ' ' {
		i--
	}
	return m.line[i] == ':'
}

// directText returns the text of the string in a slot that is a member's own;
// nil when there is none.
func (m *machine) directText(slot int32) []byte {
	f := m.tape.Slot(slot)
	if f.Kind != tape.String || !m.direct(f) {
		return nil
	}
	return m.slotText(f, slot)
}

// cell sets v to what a plain path gives. It reports false when the path is not
// plain for this resource.
func (m *machine) cell(x *plainPath, v *Value) bool {
	if x.form == formResourceKey {
		if m.id == nil || m.resourceType == nil {
			*v = Value{}
		} else {
			*v = Value{Kind: String, Text: m.id, RefType: m.resourceType}
		}
		return true
	}
	slot := x.slot
	if x.choices != nil || x.guards != nil {
		var ok bool
		if slot, _, ok = m.find(x); !ok {
			return false
		}
	}
	f := m.tape.Slot(slot)
	if f.Many && !x.first {
		return false
	}
	typ, text, kind := []byte(nil), []byte(nil), Null
	switch {
	case f.Kind == tape.Null:
	case x.form == formReference:
		if typ, text = m.reference(f, x); typ != nil {
			kind = String
		}
	default:
		text = m.slotText(f, slot)
		kind = kindOfText(f.Kind, text)
	}
	*v = Value{Kind: kind, Text: text, RefType: typ}
	return true
}

// kindOfText is the kind of a value by the kind of its node and its text.
func kindOfText(k tape.Kind, text []byte) Kind {
	switch k {
	case tape.String:
		return String
	case tape.Number:
		if isIntegerText(text) {
			return Integer
		}
		return Decimal
	case tape.Object:
		return Complex
	}
	return Boolean
}

// reference returns the type and the id that the reference of a plain path
// names; nil when it names none.
func (m *machine) reference(f *tape.Found, x *plainPath) (typ, id []byte) {
	if f.Kind != tape.String || !m.direct(f) {
		return nil, nil
	}
	ref := m.slotText(f, x.slot)
	if typ, id = splitRelative(ref, x.target); typ == nil {
		if typ, id = SplitReference(ref); m.base.Foreign(ref, typ, id) {
			id = ref
		}
	}
	if typ == nil || x.target != "" && string(typ) != x.target {
		return nil, nil
	}
	return typ, id
}

// splitRelative is SplitReference for the commonest form, Type/id; nil for
// others, and when the type is not the target, if there is one.
func splitRelative(ref []byte, target string) (typ, id []byte) {
	i := len(target)
	if i == 0 {
		i = bytes.IndexByte(ref, '/')
	}
	if i <= 0 || i+1 >= len(ref) || ref[i] != '/' || string(ref[:i]) != target && (target != "" || !isTypeName(ref[:i])) {
		return nil, nil
	}
	if id = ref[i+1:]; hasMark(id) {
		return nil, nil
	}
	return ref[:i], id
}

// hasMark reports whether s has one of / ? # in it. It looks at eight bytes at
// a time: / and ? differ in one bit only.
func hasMark(s []byte) bool {
	if len(s) < 8 {
		return bytes.ContainsAny(s, "/?#")
	}
	found := marks(s[len(s)-8:])
	for ; len(s) > 8; s = s[8:] {
		found |= marks(s)
	}
	return found != 0
}

// marks has a bit set when one of the first eight bytes of s is a mark.
func marks(s []byte) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	w := binary.LittleEndian.Uint64(s)
	a, b := (w|ones*0x10)^ones*'?', w^ones*'#'
	return ((a-ones)&^a | (b-ones)&^b) & highs
}

// one returns what a plain path gives, perhaps nothing. It reports false when
// the path is not plain for this resource.
func (x *plainPath) one(m *machine, in item) (it item, ok bool) {
	if in.kind != kindObject && !x.rooted {
		return item{}, true
	}
	if x.form == formResourceKey {
		if m.id == nil || m.resourceType == nil {
			return item{}, true
		}
		return m.key(m.resourceType, m.id), true
	}
	slot, typ, ok := m.find(x)
	if !ok {
		return item{}, false
	}
	f := m.tape.Slot(slot)
	switch {
	case f.Kind == tape.Null:
		return item{}, true
	case x.form == formReference:
		if typ, id := m.reference(f, x); typ != nil {
			return m.key(typ, id), true
		}
		return item{}, true
	}
	return item{kind: kindOf[f.Kind], typ: typ, node: -1, text: m.slotText(f, slot)}, true
}

// text returns the text and the kind of the value that a plain path gives. It
// reports false when a slot alone does not tell.
func (x *plainPath) text(m *machine, in *item) (text []byte, kind itemKind, ok bool) {
	if x.form != formValue || in.kind != kindObject && !x.rooted {
		return nil, kindNone, false
	}
	slot, _, ok := m.find(x)
	if !ok {
		return nil, kindNone, false
	}
	f := m.tape.Slot(slot)
	return m.slotText(f, slot), kindOf[f.Kind], true
}

// eval pushes what a plain path gives.
func (x *plainPath) eval(m *machine, in item) error {
	it, ok := x.one(m, in)
	if !ok {
		return m.generally(x.general)
	}
	if it.kind != kindNone {
		m.stack = append(m.stack, it)
	}
	return nil
}

// wholeExpr is an expression over all that it may read of the line.
type wholeExpr struct{ expr expr }

func (x *wholeExpr) eval(m *machine, _ item) error { return m.generally(x.expr) }

// generally evaluates the general form of a plain path over all that it may
// read of the line.
func (m *machine) generally(x expr) error {
	w := m.whole
	if w.line == nil {
		if err := w.load(m.line); err != nil {
			return err
		}
	}
	w.stack, w.rowIndex = w.stack[:0], m.rowIndex
	if err := x.eval(w, item{kind: kindObject}); err != nil {
		return err
	}
	for i := range w.stack {
		it := w.stack[i]
		made := item{kind: it.kind, typ: it.typ, node: -1, text: w.text(&it)}
		if it.key > 0 {
			made.key = m.key(w.keys[it.key-1], nil).key
		}
		m.stack = append(m.stack, made)
	}
	return nil
}

// plainExists is exists() or empty() of a plain path.
type plainExists struct {
	path *plainPath
	want bool
}

func (x *plainExists) test(m *machine, in item) (truth, error) {
	if in.kind != kindObject && !x.path.rooted {
		return truthOf(!x.want), nil
	}
	found, ok := m.present(x.path)
	if !ok {
		return (&existsExpr{x.path, x.want}).test(m, in)
	}
	return truthOf(found == x.want), nil
}

// present reports whether a plain path gives anything; ok is false when the
// slots do not tell.
func (m *machine) present(x *plainPath) (found, ok bool) {
	if x.form != formValue || m.anyValue(x.guards) {
		return false, false
	}
	return m.tape.Slot(x.slot).Kind != tape.Null || m.anyValue(x.choices), true
}

func (x *plainExists) eval(m *machine, in item) error { return evalTest(x, m, in) }
