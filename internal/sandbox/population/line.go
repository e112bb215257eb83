package population

import (
	"strconv"
	"time"
	"unicode/utf8"
)

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
	year   = 365*day + 6*hour
)

// A line is one resource under construction. Its methods append; none of them
// allocates once the buffer has grown. Times are milliseconds since 1970 UTC.
type line struct {
	b    []byte
	zone *zone
	// escape writes non-ASCII characters as \u escapes, as some servers do.
	escape bool
}

// lit appends s, which must be JSON already.
func (l *line) lit(s string) { l.b = append(l.b, s...) }

// either appends one of two JSON texts.
func (l *line) either(first bool, yes, no string) {
	if first {
		l.lit(yes)
	} else {
		l.lit(no)
	}
}

// field appends ,"name":"value" with the value escaped.
func (l *line) field(name, value string) {
	l.b = append(l.b, `,"`...)
	l.b = append(l.b, name...)
	l.b = append(l.b, `":`...)
	l.str(value)
}

const hexDigits = "0123456789abcdef"

// str appends s as a JSON string.
func (l *line) str(s string) {
	l.b = append(l.b, '"')
	l.text(s)
	l.b = append(l.b, '"')
}

// text appends the inside of a JSON string.
func (l *line) text(s string) {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && (c < utf8.RuneSelf || !l.escape) {
			i++
			continue
		}
		l.b = append(l.b, s[from:i]...)
		if c < utf8.RuneSelf {
			l.control(c)
			i++
		} else {
			r, n := utf8.DecodeRuneInString(s[i:])
			l.escaped(r)
			i += n
		}
		from = i
	}
	l.b = append(l.b, s[from:]...)
}

func (l *line) control(c byte) {
	switch c {
	case '"', '\\':
		l.b = append(l.b, '\\', c)
	case '\n':
		l.b = append(l.b, '\\', 'n')
	case '\t':
		l.b = append(l.b, '\\', 't')
	default:
		l.unit16(uint16(c))
	}
}

func (l *line) escaped(r rune) {
	if r > 0xffff {
		r -= 0x10000
		l.unit16(uint16(0xd800 + r>>10))
		r = 0xdc00 + r&0x3ff
	}
	l.unit16(uint16(r))
}

func (l *line) unit16(u uint16) {
	l.b = append(l.b, '\\', 'u', hexDigits[u>>12], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}

func (l *line) int(n int) { l.b = strconv.AppendInt(l.b, int64(n), 10) }

// dec appends v / 10^scale with exactly scale digits after the point, so that
// 9860 at scale 2 is 98.60.
func (l *line) dec(v, scale int) {
	if v < 0 {
		l.b = append(l.b, '-')
		v = -v
	}
	if scale == 0 {
		l.int(v)
		return
	}
	pow := 1
	for range scale {
		pow *= 10
	}
	l.int(v / pow)
	l.b = append(l.b, '.')
	l.padded(v%pow, scale)
}

// padded appends n with leading zeros to a width.
func (l *line) padded(n, width int) {
	at := len(l.b)
	for range width {
		l.b = append(l.b, '0')
	}
	for i := at + width - 1; i >= at; i-- {
		l.b[i] = byte('0' + n%10)
		n /= 10
	}
}

// date appends the date at ms in the practice's zone.
func (l *line) date(ms int64) {
	y, m, d := time.UnixMilli(ms + l.zone.offset(ms)).UTC().Date()
	l.ymd(y, int(m), d)
}

func (l *line) ymd(y, m, d int) {
	l.padded(y, 4)
	l.b = append(l.b, '-')
	l.padded(m, 2)
	l.b = append(l.b, '-')
	l.padded(d, 2)
}

// partialDate appends a date to the year (1), the month (2) or the day (3).
func (l *line) partialDate(ms int64, precision int) {
	l.date(ms)
	switch precision {
	case 1:
		l.b = l.b[:len(l.b)-6]
	case 2:
		l.b = l.b[:len(l.b)-3]
	}
}

// dateTime appends a time to the second with the practice's offset.
func (l *line) dateTime(ms int64) {
	off := l.zone.offset(ms)
	l.clock(ms + off)
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	l.b = append(l.b, sign)
	l.padded(int(off/hour), 2)
	l.b = append(l.b, ':')
	l.padded(int(off%hour/minute), 2)
}

func (l *line) clock(ms int64) {
	y, m, d := time.UnixMilli(ms).UTC().Date()
	l.ymd(y, int(m), d)
	s := int(floorMod(ms, day) / second)
	l.b = append(l.b, 'T')
	l.padded(s/3600, 2)
	l.b = append(l.b, ':')
	l.padded(s/60%60, 2)
	l.b = append(l.b, ':')
	l.padded(s%60, 2)
}

// instant appends a time to the millisecond in UTC.
func (l *line) instant(ms int64) {
	l.clock(ms)
	l.b = append(l.b, '.')
	l.padded(int(floorMod(ms, second)), 3)
	l.b = append(l.b, 'Z')
}

func floorMod(a, b int64) int64 {
	if m := a % b; m >= 0 {
		return m
	}
	return a%b + b
}
