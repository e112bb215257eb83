package tape

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// A reference evaluates a shape over a text with another JSON implementation,
// by the words of the documentation: it carries the list of places along.
type reference struct {
	line  []byte
	d     *jsontext.Decoder
	shape *Shape
	nodes []Node
	found []Found
	taken map[*Want]bool
}

func refer(line []byte, shape *Shape) *reference {
	r := &reference{
		line: line, d: jsontext.NewDecoder(bytes.NewReader(line)), shape: shape,
		found: make([]Found, shape.Slots()), taken: map[*Want]bool{},
	}
	r.value([]*Want{shape.Root()}, -1)
	return r
}

func (r *reference) value(places []*Want, key int32) {
	kind := r.d.PeekKind()
	lay := slices.ContainsFunc(places, func(w *Want) bool { return w.node && !w.isFirst })
	n, x := len(r.nodes), Node{Key: key}
	if lay {
		r.nodes = append(r.nodes, x)
	}
	if kind != 'n' && kind != '[' {
		for _, w := range places {
			if w.first != nil && !r.taken[w.first] {
				r.taken[w.first] = true
				places = append(places[:len(places):len(places)], w.first)
			}
		}
	}
	token, _ := r.d.ReadToken()
	if kind == '{' || kind == '[' {
		x.Start = int32(r.d.InputOffset()) - 1
	} else {
		x.End = int32(r.d.InputOffset())
		x.Start = x.End - int32(len(rawOf(r.line[:x.End], token)))
	}
	x.Kind = map[jsontext.Kind]Kind{'n': Null, 'f': False, 't': True, '0': Number, '"': String, '[': Array, '{': Object}[kind]
	if kind == '"' {
		x.Start, x.End = x.Start+1, x.End-1
		x.Escaped = bytes.IndexByte(r.line[x.Start:x.End], '\\') >= 0
	}
	var slots []int32
	for _, w := range places {
		if w.slot >= 0 && kind != 'n' && kind != '[' {
			if f := &r.found[w.slot]; f.Kind != Null {
				f.Many = true
			} else {
				f.Kind, f.Escaped = x.Kind, x.Escaped
				slots = append(slots, w.slot)
			}
		}
	}
	switch kind {
	case '[':
		for r.d.PeekKind() != ']' {
			r.value(places, -1)
		}
	case '{':
		for r.d.PeekKind() != '}' {
			name, _ := r.d.ReadToken()
			r.member(places, name.String())
		}
	}
	if kind == '{' || kind == '[' {
		_, _ = r.d.ReadToken()
		x.End = int32(r.d.InputOffset())
	}
	for _, s := range slots {
		r.found[s].Start, r.found[s].End = x.Start, x.End
	}
	if lay {
		x.Next = int32(len(r.nodes))
		r.nodes[n] = x
	}
}

func (r *reference) member(places []*Want, name string) {
	key := int32(-1)
	if e := r.shape.names.lookup(keyHash([]byte(name)), []byte(name)); e != nil {
		key = e.key
	}
	var next []*Want
	for _, w := range places {
		if m := w.members[name]; m != nil {
			next = append(next, m)
		}
		if w.all {
			next = append(next, &Want{node: true, all: true, slot: -1})
		}
	}
	r.value(next, key)
}

// rawOf returns the end of before that is the token.
func rawOf(before []byte, token jsontext.Token) []byte {
	if token.Kind() != '"' {
		i := bytes.LastIndexAny(before, " \t\r\n,:[{")
		return before[i+1:]
	}
	for i := len(before) - 2; ; i-- { // from which quote on is it a string?
		if before[i] == '"' && jsontext.Value(before[i:]).IsValid() {
			if s, err := jsontext.AppendUnquote(nil, before[i:]); err == nil && string(s) == token.String() {
				return before[i:]
			}
		}
	}
}

func newRand(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 1)) }

var (
	inventedNames   = []string{"a", "b", "c", "id", "name", "extension", "valueCodeableConcept", `\u0061`}
	inventedScalars = []string{`null`, `true`, `false`, `0`, `-1.50e+3`, `""`, `"x"`, `"a \"quoted\" \u00e9"`, `"ünï 😀"`, `"eight or more bytes"`}
	inventedSpaces  = []string{"", "", "", "", " ", "\t ", "\r\n"}
)

// inventText writes a JSON value. Its objects name no member twice, unless
// the name with the escape meets its decoded form.
func inventText(r *rand.Rand, depth int) string {
	space := func() string { return inventedSpaces[r.IntN(len(inventedSpaces))] }
	var b strings.Builder
	switch kind := r.IntN(8); {
	case depth == 0 || kind < 2:
		return space() + inventedScalars[r.IntN(len(inventedScalars))] + space()
	case kind < 4:
		b.WriteString(space() + "[" + space())
		for i := range r.IntN(4) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(inventText(r, depth-1))
		}
		b.WriteString("]" + space())
	default:
		b.WriteString(space() + "{" + space())
		for i, n := range r.Perm(len(inventedNames))[:r.IntN(len(inventedNames))] {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `%s"%s"%s:%s`, space(), inventedNames[n], space(), inventText(r, depth-1))
		}
		b.WriteString("}" + space())
	}
	return b.String()
}

// inventShape asks for places at random.
func inventShape(r *rand.Rand) *Shape {
	s := NewShape()
	at := []*Want{s.Root()}
	for range 1 + r.IntN(24) {
		w := at[r.IntN(len(at))]
		name := inventedNames[r.IntN(3)]
		switch r.IntN(8) {
		case 0, 1:
			w = w.Member(name)
		case 2, 3, 4:
			w = w.Under(name)
		case 5:
			w = w.First()
		case 6:
			w.Slot()
		default:
			if r.IntN(4) == 0 {
				w.All()
			}
		}
		at = append(at, w)
	}
	for _, w := range at {
		if r.IntN(3) == 0 {
			w.Slot()
		}
	}
	return s
}

// compare holds a tape that has parsed a valid line against the reference.
func compare(t *testing.T, p *Tape, line []byte, shape *Shape) {
	t.Helper()
	want := refer(line, shape)
	if !slices.Equal(want.nodes, p.nodes) {
		t.Fatalf("nodes of %s (-want +got):\n%s", line, cmp.Diff(want.nodes, p.nodes))
	}
	if !slices.Equal(want.found, p.found) {
		t.Fatalf("slots of %s (-want +got):\n%s", line, cmp.Diff(want.found, p.found))
	}
}

func TestNodesAndSlotsAreThoseOfTheReference(t *testing.T) {
	r := newRand(1)
	var p Tape
	valid, filled := 0, 0
	for range 400 {
		shape := inventShape(r)
		for range 25 {
			line := []byte(inventText(r, 5))
			err := p.Parse(line, shape)
			if ok := jsontext.Value(line).IsValid(); ok != (err == nil) {
				t.Fatalf("Parse(%s) = %v, valid = %t", line, err, ok)
			}
			if err == nil {
				compare(t, &p, line, shape)
				valid++
			}
			for _, f := range p.found {
				if f.Kind != Null {
					filled++
				}
			}
		}
	}
	if valid < 4000 || filled < 3000 {
		t.Errorf("%d valid texts, %d filled slots: too few to tell", valid, filled)
	}
}
