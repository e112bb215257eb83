package tape

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

func (t *Tape) literal(i int, word string) int {
	for j := range len(word) {
		if i+j >= len(t.line) || t.line[i+j] != word[j] {
			return t.fail(i+j, ReasonSyntax)
		}
	}
	return i + len(word)
}

func (t *Tape) number(i int) int {
	b := t.line
	if b[i] == '-' {
		i++
	}
	first := i
	i = digits(b, i)
	if i == first || b[first] == '0' && i > first+1 {
		return t.fail(first, ReasonNumber)
	}
	if i < len(b) && b[i] == '.' {
		frac := i + 1
		if i = digits(b, frac); i == frac {
			return t.fail(i, ReasonNumber)
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exp := i
		if i = digits(b, exp); i == exp {
			return t.fail(i, ReasonNumber)
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns a mask with the high bit of each byte of w that is a quote,
// a backslash, a control character or not ASCII. Only its lowest bit is exact.
// With its second bit turned a quote is 0x20, and a space or '!' is above.
func special(w uint64) uint64 {
	quote, slash := (w^ones*0x02)-ones*0x21, (w^ones*'\\')-ones
	return (quote | slash | w) & highs
}

// lowest returns the number of the byte of the lowest bit of a mask.
func lowest(m uint64) int { return bits.TrailingZeros64(m) >> 3 }

// run returns the offset of the first special byte from i on, or one of the
// last eight offsets before which there is none.
func run(b []byte, i int) int {
	if i < 0 {
		return i // never; it spares the loop its checks
	}
	for i <= len(b)-8 {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + lowest(m)
		}
		i += 8
	}
	return i
}

// str reads a string whose first byte is at i, and returns the offset of the
// closing quote and whether there are escapes.
func (t *Tape) str(i int) (int, bool) {
	b, escaped := t.line, false
	for {
		i = run(b, i)
		if i >= len(b) {
			return t.fail(i, ReasonTruncated), false
		}
		switch c := b[i]; {
		case c == '"':
			return i, escaped
		case c == '\\':
			escaped = true
			if i = t.escape(i); i < 0 {
				return -1, false
			}
		case c < 0x20:
			return t.fail(i, ReasonControl), false
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				t.err = SyntaxError{i, ReasonUTF8}
				return -1, false
			}
			i += n
		}
	}
}

// escape checks the escape sequence, or pair of them, at i.
func (t *Tape) escape(i int) int {
	b := t.line
	if i+1 >= len(b) {
		return t.fail(i+1, ReasonTruncated)
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return t.fail(i+1, ReasonEscape)
	}
	r := hex4(b, i+2)
	switch {
	case r < 0:
		return t.fail(min(i+2, len(b)-1), ReasonEscape)
	case r < 0xD800 || r > 0xDFFF:
		return i + 6
	case r >= 0xDC00 || i+7 >= len(b) || b[i+6] != '\\' || b[i+7] != 'u':
		return t.fail(i, ReasonSurrogate)
	}
	if low := hex4(b, i+8); low < 0xDC00 || low > 0xDFFF {
		return t.fail(i, ReasonSurrogate)
	}
	return i + 12
}

// hex4 returns the value of the four hexadecimal digits at i, or -1.
func hex4(b []byte, i int) rune {
	if i+4 > len(b) {
		return -1
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
