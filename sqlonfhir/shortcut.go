package sqlonfhir

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// shortcut returns a form of an expression that first looks into slots: most
// often there is nothing, or one value, and the walk is saved. It returns x
// when there is no such form. The focus is the resource.
func (b *builder) shortcut(s *syntax, x expr) expr {
	switch s.op {
	case opOperator:
		if e, ok := x.(*equalExpr); ok {
			return plainEqualsOf(e)
		}
		return x
	case opCall:
	default:
		if s.src == nil {
			return x
		}
	}
	if s.name == "join" && s.hasFixedArgs() && s.src != nil {
		if p := b.plain(s.src, b.root); p != nil {
			return &plainJoin{p, x}
		}
	}
	if head := b.head(s); head != nil {
		return &gateExpr{head, x}
	}
	return x
}

// head returns the plain path that an expression starts with, when the
// expression gives nothing where the path does; else nil.
func (b *builder) head(s *syntax) *plainPath {
	for s = s.strictSource(); s != nil; s = s.strictSource() {
		if b.isPlain(s) && s.op != opCall {
			return b.plain(s, b.root)
		}
	}
	return nil
}

// strictSource returns the source of a step that of nothing gives nothing and
// no error; nil when s is no such step.
func (s *syntax) strictSource() *syntax {
	element, _ := s.besides()
	switch {
	case element != nil:
		return nil // there may be extensions beside what is not there
	case s.op == opCall && s.name == "ofType" && s.src != nil && s.src.op == opMember:
		return s.src.src // the member has another name
	case s.op == opMember, s.op == opIndex && s.args[0].op == opLiteral:
		return s.src
	case s.op != opCall:
		return nil
	}
	switch s.name {
	case "where", "select", "first", "last", "ofType", "not", "getResourceKey", "getReferenceKey", "lowBoundary", "highBoundary":
		return s.src
	case "extension", "join":
		if s.hasFixedArgs() {
			return s.src
		}
		return nil
	}
	if scalars[s.name] != nil {
		return s.src
	}
	return nil
}

// hasFixedArgs reports whether all arguments are literals.
func (s *syntax) hasFixedArgs() bool {
	for _, a := range s.args {
		if a.op != opLiteral {
			return false
		}
	}
	return true
}

// gateExpr is an expression that gives nothing when a plain path does.
type gateExpr struct {
	head *plainPath
	expr expr
}

func (x *gateExpr) eval(m *machine, in item) error {
	if found, ok := m.present(x.head); ok && !found {
		return nil
	}
	return x.expr.eval(m, in)
}

// plainJoin is join() of a plain path.
type plainJoin struct {
	path *plainPath
	many expr // the same when there may be several values
}

func (x *plainJoin) eval(m *machine, in item) error {
	if in.kind != kindObject {
		return nil
	}
	base := len(m.stack)
	if x.path.form != formResourceKey {
		if _, _, ok := m.find(x.path); !ok {
			return x.many.eval(m, in)
		}
	}
	if err := x.path.eval(m, in); err != nil || len(m.stack) == base {
		return err
	}
	it := m.stack[base]
	if it.kind == kindObject {
		return errIncomparable
	}
	m.stack[base] = item{kind: kindString, node: -1, text: m.text(&it)}
	return nil
}

// plainEquals compares a plain path with a string that is no date or time.
type plainEquals struct {
	path *plainPath
	text []byte
	slow *equalExpr
}

func plainEqualsOf(x *equalExpr) expr {
	p, ok := x.left.(*plainPath)
	lit, isLiteral := x.right.(literal)
	if !ok || !isLiteral || p.form != formValue || p.choices != nil || isTemporal(p.typ) ||
		lit.item.kind != kindString || isTemporal(lit.item.typ) || looksLikeDateTime(lit.item.text) {
		return x
	}
	return &plainEquals{p, lit.item.text, x}
}

func (x *plainEquals) test(m *machine, in item) (truth, error) {
	slot, _, ok := m.find(x.path)
	f := m.tape.Slot(slot)
	switch {
	case !ok || in.kind != kindObject || f.Kind != tape.String && f.Kind != tape.Null:
		return x.slow.test(m, in)
	case f.Kind == tape.Null:
		return empty, nil
	}
	same := string(m.slotText(f, slot)) == string(x.text)
	return truthOf(same != x.slow.negate), nil
}

func (x *plainEquals) eval(m *machine, in item) error { return evalTest(x, m, in) }

// withFirstInside returns first() of coalesce() and of iif() as what it is: the
// same of the first of each argument that is a result. Other expressions it
// returns as they are.
func (s *syntax) withFirstInside() *syntax {
	if s.op != opCall || s.name != "first" || s.src == nil || s.src.op != opCall || s.src.src != nil {
		return s
	}
	from := 0
	switch s.src.name {
	case "coalesce":
	case "iif":
		from = 1 // behind the condition
	default:
		return s
	}
	c := *s.src
	c.args = slices.Clone(c.args)
	for i := from; i < len(c.args); i++ {
		first := *s
		first.src = c.args[i]
		c.args[i] = &first
	}
	return &c
}
