package sqlonfhir

import "github.com/bulkhead-fhir/bulkhead/tape"

// A path is a run of member steps. It is the form that most columns have.
type path struct {
	src   expr // nil for the focus
	steps []step
}

// A step leads from an object to a member of it. Arrays are passed through.
type step struct {
	key     int32
	typ     typeID    // of the values, as far as known
	choices []choice  // what the element is called when it is a choice
	under   int32     // the member with the element's extensions; -1 for none
	ofKey   int32     // with of: the choice element of that type
	of      *typeTest // with ofKey: what the values must be
	test    nodeTest  // what the values must pass, nil for nothing
	first   bool      // only the first value of all that this step leads to
}

type choice struct {
	key int32
	typ typeID
}

// extend returns src followed by a step.
func extend(src expr, st step) *path {
	switch x := src.(type) {
	case this:
		return &path{steps: []step{st}}
	case *path:
		return &path{src: x.src, steps: append(x.steps[:len(x.steps):len(x.steps)], st)}
	}
	return &path{src: src, steps: []step{st}}
}

func (p *path) eval(m *machine, in item) error {
	if p.src == nil {
		if in.kind == kindObject {
			m.walk(in.node, p.steps)
		}
		return nil
	}
	base := len(m.stack)
	if err := p.src.eval(m, in); err != nil {
		return err
	}
	mid := len(m.stack)
	for i := base; i < mid; i++ {
		if m.stack[i].kind == kindObject && m.walk(m.stack[i].node, p.steps) {
			break
		}
	}
	m.keep(base, mid)
	return nil
}

// besideStep leads to what lies beside a primitive, whatever its type.
var besideStep = step{under: -1, ofKey: -1}

// walk pushes what steps lead to from an object. It reports whether a step
// that takes only the first value has it, so that nothing more is to be found.
func (m *machine) walk(n int32, steps []step) (done bool) {
	st, rest := &steps[0], steps[1:]
	typed := int32(-1)
	if st.of != nil {
		typed = m.member(n, st.ofKey)
	}
	if typed >= 0 && m.holds(typed) {
		done = m.descend(typed, st, st.of.id, rest)
	} else if c := m.member(n, st.key); c >= 0 && (len(st.choices) == 0 || m.holds(c)) {
		done = m.descend(c, st, st.typ, rest)
	} else if len(st.choices) > 0 {
		done = m.walkChoice(n, st, rest)
	}
	if st.under >= 0 && !done {
		if c := m.member(n, st.under); c >= 0 {
			done = m.descend(c, &besideStep, typeUnknown, rest)
		}
	}
	return done
}

// holds reports whether there is a value at n: not null, nor an array without
// any. A member that holds none counts as absent among those of a choice.
func (m *machine) holds(n int32) bool {
	x := m.tape.Node(n)
	if x.Kind != tape.Array {
		return x.Kind != tape.Null
	}
	for c := n + 1; c < x.Next; c = m.tape.Node(c).Next {
		if m.holds(c) {
			return true
		}
	}
	return false
}

func (m *machine) walkChoice(n int32, st *step, rest []step) (done bool) {
	for c, end := n+1, m.tape.Node(n).Next; c < end; c = m.tape.Node(c).Next {
		key := m.tape.Node(c).Key
		for _, x := range st.choices {
			if x.key == key && m.holds(c) {
				return m.descend(c, st, x.typ, rest)
			}
		}
	}
	return false
}

// descend goes on from n, a value of the step st whose type is typ.
func (m *machine) descend(n int32, st *step, typ typeID, rest []step) (done bool) {
	x := m.tape.Node(n)
	switch {
	case x.Kind == tape.Array:
		for c, end := n+1, x.Next; c < end && !done; c = m.tape.Node(c).Next {
			done = m.descend(c, st, typ, rest)
		}
		return done
	case x.Kind == tape.Null:
		return false
	case st.of != nil && !m.isOf(&item{kind: kindOf[x.Kind], typ: typ, node: n}, st.of):
		return false
	case st.test != nil && !st.test.pass(m, n, typ):
		return false
	case len(rest) == 0:
		m.stack = append(m.stack, item{kind: kindOf[x.Kind], typ: typ, node: n})
	case x.Kind == tape.Object:
		done = m.walk(n, rest)
	}
	return done || st.first
}

// A typeTest is the argument of ofType.
type typeTest struct {
	name         string
	id           typeID
	resourceType int32 // its key
}

// isOf reports whether a value is of a type: by the type that it is known to
// have, a resource by its resourceType, and else by its JSON kind.
func (m *machine) isOf(it *item, of *typeTest) bool {
	if it.typ != typeUnknown && of.id != typeUnknown {
		return it.typ == of.id
	}
	switch it.kind {
	case kindBoolean:
		return of.name == "boolean" || of.name == "Boolean"
	case kindNumber:
		return isNumberType(of.name, m.text(it))
	case kindString:
		return of.name == "String" || !isUpper(of.name[0]) && of.name != "boolean" && !isNumberType(of.name, nil)
	}
	if r := m.tape.Member(it.node, of.resourceType); r >= 0 {
		return m.tape.Node(r).Kind == tape.String && string(m.tape.Text(r)) == of.name
	}
	return isUpper(of.name[0])
}

func isUpper(c byte) bool { return c-'A' < 26 }

// isNumberType reports whether a number with that text may be of a type.
func isNumberType(name string, text []byte) bool {
	switch name {
	case "decimal", "Decimal":
		return true
	case "integer", "positiveInt", "unsignedInt", "integer64", "Integer":
		return isIntegerText(text)
	}
	return false
}

func isIntegerText(text []byte) bool {
	for _, c := range text {
		if c == '.' || c|0x20 == 'e' {
			return false
		}
	}
	return true
}

// ofTypeExpr is src.ofType(T) where src is not a member.
type ofTypeExpr struct {
	src expr
	of  *typeTest
}

func (x *ofTypeExpr) eval(m *machine, in item) error {
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	kept := base
	for i := base; i < len(m.stack); i++ {
		if m.isOf(&m.stack[i], x.of) {
			m.stack[kept] = m.stack[i]
			kept++
		}
	}
	m.stack = m.stack[:kept]
	return nil
}
