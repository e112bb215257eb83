package sqlonfhir

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A tokenKind is the kind of a token of a FHIRPath expression.
type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokString
	tokNumber
	tokTemporal // text is without the @
	tokExternal // %name; text is the name
	tokThis     // $this and its kin; text is with the $
	tokSymbol   // operators and brackets
)

type token struct {
	kind   tokenKind
	text   string
	quoted bool // a `delimited` name, which is never a keyword
	at     int
}

// pathError is what is wrong with an expression, and where.
type pathError struct {
	at     int // byte offset
	reason string
}

func (e *pathError) Error() string {
	return e.reason + " (at character " + strconv.Itoa(e.at+1) + ")"
}

type lexer struct {
	src string
	at  int
}

// next reads one token.
func (l *lexer) next() (token, error) {
	if err := l.space(); err != nil {
		return token{}, err
	}
	start := l.at
	if start == len(l.src) {
		return token{kind: tokEnd, at: start}, nil
	}
	switch c := l.src[start]; {
	case isLetter(c):
		return token{kind: tokName, text: l.while(isNameByte), at: start}, nil
	case isDigit(c):
		return token{kind: tokNumber, text: l.number(), at: start}, nil
	case c == '\'':
		s, err := l.quoted('\'')
		return token{kind: tokString, text: s, at: start}, err
	case c == '`':
		s, err := l.quoted('`')
		return token{kind: tokName, text: s, quoted: true, at: start}, err
	case c == '@':
		l.at++
		return token{kind: tokTemporal, text: l.temporal(), at: start}, nil
	case c == '%':
		return l.external()
	case c == '$':
		l.at++
		return token{kind: tokThis, text: "$" + l.while(isNameByte), at: start}, nil
	}
	return l.symbol()
}

// space skips white space and comments.
func (l *lexer) space() error {
	for l.at < len(l.src) {
		rest := l.src[l.at:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.at++
		case strings.HasPrefix(rest, "//"):
			if n := strings.IndexByte(rest, '\n'); n >= 0 {
				l.at += n
			} else {
				l.at = len(l.src)
			}
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return &pathError{l.at, "the comment does not end"}
			}
			l.at += n + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) while(ok func(byte) bool) string {
	start := l.at
	for l.at < len(l.src) && ok(l.src[l.at]) {
		l.at++
	}
	return l.src[start:l.at]
}

func (l *lexer) number() string {
	start := l.at
	l.while(isDigit)
	if l.at+1 < len(l.src) && l.src[l.at] == '.' && isDigit(l.src[l.at+1]) {
		l.at++
		l.while(isDigit)
	}
	return l.src[start:l.at]
}

// temporal reads what may stand behind an @; the parser checks it. A dot
// belongs to it only before a digit, so that @2012.not() is a date.
func (l *lexer) temporal() string {
	start := l.at
	for l.at < len(l.src) {
		c := l.src[l.at]
		dot := c == '.' && l.at+1 < len(l.src) && isDigit(l.src[l.at+1])
		time := strings.IndexByte(l.src[start:l.at], 'T') >= 0
		if !isDigit(c) && !dot && c != '-' && c != ':' && c != 'T' && !(time && (c == 'Z' || c == '+')) {
			break
		}
		l.at++
	}
	return l.src[start:l.at]
}

func (l *lexer) external() (token, error) {
	start := l.at
	l.at++
	t := token{kind: tokExternal, at: start}
	if l.at < len(l.src) && (l.src[l.at] == '`' || l.src[l.at] == '\'') {
		s, err := l.quoted(l.src[l.at])
		t.text = s
		return t, err
	}
	if t.text = l.while(isNameByte); t.text == "" {
		return t, &pathError{start, "a name is missing after %"}
	}
	return t, nil
}

func (l *lexer) symbol() (token, error) {
	start := l.at
	rest := l.src[start:]
	for _, s := range [...]string{"<=", ">=", "!=", "!~"} {
		if strings.HasPrefix(rest, s) {
			l.at += 2
			return token{kind: tokSymbol, text: s, at: start}, nil
		}
	}
	if strings.IndexByte("()[].,+-*/=<>&|~{}", rest[0]) < 0 {
		_, n := utf8.DecodeRuneInString(rest)
		return token{}, &pathError{start, "unexpected " + strconv.Quote(rest[:n])}
	}
	l.at++
	return token{kind: tokSymbol, text: rest[:1], at: start}, nil
}

// quoted reads a string or delimited name with its escapes.
func (l *lexer) quoted(quote byte) (string, error) {
	start := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.src); l.at++ {
		switch c := l.src[l.at]; c {
		case quote:
			l.at++
			return b.String(), nil
		case '\\':
			if err := l.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", &pathError{start, "the string does not end"}
}

// escape reads the escape sequence at l.at and stops at its last byte.
func (l *lexer) escape(b *strings.Builder) error {
	start := l.at
	if l.at++; l.at == len(l.src) {
		return &pathError{start, "the string does not end"}
	}
	c := l.src[l.at]
	if i := strings.IndexByte("nrtf", c); i >= 0 {
		b.WriteByte("\n\r\t\f"[i])
		return nil
	}
	if strings.IndexByte("'\"`\\/", c) >= 0 {
		b.WriteByte(c)
		return nil
	}
	r, ok := l.unicode(l.at)
	if !ok {
		return &pathError{start, "unknown escape sequence in a string"}
	}
	l.at += 4
	if utf16.IsSurrogate(r) {
		low, ok := rune(0), l.at+1 < len(l.src) && l.src[l.at+1] == '\\'
		if ok {
			low, ok = l.unicode(l.at + 2)
		}
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return &pathError{start, "half of a character in a string"}
		}
		l.at += 6
	}
	b.WriteRune(r)
	return nil
}

// unicode reads the uXXXX of an escape sequence.
func (l *lexer) unicode(at int) (rune, bool) {
	if at+4 >= len(l.src) || l.src[at] != 'u' {
		return 0, false
	}
	r, err := strconv.ParseUint(l.src[at+1:at+5], 16, 32)
	return rune(r), err == nil
}

func isLetter(c byte) bool   { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool    { return c-'0' <= 9 }
func isNameByte(c byte) bool { return isLetter(c) || isDigit(c) }
