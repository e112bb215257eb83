package sqlonfhir

import (
	"bytes"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// operator compiles a binary operator.
func (b *builder) operator(s *syntax, focus []place) expr {
	left, _ := b.compile(s.args[0], focus)
	right, _ := b.compile(s.args[1], focus)
	switch s.name {
	case "=", "!=":
		if x := memberEquals(s.name, left, right); x != nil {
			return x
		}
		return &equalExpr{left, right, s.name == "!="}
	case "<", "<=", ">", ">=":
		return &orderExpr{s.name, left, right}
	case "and", "or", "xor", "implies":
		return &logicExpr{s.name, left, right}
	case "&":
		return &concatExpr{left, right}
	}
	return &arithmetic{s.name[0], left, right}
}

// equalExpr is left = right or left != right.
type equalExpr struct {
	left, right expr
	negate      bool
}

func (x *equalExpr) test(m *machine, in item) (truth, error) {
	base := len(m.stack)
	if err := x.left.eval(m, in); err != nil {
		return empty, err
	}
	mid := len(m.stack)
	if err := x.right.eval(m, in); err != nil {
		return empty, err
	}
	t := m.equalLists(m.stack[base:mid], m.stack[mid:])
	m.stack = m.stack[:base]
	if x.negate && t != empty {
		t = no + yes - t
	}
	return t, nil
}

func (x *equalExpr) eval(m *machine, in item) error { return evalTest(x, m, in) }

// equalLists compares collections: in order, and empty when one is empty.
func (m *machine) equalLists(a, b []item) truth {
	if len(a) == 0 || len(b) == 0 {
		return empty
	}
	if len(a) != len(b) {
		return no
	}
	all := yes
	for i := range a {
		switch m.equal(&a[i], &b[i]) {
		case no:
			return no
		case empty:
			all = empty
		}
	}
	return all
}

func (m *machine) equal(a, b *item) truth {
	x, y := m.text(a), m.text(b)
	switch {
	case bothIntegers(a, b, x, y):
		return truthOf(compareDecimals(x, y) == 0)
	case a.kind != b.kind:
		return no
	}
	switch a.kind {
	case kindNumber:
		return truthOf(compareDecimals(x, y) == 0)
	case kindObject:
		return truthOf(equalJSON(x, y))
	case kindString:
		if bytes.Equal(x, y) {
			return yes
		}
		if isTemporal(a.typ) || isTemporal(b.typ) || looksLikeDateTime(x) && looksLikeDateTime(y) {
			if c, ok := compareTemporal(x, y); ok == yes {
				return truthOf(c == 0)
			} else if ok == empty {
				return empty
			}
		}
		return no
	}
	return truthOf(bytes.Equal(x, y))
}

// bothIntegers reports whether one of two values is an integer64 and the other
// a string that is one.
func bothIntegers(a, b *item, x, y []byte) bool {
	switch {
	case a.typ == typeInteger64 && b.kind == kindString:
		return isInteger64(y)
	case b.typ == typeInteger64 && a.kind == kindString:
		return isInteger64(x)
	}
	return false
}

// memberEqualsExpr is name = 'text' on the focus, the commonest criterion.
type memberEqualsExpr struct {
	key  int32
	text []byte
	slow *equalExpr
}

func memberEquals(op string, left, right expr) expr {
	p, ok := left.(*path)
	lit, isLiteral := right.(literal)
	if op != "=" || !ok || !isLiteral || p.src != nil || len(p.steps) != 1 {
		return nil
	}
	st := p.steps[0]
	if st.choices != nil || st.of != nil || st.test != nil || isTemporal(st.typ) || lit.item.kind != kindString || isTemporal(lit.item.typ) || looksLikeDateTime(lit.item.text) {
		return nil
	}
	return &memberEqualsExpr{st.key, lit.item.text, &equalExpr{left: left, right: right}}
}

func (x *memberEqualsExpr) test(m *machine, in item) (truth, error) {
	if in.kind != kindObject {
		return empty, nil
	}
	c := m.member(in.node, x.key)
	if c < 0 {
		return empty, nil
	}
	if m.tape.Node(c).Kind != tape.String {
		return x.slow.test(m, in)
	}
	return truthOf(string(m.tape.Text(c)) == string(x.text)), nil
}

func (x *memberEqualsExpr) eval(m *machine, in item) error { return evalTest(x, m, in) }

// orderExpr is one of < <= > >=.
type orderExpr struct {
	op          string
	left, right expr
}

func (x *orderExpr) test(m *machine, in item) (truth, error) {
	a, err := m.single(x.left, in)
	if err != nil {
		return empty, err
	}
	b, err := m.single(x.right, in)
	if err != nil || a.kind == kindNone || b.kind == kindNone {
		return empty, err
	}
	c, known, err := m.compare(&a, &b)
	if err != nil || !known {
		return empty, err
	}
	switch x.op {
	case "<":
		return truthOf(c < 0), nil
	case "<=":
		return truthOf(c <= 0), nil
	case ">":
		return truthOf(c > 0), nil
	}
	return truthOf(c >= 0), nil
}

func (x *orderExpr) eval(m *machine, in item) error { return evalTest(x, m, in) }

// compare orders numbers, dates and times, and other strings by their code
// points. It is not known how dates of different precision compare when they
// agree as far as both go.
func (m *machine) compare(a, b *item) (c int, known bool, err error) {
	x, y := m.text(a), m.text(b)
	switch {
	case bothIntegers(a, b, x, y):
		return compareDecimals(x, y), true, nil
	case a.kind != b.kind:
		return 0, false, errIncomparable
	case a.kind == kindNumber:
		return compareDecimals(x, y), true, nil
	case a.kind != kindString:
		return 0, false, errIncomparable
	}
	c, ok := compareTemporal(x, y)
	switch {
	case ok != no:
		return c, ok == yes, nil
	case isTemporal(a.typ) || isTemporal(b.typ):
		return 0, false, errIncomparable
	}
	return bytes.Compare(x, y), true, nil
}

// logicExpr is one of and, or, xor, implies, in three-valued logic. The right
// side is not evaluated when the left one decides.
type logicExpr struct {
	op          string
	left, right expr
}

func (x *logicExpr) test(m *machine, in item) (truth, error) {
	a, err := m.test(x.left, in)
	switch {
	case err != nil:
		return empty, err
	case a == no && x.op == "and":
		return no, nil
	case a == yes && x.op == "or", a == no && x.op == "implies":
		return yes, nil
	}
	b, err := m.test(x.right, in)
	if err != nil {
		return empty, err
	}
	switch {
	case x.op == "xor" && a != empty && b != empty:
		return truthOf(a != b), nil
	case x.op == "and" && b == no:
		return no, nil
	case x.op == "and" && a == yes && b == yes, (x.op == "or" || x.op == "implies") && b == yes:
		return yes, nil
	case x.op == "or" && a == no && b == no, x.op == "implies" && a == yes && b == no:
		return no, nil
	}
	return empty, nil
}

func (x *logicExpr) eval(m *machine, in item) error { return evalTest(x, m, in) }
