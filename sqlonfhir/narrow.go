package sqlonfhir

import "github.com/bulkhead-fhir/bulkhead/tape"

// A narrow expression starts at a plain path that as a rule has one value, and
// filters or projects it, as in
//
//	value.ofType(Quantity).where(value.exists()).first().select(value & unit)
//
// When there is one value, it is value.ofType(Quantity).value that must exist
// and value.ofType(Quantity).value & value.ofType(Quantity).unit that is given:
// expressions of the resource, whose paths are plain in turn.

// narrowExpr is the compiled form of a narrow expression.
type narrowExpr struct {
	steps  []narrowStep
	result expr
	many   expr // the same when there may be many values
}

// A narrowStep is a where() or a select(): what it works on, and its criterion.
type narrowStep struct {
	on        *plainPath
	criterion expr // nil for a select
}

func (x *narrowExpr) eval(m *machine, in item) error {
	next, err := x.next(m, in)
	if err != nil {
		return err
	}
	return next.eval(m, in)
}

// next returns the expression that stands for x over the loaded line.
func (x *narrowExpr) next(m *machine, in item) (expr, error) {
	if in.kind != kindObject {
		return none{}, nil
	}
	for i := range x.steps {
		st := &x.steps[i]
		slot, _, ok := m.find(st.on)
		switch {
		case !ok:
			return x.many, nil
		case m.tape.Slot(slot).Kind == tape.Null:
			return none{}, nil
		case st.criterion == nil:
			continue
		}
		if t, err := m.test(st.criterion, in); err != nil || t != yes {
			return none{}, err
		}
	}
	return x.result, nil
}

// narrow returns the narrow form of an expression of the resource; nil when it
// has none.
func (b *builder) narrow(s *syntax) expr {
	n := narrowing{b: b}
	result, ok := n.follow(s)
	if !ok || len(n.steps) == 0 || n.wide && b.sharesPrefix(s) {
		return nil
	}
	x := &narrowExpr{}
	for _, st := range n.steps {
		on := b.plain(st.on, b.root)
		if on == nil {
			return nil
		}
		compiled := narrowStep{on: on}
		if st.criterion != nil {
			compiled.criterion = b.values(st.criterion, b.root)
		}
		x.steps = append(x.steps, compiled)
	}
	x.result = b.values(result, b.root)
	if n.wide {
		x.many, _ = b.longer(s, b.root)
	} else {
		general, _ := b.whole.compileAlone(s, b.whole.root)
		x.many = &wholeExpr{general}
	}
	return x
}

// A narrowing takes a narrow expression apart.
type narrowing struct {
	b     *builder
	steps []struct{ on, criterion *syntax }
	made  bool // the values are no longer the path's
	wide  bool // the path may well have many values
}

// follow returns what s gives when its path has one value.
func (n *narrowing) follow(s *syntax) (*syntax, bool) {
	if n.b.isPlain(s) {
		return s, true
	}
	if s.src == nil {
		return nil, false
	}
	src, ok := n.follow(s.src)
	if !ok {
		return nil, false
	}
	switch {
	case s.op == opCall && (s.name == "where" || s.name == "select"):
		return n.filter(s, src)
	case s.op == opCall && (s.name == "getReferenceKey" || s.name == "join" && s.hasFixedArgs()) && !n.made:
		n.made = true
	case s.name == "extension", s.name == "ofType" && s.src.op != opMember:
		return nil, false // these go by how their source is written
	case s.isFirst(), !n.made && s.op == opMember, !n.made && s.op == opCall && s.name == "ofType":
	default:
		return nil, false
	}
	c := *s
	c.src = src
	return &c, true
}

func (n *narrowing) filter(s, on *syntax) (*syntax, bool) {
	if n.made {
		return nil, false
	}
	n.wide = n.wide || !n.b.isOne(on)
	arg, ok := from(s.args[0], on)
	if !ok {
		return nil, false
	}
	step := struct{ on, criterion *syntax }{on: on}
	result := on
	if s.name == "where" {
		step.criterion = arg
	} else {
		result, n.made = arg, true
	}
	n.steps = append(n.steps, step)
	return result, true
}

// isOne reports whether a plain path leads to one value as a rule: whether
// it takes the first or leads to choice elements only.
func (b *builder) isOne(s *syntax) bool {
	switch {
	case b.isRoot(s):
		return true
	case s.isFirst():
		return true
	case s.op == opCall && s.name == "ofType":
		return b.isOne(s.src.src)
	}
	return false
}

// from returns s with on as its focus. It reports false when s would then mean
// something else.
func from(s, on *syntax) (*syntax, bool) {
	c := *s
	switch s.op {
	case opThis:
		return on, true
	case opLiteral, opResource, opRowIndex, opType, opEmpty:
		return s, true
	}
	starts := s.src == nil && (s.op == opMember || s.op == opCall && s.name != "iif" && s.name != "coalesce")
	if starts || s.src != nil && s.src.op == opThis {
		if s.name == "ofType" || s.name == "extension" {
			return nil, false // these go by how their source is written
		}
		c.src = on
	} else if s.src != nil {
		src, ok := from(s.src, on)
		if !ok {
			return nil, false
		}
		c.src = src
	}
	switch {
	case s.bindsFocus():
		return &c, true
	case s.op == opCall && len(s.args) > 0 && !s.readsOuterFocus():
		return nil, false
	}
	c.args = nil
	for _, a := range s.args {
		arg, ok := from(a, on)
		if !ok {
			return nil, false
		}
		c.args = append(c.args, arg)
	}
	return &c, true
}

// bindsFocus reports whether the focus of a call's arguments is its source.
func (s *syntax) bindsFocus() bool {
	if s.op != opCall {
		return false
	}
	switch s.name {
	case "where", "exists", "select":
		return true
	}
	return s.name == "iif" && s.src != nil
}

// readsOuterFocus reports whether the focus of a call's arguments is that of
// the call.
func (s *syntax) readsOuterFocus() bool {
	switch s.name {
	case "iif", "coalesce":
		return s.src == nil
	case "join", "extension", "ofType", "getReferenceKey":
		return true
	}
	return scalars[s.name] != nil
}
