package quarantine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

const (
	looked = 1 << 20  // bytes of a line that are looked at
	shown  = 16 << 10 // bytes of a structure that are shown
)

// A Redacted is a line without what it says: the names of its members where FHIR
// has given them, how long its arrays are, what kinds of values it has and how
// long those are.
type Redacted struct {
	Structure string // not JSON: values stand as <string 5>, <number 3>, <boolean>, names that FHIR does not know as <name 9>
	Bytes     int64  // length of the line
	Offset    int64  // within the line, where reading it as JSON stops; -1 when it does not
	Met       string // what kind of byte stands there
	More      bool   // the line has more than is shown
}

// Redact reads an entry to its end. Of a long line it looks at the beginning.
func Redact(e *Entry) (Redacted, error) {
	head, err := io.ReadAll(io.LimitReader(e, looked))
	if err != nil {
		return Redacted{}, err
	}
	rest, err := io.Copy(io.Discard, e)
	if err != nil {
		return Redacted{}, err
	}
	r := redact(head, rest == 0)
	r.Bytes = int64(len(head)) + rest
	return r, nil
}

// redact shows the structure of a line, or of its beginning.
func redact(line []byte, whole bool) Redacted {
	r := Redacted{Offset: -1, More: !whole}
	readable := line
	if whole {
		var t tape.Tape
		if e, ok := errors.AsType[*tape.SyntaxError](t.Parse(line, tape.NewShape())); ok {
			readable = line[:min(e.Offset, len(line))]
			r.Offset, r.Met = int64(len(readable)), class(line[len(readable):])
		}
	}
	x := redactor{in: readable}
	if at, all := x.run(); !all && whole && r.Offset < 0 {
		r.Offset, r.Met = int64(at), class(readable[at:])
	}
	if r.Structure = x.out.String(); x.out.Len() >= shown {
		r.More = true
	}
	return r
}

// class says what kind of byte a text begins with.
func class(rest []byte) string {
	if len(rest) == 0 {
		return "the end of the line"
	}
	switch c := rest[0]; {
	case c < ' ' || c == 0x7f:
		return "a control character"
	case c >= utf8.RuneSelf:
		return "a byte beyond ASCII"
	case c-'0' <= 9:
		return "a digit"
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		return "a letter"
	case c == '"':
		return "a quote"
	case c == ' ':
		return "a space"
	case strings.IndexByte("{}[],:", c) >= 0:
		return "one of { } [ ] , :"
	}
	return "a punctuation mark"
}

// A redactor reads JSON, or what should be, token by token.
type redactor struct {
	in    []byte
	at    int
	out   strings.Builder
	open  []byte // of the objects and arrays around, '{' or '['
	named bool   // the value that follows has its name already
	typed bool   // that name is resourceType
}

// run reads as far as there are tokens and room. It returns where it stopped
// and whether that is the end.
func (r *redactor) run() (int, bool) {
	for {
		for r.at < len(r.in) && strings.IndexByte(" \t\r\n", r.in[r.at]) >= 0 {
			r.at++
		}
		switch {
		case r.at == len(r.in):
			return r.at, true
		case r.out.Len() >= shown:
			return r.at, true
		case !r.token():
			return r.at, false
		}
	}
}

// token reads one token; false leaves one that is none.
func (r *redactor) token() bool {
	switch c := r.in[r.at]; {
	case c == '"':
		r.text()
		return true
	case c == '{' || c == '[':
		r.open = append(r.open, c)
		r.named = false
	case c == '}' || c == ']':
		if len(r.open) == 0 || r.open[len(r.open)-1] != c-2 { // as ASCII has them
			return false
		}
		r.open = r.open[:len(r.open)-1]
	case c == ',':
		r.named = false
	case c == ':':
	case c == '-' || c-'0' <= 9:
		n := length(r.in[r.at:], "+-.0123456789Ee")
		r.value(n, fmt.Sprintf("<number %d>", n))
		return true
	default:
		return r.word()
	}
	r.out.WriteByte(r.in[r.at])
	r.at++
	return true
}

func (r *redactor) word() bool {
	for word, said := range map[string]string{"true": "<boolean>", "false": "<boolean>", "null": "null"} {
		if bytes.HasPrefix(r.in[r.at:], []byte(word)) {
			r.value(len(word), said)
			return true
		}
	}
	return false
}

func (r *redactor) value(n int, said string) {
	r.out.WriteString(said)
	r.at += n
	r.named, r.typed = false, false
}

// text reads a string, to its end or that of the line.
func (r *redactor) text() {
	n, chars := 1, 0
	for ; r.at+n < len(r.in) && r.in[r.at+n] != '"'; n++ {
		switch c := r.in[r.at+n]; {
		case c == '\\':
			if n++; r.at+n < len(r.in) && r.in[r.at+n] == 'u' {
				n += 4
			}
			chars++
		case utf8.RuneStart(c):
			chars++
		}
	}
	end := min(r.at+n, len(r.in))
	content := string(r.in[r.at+1 : end])
	closed := end < len(r.in)
	n = min(end+1, len(r.in)) - r.at
	isName := !r.named && len(r.open) > 0 && r.open[len(r.open)-1] == '{'
	switch {
	case isName && closed && isElement(content):
		r.value(n, `"`+content+`"`)
	case isName:
		r.value(n, fmt.Sprintf("<name %d>", chars))
	case closed && r.typed && resourceTypes[content]:
		r.value(n, `"`+content+`"`)
	default:
		r.value(n, fmt.Sprintf("<string %d>", chars))
	}
	r.named, r.typed = isName, isName && content == "resourceType"
}

// length is how many of the first bytes are of the set.
func length(text []byte, set string) int {
	n := 0
	for n < len(text) && strings.IndexByte(set, text[n]) >= 0 {
		n++
	}
	return n
}
