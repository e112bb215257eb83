package sqlonfhir

import (
	"fmt"
	"strings"
)

// Columns of one select often start alike, as in name.first().family and
// name.first().given. What they share is evaluated once for each focus.

// sharedExpr is an expression over the focus of a select that several of its
// columns start with.
type sharedExpr struct {
	expr expr
	slot int // in machine.memos
}

// A memo is what a sharedExpr gave for the current focus.
type memo struct {
	focus    uint64 // machine.focus then
	from, to int    // in machine.kept
}

// newFocus forgets what was shared.
func (m *machine) newFocus() {
	m.focus++
	m.kept = m.kept[:0]
}

func (x *sharedExpr) eval(m *machine, in item) error {
	known := &m.memos[x.slot]
	if known.focus == m.focus {
		m.stack = append(m.stack, m.kept[known.from:known.to]...)
		return nil
	}
	base := len(m.stack)
	if err := x.expr.eval(m, in); err != nil {
		return err
	}
	from := len(m.kept)
	m.kept = append(m.kept, m.stack[base:]...)
	*known = memo{m.focus, from, len(m.kept)}
	return nil
}

// A sharing is what the columns of the select that is being compiled share.
type sharing struct {
	uses     map[string]int
	compiled map[string]sharedPlace
}

type sharedPlace struct {
	expr   expr
	places []place
}

// share counts with what the columns of a select start.
func share(columns []columnDefinition) *sharing {
	sh := &sharing{uses: map[string]int{}, compiled: map[string]sharedPlace{}}
	for _, c := range columns {
		for s := c.syntax; s != nil; s = s.src {
			if s.isWorthSharing() {
				sh.uses[s.String()]++
			}
		}
	}
	return sh
}

// isWorthSharing reports whether to evaluate s costs more than to copy its
// values: it ends in a call, and calls more than what a path can do alone.
func (s *syntax) isWorthSharing() bool {
	if s.op != opCall && s.op != opIndex {
		return false
	}
	for ; s != nil; s = s.src {
		if s.src != nil && (s.op == opIndex || s.op == opCall && s.name != "ofType" && s.name != "first") {
			return true
		}
	}
	return false
}

// shared returns the compiled form of s when several columns start with it.
func (b *builder) shared(s *syntax, focus []place) (expr, []place, bool) {
	if b.sharing == nil || !s.isWorthSharing() {
		return nil, nil, false
	}
	key := s.String()
	if b.sharing.uses[key] < 2 {
		return nil, nil, false
	}
	known, ok := b.sharing.compiled[key]
	if !ok {
		outer := b.nodes
		b.nodes = true
		x, at := b.compileAlone(s, focus)
		b.nodes = outer
		known = sharedPlace{&sharedExpr{x, b.memos}, at}
		b.memos++
		b.sharing.compiled[key] = known
	}
	return known.expr, known.places, true
}

// sharesPrefix reports whether other columns start with what s starts with.
func (b *builder) sharesPrefix(s *syntax) bool {
	if b.sharing == nil {
		return false
	}
	for ; s != nil; s = s.src {
		if s.isWorthSharing() && b.sharing.uses[s.String()] >= 2 {
			return true
		}
	}
	return false
}

// criterion compiles an expression whose focus is not that of the select.
func (b *builder) criterion(s *syntax, focus []place) expr {
	outer := b.sharing
	b.sharing = nil
	x := b.values(s, focus)
	b.sharing = outer
	return x
}

// String writes an expression so that equal ones are written alike.
func (s *syntax) String() string {
	var b strings.Builder
	s.write(&b)
	return b.String()
}

func (s *syntax) write(b *strings.Builder) {
	if s.src != nil {
		s.src.write(b)
		b.WriteByte('.')
	}
	fmt.Fprintf(b, "%d:%q", s.op, s.name)
	if s.op == opLiteral {
		fmt.Fprintf(b, "<%d,%d,%q>", s.value.kind, s.value.typ, s.value.text)
	}
	for _, a := range s.args {
		b.WriteByte('(')
		a.write(b)
		b.WriteByte(')')
	}
}
