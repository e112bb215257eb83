package truth

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// A strict is the independent reader: jsontext with its defaults, which refuse
// bad UTF-8, lone surrogates and members named twice.
type strict struct {
	dec *jsontext.Decoder
}

func newStrict() strict { return strict{jsontext.NewDecoder(new(bytes.Buffer))} }

// valid reports whether the text is one strict JSON value.
func (s strict) valid(text []byte) bool {
	s.dec.Reset(bytes.NewReader(text))
	if s.dec.SkipValue() != nil {
		return false
	}
	_, err := s.dec.ReadToken()
	return errors.Is(err, io.EOF)
}

// A tree is a whole value as the independent reader has it.
type tree struct {
	kind    jsontext.Kind
	raw     []byte // the text as it stands; a string's is decoded
	names   []string
	members []*tree // in the order of names
	items   []*tree
}

// tree reads a text that is valid.
func (s strict) tree(text []byte) (*tree, error) {
	s.dec.Reset(bytes.NewReader(text))
	return s.value(text)
}

func (s strict) value(text []byte) (*tree, error) {
	tok, err := s.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	t := &tree{kind: tok.Kind()}
	end := s.dec.InputOffset()
	switch t.kind {
	case '"':
		t.raw = []byte(tok.String())
	case '{':
		for s.dec.PeekKind() != '}' {
			name, err := s.dec.ReadToken()
			if err != nil {
				return nil, err
			}
			t.names = append(t.names, name.String())
			member, err := s.value(text)
			if err != nil {
				return nil, err
			}
			t.members = append(t.members, member)
		}
	case '[':
		for s.dec.PeekKind() != ']' {
			item, err := s.value(text)
			if err != nil {
				return nil, err
			}
			t.items = append(t.items, item)
		}
	case '0':
		t.raw = []byte(tok.String()) // the digits as sent
	}
	if t.kind == '{' || t.kind == '[' {
		if _, err := s.dec.ReadToken(); err != nil {
			return nil, err
		}
		t.raw = text[end-1 : s.dec.InputOffset()]
	}
	return t, nil
}

// member returns the member with that name, or nil.
func (t *tree) member(name string) *tree {
	for i, n := range t.names {
		if n == name {
			return t.members[i]
		}
	}
	return nil
}

// flat appends the values that a FHIRPath step sees of t: arrays are their
// elements, and null is nothing.
func (t *tree) flat(to []*tree) []*tree {
	switch {
	case t == nil || t.kind == 'n':
		return to
	case t.kind == '[':
		for _, item := range t.items {
			to = item.flat(to)
		}
		return to
	}
	return append(to, t)
}
