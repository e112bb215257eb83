package sqlonfhir

import "github.com/bulkhead-fhir/bulkhead/tape"

// A nodeTest is a criterion that cannot fail, in a form made for nodes: it
// passes when the criterion is true.
type nodeTest interface {
	pass(m *machine, n int32, typ typeID) bool
}

// nodeTestOf returns the form for nodes of a tester that is total.
func nodeTestOf(x expr) nodeTest {
	switch x := x.(type) {
	case *memberEqualsExpr:
		return x
	case *equalExpr:
		if x.negate {
			if same, ok := memberEquals("=", x.left, x.right).(*memberEqualsExpr); ok {
				return &memberDiffers{same, x}
			}
		}
	case *existsExpr:
		if p, ok := x.src.(*path); ok && p.src == nil {
			return &holdsTest{p.steps, x.want}
		}
	case *logicExpr:
		switch x.op {
		case "and":
			return &bothPass{nodeTestOf(x.left), nodeTestOf(x.right)}
		case "or":
			return &eitherPasses{nodeTestOf(x.left), nodeTestOf(x.right)}
		}
	}
	return &truthTest{x.(tester)}
}

type (
	bothPass     struct{ a, b nodeTest }
	eitherPasses struct{ a, b nodeTest }
	truthTest    struct{ tester } // any other
)

func (x *bothPass) pass(m *machine, n int32, typ typeID) bool {
	return x.a.pass(m, n, typ) && x.b.pass(m, n, typ)
}

func (x *eitherPasses) pass(m *machine, n int32, typ typeID) bool {
	return x.a.pass(m, n, typ) || x.b.pass(m, n, typ)
}

func (x *truthTest) pass(m *machine, n int32, typ typeID) bool {
	t, _ := x.test(m, m.itemAt(n, typ))
	return t == yes
}

// itemAt returns the value at a node.
func (m *machine) itemAt(n int32, typ typeID) item {
	return item{kind: kindOf[m.tape.Node(n).Kind], typ: typ, node: n}
}

// holdsTest is exists() or empty() of a path from the focus.
type holdsTest struct {
	steps []step
	want  bool
}

func (x *holdsTest) pass(m *machine, n int32, _ typeID) bool {
	base := len(m.stack)
	if m.tape.Node(n).Kind == tape.Object {
		m.walk(n, x.steps)
	}
	found := len(m.stack) > base
	m.stack = m.stack[:base]
	return found == x.want
}

func (x *memberEqualsExpr) pass(m *machine, n int32, typ typeID) bool {
	c := m.member(n, x.key)
	switch {
	case c < 0:
		return false
	case m.tape.Node(c).Kind != tape.String:
		t, _ := x.slow.test(m, m.itemAt(n, typ))
		return t == yes
	}
	return string(m.tape.Text(c)) == string(x.text)
}

// memberDiffers is name != 'text' on the focus.
type memberDiffers struct {
	same *memberEqualsExpr
	slow *equalExpr
}

func (x *memberDiffers) pass(m *machine, n int32, typ typeID) bool {
	c := m.member(n, x.same.key)
	switch {
	case c < 0:
		return false
	case m.tape.Node(c).Kind != tape.String:
		t, _ := x.slow.test(m, m.itemAt(n, typ))
		return t == yes
	}
	return string(m.tape.Text(c)) != string(x.same.text)
}

// hasURL tests the url of an extension.
type hasURL struct {
	key int32
	url []byte
}

func (x *hasURL) pass(m *machine, n int32, _ typeID) bool {
	c := m.tape.Member(n, x.key)
	return c >= 0 && string(m.tape.Text(c)) == string(x.url)
}
