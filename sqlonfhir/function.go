package sqlonfhir

import (
	"slices"
	"strconv"
)

type (
	none         struct{}
	this         struct{}
	rootExpr     struct{}
	rowIndexExpr struct{}
	literal      struct{ item item }
	thisRoot     struct{}
)

func (none) eval(*machine, item) error { return nil }

func (this) eval(m *machine, in item) error {
	if in.kind != kindNone {
		m.stack = append(m.stack, in)
	}
	return nil
}

func (thisRoot) eval(m *machine, in item) error {
	if in.kind == kindObject && in.node == 0 {
		m.stack = append(m.stack, in)
	}
	return nil
}

func (rootExpr) eval(m *machine, _ item) error {
	m.stack = append(m.stack, item{kind: kindObject})
	return nil
}

func (rowIndexExpr) eval(m *machine, _ item) error {
	m.pushInt(m.rowIndex)
	return nil
}

func (x literal) eval(m *machine, _ item) error {
	m.stack = append(m.stack, x.item)
	return nil
}

func (m *machine) pushInt(n int) {
	from := len(m.made)
	m.made = strconv.AppendInt(m.made, int64(n), 10)
	m.stack = append(m.stack, numberItem(m.made[from:len(m.made):len(m.made)]))
}

// call compiles a function call.
func (b *builder) call(s *syntax, focus []place) (expr, []place) {
	switch s.name {
	case "ofType":
		return b.ofType(s, focus)
	case "extension":
		src, at := b.member(&syntax{op: opMember, name: "extension", src: s.src}, focus)
		url, _ := b.compile(s.args[0], focus)
		for _, p := range at {
			p.want.Member("url")
		}
		return &extensionExpr{src, url, b.shape.Key("url")}, at
	case "iif":
		return b.iif(s, focus)
	case "coalesce":
		return b.coalesce(s, focus)
	}
	src, at := b.source(s, focus)
	if f := scalars[s.name]; f != nil {
		return b.scalar(s, src, f, focus), nil
	}
	switch s.name {
	case "select":
		return b.project(s, src, at)
	case "where":
		return &whereExpr{src, b.criterion(s.args[0], at)}, at
	case "exists":
		if len(s.args) == 1 {
			src = &whereExpr{src, b.criterion(s.args[0], at)}
		}
		return &existsExpr{src, true}, nil
	case "empty":
		return &existsExpr{src, false}, nil
	case "not":
		return &notExpr{src}, nil
	case "count":
		return &countExpr{src}, nil
	case "first", "last":
		return pick(src, s.name == "last"), at
	case "join":
		sep := expr(literal{item{kind: kindString, node: -1, text: []byte{}}})
		if len(s.args) == 1 {
			sep, _ = b.compile(s.args[0], focus)
		}
		return &joinExpr{src, sep}, nil
	case "lowBoundary", "highBoundary":
		x := b.boundary(src, at, s.name == "highBoundary")
		if len(s.args) == 1 {
			x.precision, _ = b.compile(s.args[0], focus)
		}
		return x, nil
	case "getResourceKey":
		return b.resourceKey(src, at), nil
	case "getReferenceKey":
		return b.referenceKey(s, src, at), nil
	}
	return none{}, nil
}

type countExpr struct{ src expr }

func (x *countExpr) eval(m *machine, in item) error {
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	n := len(m.stack) - base
	m.stack = m.stack[:base]
	m.pushInt(n)
	return nil
}

// pickExpr is src.first() or src.last().
type pickExpr struct {
	src  expr
	last bool
}

// pick returns src.first() or src.last(). The first value of a path is found
// without the others.
func pick(src expr, last bool) expr {
	p, ok := src.(*path)
	if !ok || last {
		return &pickExpr{src, last}
	}
	steps := slices.Clone(p.steps)
	steps[len(steps)-1].first = true
	return &path{p.src, steps}
}

func (x *pickExpr) eval(m *machine, in item) error {
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	if n := len(m.stack); n > base {
		if x.last {
			m.stack[base] = m.stack[n-1]
		}
		m.stack = m.stack[:base+1]
	}
	return nil
}

// indexExpr is src[index].
type indexExpr struct{ src, index expr }

func (x *indexExpr) eval(m *machine, in item) error {
	index, err := m.single(x.index, in)
	if err != nil {
		return err
	}
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	if index.kind != kindNone && (index.kind != kindNumber || !isIntegerText(m.text(&index))) {
		return errIncomparable
	}
	n, err := strconv.Atoi(string(m.text(&index)))
	if err != nil || n < 0 || n >= len(m.stack)-base {
		m.stack = m.stack[:base]
		return nil
	}
	m.stack[base] = m.stack[base+n]
	m.stack = m.stack[:base+1]
	return nil
}

// joinExpr is src.join(separator). Nothing joined is nothing.
type joinExpr struct{ src, separator expr }

func (x *joinExpr) eval(m *machine, in item) error {
	sep, err := m.single(x.separator, in)
	if err != nil {
		return err
	}
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	if len(m.stack) == base {
		return nil
	}
	from := len(m.made)
	for i := base; i < len(m.stack); i++ {
		if m.stack[i].kind == kindObject {
			return errIncomparable
		}
		if i > base {
			m.made = append(m.made, m.text(&sep)...)
		}
		m.made = append(m.made, m.text(&m.stack[i])...)
	}
	m.stack = append(m.stack[:base], item{kind: kindString, node: -1, text: m.made[from:len(m.made):len(m.made)]})
	return nil
}
