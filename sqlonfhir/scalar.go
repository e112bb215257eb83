package sqlonfhir

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// A scalarFunc is a function of one value and of arguments that are one value
// each. It pushes its result, or nothing. It is not called without a value.
// https://hl7.org/fhirpath/#string-manipulation
type scalarFunc func(m *machine, c *scalarCall) error

// A scalarCall is what a scalarFunc is called with. An argument that is not
// given has kind kindNone.
type scalarCall struct {
	in    item
	args  [2]item
	given int // arguments
	s     *syntax
}

var scalars = map[string]scalarFunc{
	"toString": toString,
	"lower":    func(m *machine, c *scalarCall) error { return m.mapText(c, bytes.ToLower) },
	"upper":    func(m *machine, c *scalarCall) error { return m.mapText(c, bytes.ToUpper) },
	"trim": func(m *machine, c *scalarCall) error {
		return m.mapText(c, trimmed)
	},
	"length":     length,
	"substring":  substring,
	"indexOf":    indexOf,
	"startsWith": func(m *machine, c *scalarCall) error { return m.testText(c, bytes.HasPrefix) },
	"endsWith":   func(m *machine, c *scalarCall) error { return m.testText(c, bytes.HasSuffix) },
	"contains":   func(m *machine, c *scalarCall) error { return m.testText(c, bytes.Contains) },
	"replace":    replace, "matches": matches, "replaceMatches": replaceMatches,
	"duration": duration, "difference": difference,
}

// scalarExpr is a call of a scalarFunc.
type scalarExpr struct {
	src  expr
	args []expr
	f    scalarFunc
	s    *syntax
}

func (b *builder) scalar(s *syntax, src expr, f scalarFunc, focus []place) expr {
	x := &scalarExpr{src: src, f: f, s: s}
	for _, a := range s.args {
		if s.pattern != nil {
			break // its arguments are in the pattern
		}
		arg, _ := b.compile(a, focus)
		x.args = append(x.args, arg)
	}
	return x
}

func (x *scalarExpr) eval(m *machine, in item) (err error) {
	if len(x.args) == 0 {
		it, err := m.single(x.src, in)
		if err != nil || it.kind == kindNone {
			return err
		}
		c := &m.call
		c.in, c.s, c.given = it, x.s, 0
		c.args[0].kind, c.args[1].kind = kindNone, kindNone
		return x.f(m, c)
	}
	c := scalarCall{s: x.s, given: len(x.args)}
	if c.in, err = m.single(x.src, in); err != nil || c.in.kind == kindNone {
		return err
	}
	for i, a := range x.args {
		if c.args[i], err = m.single(a, in); err != nil {
			return err
		}
	}
	m.call = c // here it needs no memory of its own
	return x.f(m, &m.call)
}

// string returns the text of the i-th argument; not ok when it is empty.
func (c *scalarCall) string(m *machine, i int) (text []byte, ok bool, err error) {
	switch c.args[i].kind {
	case kindNone:
		return nil, false, nil
	case kindString:
		return m.text(&c.args[i]), true, nil
	}
	return nil, false, errIncomparable
}

// integer returns the number of the i-th argument, perhaps cut to 32 bits; not
// ok when it is empty.
func (c *scalarCall) integer(m *machine, i int) (n int, ok bool, err error) {
	if c.args[i].kind == kindNone {
		return 0, false, nil
	}
	text := m.text(&c.args[i])
	if c.args[i].kind != kindNumber || !isIntegerText(text) {
		return 0, false, errIncomparable
	}
	n64, _ := strconv.ParseInt(string(text), 10, 32)
	return int(n64), true, nil
}

// subject returns the text of the value that a function of strings is for.
func (c *scalarCall) subject(m *machine) ([]byte, error) {
	if c.in.kind != kindString {
		return nil, errIncomparable
	}
	return m.text(&c.in), nil
}

// pushText pushes text, which is not changed any more, as a string.
func (m *machine) pushText(text []byte) { m.stack = append(m.stack, stringItem(text)) }

