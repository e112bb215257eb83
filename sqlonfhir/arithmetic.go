package sqlonfhir

// concatExpr is left & right: strings, where nothing counts as an empty string.
type concatExpr struct{ left, right expr }

func (x *concatExpr) eval(m *machine, in item) error {
	it, err := x.one(m, in)
	if err == nil {
		m.stack = append(m.stack, it)
	}
	return err
}

func (x *concatExpr) one(m *machine, in item) (item, error) {
	a, err := m.single(x.left, in)
	if err != nil {
		return item{}, err
	}
	b, err := m.single(x.right, in)
	if err != nil {
		return item{}, err
	}
	if !isStringOrNone(a.kind) || !isStringOrNone(b.kind) {
		return item{}, errIncomparable
	}
	return m.concat(&a, &b), nil
}

func isStringOrNone(k itemKind) bool { return k == kindString || k == kindNone }

// concat returns the text of a and that of b as one string.
func (m *machine) concat(a, b *item) item {
	x, y := m.text(a), m.text(b)
	switch {
	case len(y) == 0:
		return stringItem(x)
	case len(x) == 0:
		return stringItem(y)
	}
	from := len(m.made) - len(x)
	if from < 0 || &m.made[from] != &x[0] { // x was not made last
		from = len(m.made)
		m.made = append(m.made, x...)
	}
	m.made = append(m.made, y...)
	return stringItem(m.made[from:])
}

// arithmetic is one of + - * / and div (d) and mod (m); + also joins strings.
type arithmetic struct {
	op          byte
	left, right expr
}

func (x *arithmetic) eval(m *machine, in item) error {
	a, err := m.single(x.left, in)
	if err != nil {
		return err
	}
	b, err := m.single(x.right, in)
	if err != nil || a.kind == kindNone || b.kind == kindNone {
		return err
	}
	if x.op == '+' && a.kind == kindString && b.kind == kindString {
		m.stack = append(m.stack, m.concat(&a, &b))
		return nil
	}
	if a.kind != kindNumber || b.kind != kindNumber {
		return errIncomparable
	}
	from := len(m.made)
	var ok bool
	if m.made, ok = appendArithmetic(m.made, x.op, m.text(&a), m.text(&b)); ok {
		m.stack = append(m.stack, numberItem(m.made[from:len(m.made):len(m.made)]))
	}
	return nil
}
