package sqlonfhir

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// equalJSON reports whether two valid JSON values are equal: members in any
// order, numbers by value, strings by what they say.
func equalJSON(a, b []byte) bool {
	x, y := jsontext.Value(a), jsontext.Value(b)
	if x.Kind() != y.Kind() {
		return false
	}
	switch x.Kind() {
	case '{':
		return equalObjects(a, b)
	case '[':
		return equalArrays(a, b)
	case '0':
		return compareDecimals(bytes.TrimSpace(a), bytes.TrimSpace(b)) == 0
	case '"':
		return jsonString(a) == jsonString(b)
	}
	return true
}

func jsonString(raw []byte) string {
	s, err := jsontext.AppendUnquote(nil, bytes.TrimSpace(raw))
	if err != nil {
		return string(raw)
	}
	return string(s)
}

func equalObjects(a, b []byte) bool {
	x, y := membersOf(a), membersOf(b)
	if len(x) != len(y) {
		return false
	}
	for name, value := range x {
		if other, ok := y[name]; !ok || !equalJSON(value, other) {
			return false
		}
	}
	return true
}

func membersOf(raw []byte) map[string]jsontext.Value {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	members := map[string]jsontext.Value{}
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		members[key] = bytes.Clone(value)
	}
	return members
}

func equalArrays(a, b []byte) bool {
	x, y := elementsOf(a), elementsOf(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !equalJSON(x[i], y[i]) {
			return false
		}
	}
	return true
}

func elementsOf(raw []byte) []jsontext.Value {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	var list []jsontext.Value
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		list = append(list, bytes.Clone(value))
	}
	return list
}
