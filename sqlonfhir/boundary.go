package sqlonfhir

import "github.com/bulkhead-fhir/bulkhead/tape"

// boundaryExpr is src.lowBoundary() or src.highBoundary(): the first or last
// value that a decimal, date, dateTime, time or Period stands for.
type boundaryExpr struct {
	src       expr
	high      bool
	edge      int32 // the key of start or end
	precision expr  // nil for the greatest
}

func (b *builder) boundary(src expr, at []place, high bool) *boundaryExpr {
	name := "start"
	if high {
		name = "end"
	}
	for _, p := range at {
		p.want.Member(name)
	}
	return &boundaryExpr{src: src, high: high, edge: b.shape.Key(name)}
}

func (x *boundaryExpr) eval(m *machine, in item) error {
	it, err := m.single(x.src, in)
	if err != nil || it.kind == kindNone {
		return err
	}
	if it.kind == kindObject {
		c := m.tape.Member(it.node, x.edge)
		if c < 0 || m.tape.Node(c).Kind != tape.String {
			return nil
		}
		it = item{kind: kindString, typ: typeDateTime, node: c}
	}
	digits, ok, err := x.digits(m, in)
	if !ok || err != nil {
		return err
	}
	from := len(m.made)
	text := m.text(&it)
	switch it.kind {
	case kindNumber:
		m.made, ok = appendBoundary(m.made, text, x.high, digits)
	case kindString:
		if m.made, ok = appendEdge(m.made, text, it.typ, x.high); ok {
			m.made, ok = cutEdge(m.made, from, it.typ, digits)
		}
	default:
		return errIncomparable
	}
	if ok {
		it.node, it.text = -1, m.made[from:len(m.made):len(m.made)]
		m.stack = append(m.stack, it)
	}
	return nil
}

// appendEdge appends the first or last moment of a date, dateTime or time. A
// date stays a date only when its type is known to be date. Times without a
// zone get the zone that makes them earliest or latest.
func appendEdge(dst, text []byte, typ typeID, high bool) (_ []byte, ok bool) {
	m, ok := parseMoment(text)
	if !ok {
		return dst, false
	}
	if m.isTime {
		return appendClock(dst, &m, high), true
	}
	if m.until < toMonth {
		m.field[1] = edge(high, 1, 12)
	}
	if m.until < toDay {
		m.field[2] = edge(high, 1, daysIn(m.field[0], m.field[1]))
	}
	dst = appendPadded(dst, m.field[0], 4)
	dst = appendPadded(append(dst, '-'), m.field[1], 2)
	dst = appendPadded(append(dst, '-'), m.field[2], 2)
	if typ == typeDate && m.until <= toDay {
		return dst, true
	}
	dst = appendClock(append(dst, 'T'), &m, high)
	switch {
	case m.zone:
		return append(dst, zoneText(text)...), true
	case high:
		return append(dst, "-12:00"...), true
	}
	return append(dst, "+14:00"...), true
}

func edge(high bool, low, top int) int {
	if high {
		return top
	}
	return low
}

// zoneText returns the zone of a dateTime that has one.
func zoneText(text []byte) []byte {
	if text[len(text)-1] == 'Z' {
		return text[len(text)-1:]
	}
	return text[len(text)-6:]
}

// appendClock appends hour, minute, second and at least milliseconds.
func appendClock(dst []byte, m *moment, high bool) []byte {
	for i, p := range [...]precision{toHour, toMinute, toSecond} {
		if m.until < p {
			m.field[3+i] = edge(high, 0, [...]int{23, 59, 59}[i])
		}
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = appendPadded(dst, m.field[3+i], 2)
	}
	nanos, width := m.field[6], max(3, m.fraction)
	for i := m.fraction; i < width; i++ {
		nanos += edge(high, 0, 9) * power(8-i)
	}
	return appendPadded(append(dst, '.'), nanos/power(9-width), width)
}

func appendPadded(dst []byte, n, width int) []byte {
	for unit := power(width - 1); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+n/unit%10))
	}
	return dst
}

func power(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}
