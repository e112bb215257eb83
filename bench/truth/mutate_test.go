package truth

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A token is a string with its quotes, a number or a literal of a JSON text,
// or one byte of its structure.
type token struct {
	from, to int
	kind     byte // '"' a string, 'k' a string that names a member, '0' a number or literal, else the byte
}

// tokensOf cuts a text that is valid.
func tokensOf(text []byte) []token {
	list := make([]token, 0, len(text)/6)
	for i := 0; i < len(text); {
		from := i
		switch c := text[i]; {
		case c == '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			i++
			list = append(list, token{from, i, '"'})
		case strings.IndexByte("{}[],:", c) >= 0:
			i++
			if n := len(list); c == ':' && n > 0 && list[n-1].kind == '"' {
				list[n-1].kind = 'k'
			}
			list = append(list, token{from, i, c})
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		default:
			for i < len(text) && strings.IndexByte("{}[],: \t\r\n", text[i]) < 0 {
				i++
			}
			list = append(list, token{from, i, '0'})
		}
	}
	return list
}

// A mutator changes valid texts.
type mutator struct {
	*rand.Rand
}

func pick[T any](m *mutator, list []T) T { return list[m.IntN(len(list))] }

// some returns one token of the kinds, or false.
func (m *mutator) some(list []token, kinds string) (token, bool) {
	for range 8 {
		if t := pick(m, list); strings.IndexByte(kinds, t.kind) >= 0 {
			return t, true
		}
	}
	for _, t := range list {
		if strings.IndexByte(kinds, t.kind) >= 0 {
			return t, true
		}
	}
	return token{}, false
}

// splice puts with in the place of text[from:to].
func splice(text []byte, from, to int, with string) []byte {
	return slices.Concat(text[:from], []byte(with), text[to:])
}

// mutate changes a valid text in up to three places. Half of the results are
// meant to be valid still; whether they are is not for the mutator to say.
func (m *mutator) mutate(text []byte) []byte {
	for range m.IntN(4) {
		list := tokensOf(text)
		if len(list) == 0 {
			return text
		}
		text = pick(m, keeping)(m, text, list)
	}
	if m.IntN(2) == 0 {
		text = pick(m, breaking)(m, text)
	}
	return text
}

// keeping are changes of a valid text that can leave it valid.
var keeping = []func(*mutator, []byte, []token) []byte{
	func(m *mutator, text []byte, list []token) []byte { // white space
		t := pick(m, list)
		return splice(text, t.from, t.from, pick(m, []string{" ", "\t", "\r", " \t  ", "\n"}))
	},
	(*mutator).escapeOne, (*mutator).escapeOne,
	func(m *mutator, text []byte, list []token) []byte { // another string
		t, ok := m.some(list, `"`)
		if !ok {
			return text
		}
		return splice(text, t.from, t.to, `"`+pick(m, oddStrings)+`"`)
	},
	func(m *mutator, text []byte, list []token) []byte { // another value
		t, ok := m.some(list, `"0`)
		if !ok {
			return text
		}
		return splice(text, t.from, t.to, pick(m, oddValues))
	},
	func(m *mutator, text []byte, list []token) []byte { // another number
		t, ok := m.some(list, `0`)
		if !ok {
			return text
		}
		return splice(text, t.from, t.to, pick(m, oddNumbers))
	},
	func(m *mutator, text []byte, list []token) []byte { // one more member
		t, ok := m.some(list, "{")
		if !ok || text[t.to] == '}' {
			return text
		}
		return splice(text, t.to, t.to, fmt.Sprintf("%s:%s,", pick(m, oddKeys), pick(m, oddValues)))
	},
	func(m *mutator, text []byte, list []token) []byte { // a value inside of arrays
		t, ok := m.some(list, `"0`)
		if !ok {
			return text
		}
		n := 1 + m.IntN(3)
		return splice(text, t.from, t.to, strings.Repeat("[", n)+string(text[t.from:t.to])+strings.Repeat("]", n))
	},
	func(m *mutator, text []byte, list []token) []byte { // a part twice, or not at all
		a, b := pick(m, list), pick(m, list)
		if a.from > b.to {
			a, b = b, a
		}
		return splice(text, a.from, a.from, strings.Repeat(string(text[a.from:b.to]), m.IntN(2)))
	},
	(*mutator).memberTwice,
}

// escapeOne writes one ASCII character of a string or a name as an escape.
func (m *mutator) escapeOne(text []byte, list []token) []byte {
	t, ok := m.some(list, pick(m, []string{`"`, "k"}))
	if !ok || t.to-t.from <= 2 {
		return text
	}
	i := t.from + 1 + m.IntN(t.to-t.from-2)
	if text[i] >= 0x80 || bytes.IndexByte(text[t.from:t.to], '\\') >= 0 {
		return text
	}
	return splice(text, i, i+1, fmt.Sprintf(pick(m, []string{`\u%04x`, `\u%04X`}), text[i]))
}

// memberTwice repeats a scalar member inside its object, with its name as it
// stands or with one character escaped.
func (m *mutator) memberTwice(text []byte, list []token) []byte {
	from := m.IntN(len(list))
	for i := from; i+2 < len(list); i++ {
		if list[i].kind != 'k' || strings.IndexByte(`"0`, list[i+2].kind) < 0 {
			continue
		}
		name, value := text[list[i].from:list[i].to], text[list[i+2].from:list[i+2].to]
		if m.IntN(2) == 0 && len(name) > 2 && name[1] < 0x80 && bytes.IndexByte(name, '\\') < 0 {
			name = fmt.Appendf(nil, `"\u%04x%s`, name[1], name[2:])
		}
		return splice(text, list[i].from, list[i].from, fmt.Sprintf("%s:%s,", name, value))
	}
	return text
}

// breaking are changes of any text that mostly make it invalid.
var breaking = []func(*mutator, []byte) []byte{
	func(m *mutator, text []byte) []byte { // one byte changed
		out := bytes.Clone(text)
		out[m.IntN(len(out))] ^= byte(1 + m.IntN(255))
		return out
	},
	func(m *mutator, text []byte) []byte { // one byte of structure changed
		i := m.IntN(len(text))
		return splice(text, i, i+1, string(pick(m, []byte(`{}[],:"\0-+.eEtfn `))))
	},
	func(m *mutator, text []byte) []byte { // some bytes left out
		i := m.IntN(len(text))
		return splice(text, i, min(len(text), i+1+m.IntN(4)), "")
	},
	func(m *mutator, text []byte) []byte { return text[:m.IntN(len(text))] },
	func(m *mutator, text []byte) []byte { // something put in
		i := m.IntN(len(text) + 1)
		return splice(text, i, i, pick(m, oddBytes))
	},
	func(m *mutator, text []byte) []byte { // something put into a string, where it has a meaning
		i := bytes.IndexByte(text[m.IntN(len(text)):], '"') + 1
		return splice(text, i, i, pick(m, oddBytes))
	},
	func(m *mutator, text []byte) []byte { return append(bytes.Clone(text), pick(m, oddBytes)...) },
}
