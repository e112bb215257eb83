package sandbox

import (
	"bytes"
	"iter"
)

// A member is one member of a JSON object: the bytes from its name to the end
// of its value.
type member struct {
	name            []byte
	from, value, to int
}

// eachMember yields the members of the object that line is, until the object
// ends or is no JSON. It does not look at what values are.
func eachMember(line []byte) iter.Seq[member] {
	return func(yield func(member) bool) {
		i := skipBlanks(line, 0)
		if i >= len(line) || line[i] != '{' {
			return
		}
		for i = skipBlanks(line, i+1); i < len(line) && line[i] == '"'; i = skipBlanks(line, i+1) {
			m := member{from: i}
			end := skipString(line, i)
			colon := skipBlanks(line, end)
			if colon >= len(line) || line[colon] != ':' {
				return
			}
			m.name = line[i+1 : end-1]
			m.value = skipBlanks(line, colon+1)
			m.to = skipValue(line, m.value)
			if !yield(m) {
				return
			}
			if i = skipBlanks(line, m.to); i >= len(line) || line[i] != ',' {
				return
			}
		}
	}
}

func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// skipString returns the place after the string that begins at i.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// skipValue returns the place after the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of a number or a word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

func memberOf(line []byte, name string) (member, bool) {
	for m := range eachMember(line) {
		if string(m.name) == name {
			return m, true
		}
	}
	return member{}, false
}

// valueOf returns the raw value of a member of line, or nil.
func valueOf(line []byte, name string) []byte {
	m, ok := memberOf(line, name)
	if !ok {
		return nil
	}
	return bytes.TrimSpace(line[m.value:m.to])
}

// stringOf returns the value of a member that is a string without escapes.
func stringOf(line []byte, name string) string {
	return string(bytes.Trim(valueOf(line, name), `"`))
}

// without returns a copy of line without a member.
func without(line []byte, name string) []byte {
	last := -1
	for m := range eachMember(line) {
		if string(m.name) != name {
			last = m.to
			continue
		}
		from, to := m.from, m.to
		if next := skipBlanks(line, to); next < len(line) && line[next] == ',' {
			to = next + 1
		} else if last >= 0 {
			from = last
		}
		return append(bytes.Clone(line[:from]), line[to:]...)
	}
	return bytes.Clone(line)
}

// with returns a copy of line whose member name has a raw JSON value; a new
// member comes first.
func with(line []byte, name, value string) []byte {
	if m, ok := memberOf(line, name); ok {
		return append(append(bytes.Clone(line[:m.value]), value...), line[m.to:]...)
	}
	open := bytes.IndexByte(line, '{')
	if open < 0 {
		return bytes.Clone(line)
	}
	made := append(bytes.Clone(line[:open+1]), `"`+name+`":`+value...)
	if next := skipBlanks(line, open+1); next < len(line) && line[next] != '}' {
		made = append(made, ',')
	}
	return append(made, line[open+1:]...)
}
