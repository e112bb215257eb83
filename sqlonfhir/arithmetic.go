package sqlonfhir

// concatExpr is left & right: strings, where nothing counts as an empty string.
type concatExpr struct{ left, right expr }

func (x *concatExpr) eval(m *machine, in item) error { return m.pushTextOf(x, in) }

func (x *concatExpr) textOf(m *machine, in *item) ([]byte, itemKind, error) {
	a, left, err := m.textOf(x.left, in)
	if err != nil {
		return nil, kindNone, err
	}
	b, right, err := m.textOf(x.right, in)
	switch {
	case err != nil:
		return nil, kindNone, err
	case !isStringOrNone(left) || !isStringOrNone(right):
		return nil, kindNone, errIncomparable
	}
	return m.concat(a, b), kindString, nil
}

func isStringOrNone(k itemKind) bool { return k == kindString || k == kindNone }

// concat returns x and y as one text.
func (m *machine) concat(x, y []byte) []byte {
	switch {
	case len(y) == 0:
		return x
	case len(x) == 0:
		return y
	}
	from := len(m.made) - len(x)
	if from < 0 || &m.made[from] != &x[0] { // x was not made last
		from = len(m.made)
		m.made = append(m.made, x...)
	}
	m.made = append(m.made, y...)
	return m.made[from:]
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
		m.pushText(m.concat(m.text(&a), m.text(&b)))
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