func stringItem(text []byte) item {
	if text == nil {
		text = []byte{}
	}
	return item{kind: kindString, node: -1, text: text[:len(text):len(text)]}
}

// toString gives the text of a boolean, number or string as it was sent, and
// nothing for an object.
func toString(m *machine, c *scalarCall) error {
	if c.in.kind != kindObject {
		m.pushText(m.text(&c.in))
	}
	return nil
}

// trimmed returns text without the white space at its ends.
func trimmed(text []byte) []byte {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func (m *machine) mapText(c *scalarCall, f func([]byte) []byte) error {
	text, err := c.subject(m)
	if err == nil {
		m.pushText(f(text))
	}
	return err
}

func (m *machine) testText(c *scalarCall, f func(text, arg []byte) bool) error {
	text, err := c.subject(m)
	if err != nil {
		return err
	}
	arg, ok, err := c.string(m, 0)
	if ok {
		m.pushTruth(truthOf(f(text, arg)))
	}
	return err
}

// length counts characters.
func length(m *machine, c *scalarCall) error {
	text, err := c.subject(m)
	if err == nil {
		m.pushInt(utf8.RuneCount(text))
	}
	return err
}

func indexOf(m *machine, c *scalarCall) error {
	text, err := c.subject(m)
	if err != nil {
		return err
	}
	part, ok, err := c.string(m, 0)
	if !ok {
		return err
	}
	at := bytes.Index(text, part)
	if at > 0 {
		at = utf8.RuneCount(text[:at])
	}
	m.pushInt(at)
	return nil
}

func substring(m *machine, c *scalarCall) error {
	text, err := c.subject(m)
	if err != nil {
		return err
	}
	start, ok, err := c.integer(m, 0)
	if !ok || err != nil {
		return err
	}
	n, limited, err := c.integer(m, 1)
	if err != nil || start < 0 {
		return err
	}
	if text = text[characters(text, start):]; len(text) == 0 {
		return nil
	}
	if limited {
		text = text[:characters(text, n)]
	}
	m.pushText(text)
	return nil
}

// characters returns how many bytes the first n characters of a text take; all
// when there are fewer.
func characters(text []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

func replace(m *machine, c *scalarCall) error {
	text, err := c.subject(m)
	if err != nil {
		return err
	}
	pattern, ok, err := c.string(m, 0)
	if !ok || err != nil {
		return err
	}
	substitution, ok, err := c.string(m, 1)
	if ok {
		m.pushText(bytes.ReplaceAll(text, pattern, substitution))
	}
	return err
}

// coalesceExpr is coalesce(a, b, ...): the first of them that has values. Those
// behind it are not evaluated.
type coalesceExpr struct{ choices []expr }

func (b *builder) coalesce(s *syntax, focus []place) (expr, []place) {
	x := &coalesceExpr{}
	var places []place
	for _, a := range s.args {
		choice, at := b.compile(a, focus)
		x.choices = append(x.choices, choice)
		for _, p := range at {
			places = add(places, p)
		}
	}
	return x, b.bounded(places)
}

func (x *coalesceExpr) eval(m *machine, in item) error {
	base := len(m.stack)
	for _, choice := range x.choices {
		if err := choice.eval(m, in); err != nil || len(m.stack) > base {
			return err
		}
	}
	return nil
}

// selectExpr is src.select(projection): what the projection gives for each
// value, one after the other.
type selectExpr struct{ src, projection expr }

func (b *builder) project(s *syntax, src expr, at []place) (expr, []place) {
	outer := b.sharing
	b.sharing = nil
	x, places := b.compile(s.args[0], at)
	b.sharing = outer
	return &selectExpr{src, x}, places
}

func (x *selectExpr) eval(m *machine, in item) error {
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	mid := len(m.stack)
	for i := base; i < mid; i++ {
		if err := x.projection.eval(m, m.stack[i]); err != nil {
			return err
		}
	}
	m.keep(base, mid)
	return nil
}
