package sqlonfhir

// whereExpr is src.where(criterion).
type whereExpr struct{ src, criterion expr }

func (x *whereExpr) eval(m *machine, in item) error {
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	kept := base
	for i, end := base, len(m.stack); i < end; i++ {
		it := m.stack[i]
		t, err := m.test(x.criterion, it)
		if err != nil {
			return err
		}
		if t == yes {
			m.stack[kept] = it
			kept++
		}
	}
	m.stack = m.stack[:kept]
	return nil
}

// extensionExpr is src.extension(url).
type extensionExpr struct {
	src, url expr
	key      int32 // of url
}

func (x *extensionExpr) eval(m *machine, in item) error {
	url, err := m.single(x.url, in)
	if err != nil {
		return err
	}
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	kept := base
	for i := base; i < len(m.stack); i++ {
		it := m.stack[i]
		if it.kind != kindObject || url.kind != kindString {
			continue
		}
		if c := m.tape.Member(it.node, x.key); c >= 0 && string(m.tape.Text(c)) == string(m.text(&url)) {
			m.stack[kept] = it
			kept++
		}
	}
	m.stack = m.stack[:kept]
	return nil
}

// existsExpr is src.exists() or src.empty().
type existsExpr struct {
	src  expr
	want bool
}

func (x *existsExpr) test(m *machine, in item) (truth, error) {
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return empty, err
	}
	found := len(m.stack) > base
	m.stack = m.stack[:base]
	return truthOf(found == x.want), nil
}

func (x *existsExpr) eval(m *machine, in item) error { return evalTest(x, m, in) }

// evalTest is the eval of a tester.
func evalTest(x tester, m *machine, in item) error {
	t, err := x.test(m, in)
	if err == nil {
		m.pushTruth(t)
	}
	return err
}

type notExpr struct{ src expr }

func (x *notExpr) test(m *machine, in item) (truth, error) {
	t, err := m.test(x.src, in)
	if t != empty {
		t = no + yes - t
	}
	return t, err
}

func (x *notExpr) eval(m *machine, in item) error { return evalTest(x, m, in) }

// iifExpr is src.iif(condition, then, otherwise).
type iifExpr struct{ src, condition, then, otherwise expr }

func (b *builder) iif(s *syntax, focus []place) (expr, []place) {
	src, at := b.source(s, focus)
	if s.src != nil {
		outer := b.sharing
		b.sharing = nil
		defer func() { b.sharing = outer }()
	}
	x := &iifExpr{src: src, otherwise: none{}}
	x.condition = b.values(s.args[0], at)
	var places, more []place
	x.then, places = b.compile(s.args[1], at)
	if len(s.args) == 3 {
		x.otherwise, more = b.compile(s.args[2], at)
	}
	for _, p := range more {
		places = add(places, p)
	}
	return x, b.bounded(places)
}

func (x *iifExpr) eval(m *machine, in item) error {
	focus := in
	if _, ok := x.src.(this); !ok {
		var err error
		if focus, err = m.single(x.src, in); err != nil {
			return err
		}
	}
	t, err := m.test(x.condition, focus)
	switch {
	case err != nil:
		return err
	case t == yes:
		return x.then.eval(m, focus)
	}
	return x.otherwise.eval(m, focus)
}
