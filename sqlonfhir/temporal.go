package sqlonfhir

import (
	"cmp"
	"strings"
	"time"
)

func isTemporal(t typeID) bool {
	return t != typeUnknown && (t == typeDate || t == typeDateTime || t == typeInstant || t == typeTime)
}

// A precision is how far a date or time goes.
type precision uint8

const (
	toYear precision = iota + 1
	toMonth
	toDay
	toHour
	toMinute
	toSecond
)

// A moment is a date, dateTime or time taken apart.
type moment struct {
	isTime bool // a time of day: the fields before hour are 0
	until  precision
	field  [7]int // year, month, day, hour, minute, second, nanosecond
	zone   bool
	offset int // minutes east of UTC

	fraction int // digits of the second's fraction, at most 9
}

// parseMoment reads a FHIR date, dateTime, instant or time. Parts may be
// missing from the right.
func parseMoment(s []byte) (m moment, ok bool) {
	if len(s) >= 3 && s[2] == ':' || len(s) == 2 {
		m.isTime = true
		rest, ok := m.clock(s)
		return m, ok && len(rest) == 0
	}
	if s, ok = m.date(s); !ok || len(s) == 0 {
		return m, ok
	}
	if s[0] != 'T' || m.until != toDay {
		return m, false
	}
	if len(s) == 1 {
		return m, true // a dateTime literal such as @2015T
	}
	if s, ok = m.clock(s[1:]); !ok || len(s) == 0 {
		return m, ok
	}
	m.zone = true
	if len(s) == 1 && s[0] == 'Z' {
		return m, true
	}
	return m, m.readOffset(s)
}

// date reads year, month and day and returns what is behind them.
func (m *moment) date(s []byte) (rest []byte, ok bool) {
	var n int
	if n, s, ok = twoDigits(s); !ok {
		return s, false
	}
	m.field[0] = n * 100
	if n, s, ok = twoDigits(s); !ok {
		return s, false
	}
	m.field[0] += n
	m.until = toYear
	for i := 1; i <= 2 && len(s) > 0 && s[0] == '-'; i++ {
		if m.field[i], s, ok = twoDigits(s[1:]); !ok || m.field[i] < 1 {
			return s, false
		}
		m.until++
	}
	return s, m.field[1] <= 12 && (m.until < toDay || m.field[2] <= daysIn(m.field[0], m.field[1]))
}

// clock reads hour, minute, second and fraction and returns what is behind.
func (m *moment) clock(s []byte) (rest []byte, ok bool) {
	if m.field[3], s, ok = twoDigits(s); !ok || m.field[3] > 23 {
		return s, false
	}
	m.until = toHour
	for i := 4; i <= 5 && len(s) > 0 && s[0] == ':'; i++ {
		if m.field[i], s, ok = twoDigits(s[1:]); !ok || m.field[i] > 59 && (i == 4 || m.field[i] > 60) {
			return s, false
		}
		m.until++
	}
	if m.until < toSecond || len(s) == 0 || s[0] != '.' {
		return s, true
	}
	unit := 100_000_000
	for s = s[1:]; len(s) > 0 && isDigit(s[0]); s = s[1:] {
		m.field[6] += int(s[0]-'0') * unit
		unit /= 10
		m.fraction = min(m.fraction+1, 9)
	}
	return s, m.fraction > 0
}

// readOffset reads a zone such as +02:00.
func (m *moment) readOffset(s []byte) bool {
	if len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return false
	}
	h, _, ok1 := twoDigits(s[1:3])
	min, _, ok2 := twoDigits(s[4:])
	m.offset = h*60 + min
	if s[0] == '-' {
		m.offset = -m.offset
	}
	return ok1 && ok2 && h <= 14 && min <= 59
}

func twoDigits(s []byte) (n int, rest []byte, ok bool) {
	if len(s) < 2 || !isDigit(s[0]) || !isDigit(s[1]) {
		return 0, s, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), s[2:], true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// utc moves a moment with a zone and at least an hour to UTC.
func (m *moment) utc() {
	t := time.Date(m.field[0], time.Month(m.field[1]), m.field[2], m.field[3], m.field[4]-m.offset, m.field[5], m.field[6], time.UTC)
	m.field = [7]int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond()}
}

// compareTemporal compares two dates, dateTimes or times. It says no when one
// is none or they are of different kinds, and empty when they agree as far as
// both go but one goes further, or when only one time has a zone.
func compareTemporal(a, b []byte) (int, truth) {
	x, ok1 := parseMoment(a)
	y, ok2 := parseMoment(b)
	if !ok1 || !ok2 || x.isTime != y.isTime {
		return 0, no
	}
	if !x.isTime && x.until >= toHour && y.until >= toHour && x.zone != y.zone {
		return 0, empty
	}
	if x.zone && y.zone {
		x.utc()
		y.utc()
	}
	shared := min(x.until, y.until)
	for i := range int(shared) {
		if c := cmp.Compare(x.field[i], y.field[i]); c != 0 {
			return c, yes
		}
	}
	if x.until != y.until {
		return 0, empty
	}
	return cmp.Compare(x.field[6], y.field[6]), yes
}

// looksLikeDateTime reports whether a string has the form of a date with a
// time behind it.
func looksLikeDateTime(s []byte) bool {
	return len(s) >= 16 && s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':'
}

// temporalLiteral returns the item of a literal, given without its @.
func temporalLiteral(text string) (item, bool) {
	it := item{kind: kindString, node: -1, typ: typeDate}
	if s, ok := strings.CutPrefix(text, "T"); ok {
		it.typ, it.text = typeTime, []byte(s)
	} else if strings.Contains(text, "T") {
		it.typ, it.text = typeDateTime, []byte(strings.TrimSuffix(text, "T"))
	} else {
		it.text = []byte(text)
	}
	m, ok := parseMoment(it.text)
	return it, ok && m.isTime == (it.typ == typeTime)
}
