package tape

import "math"

// Limits of a text.
const (
	MaxDepth = 512           // arrays and objects inside each other
	MaxLen   = math.MaxInt32 // bytes
)

// A Kind is the kind of a [Node].
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota
	False
	True
	Number
	String
	Array
	Object
)

// A Node is one wanted value. The nodes of a text stand in its order: the
// first child of an array or object follows it at once, and Next leads from
// one child to the one after it; the last child's Next is its parent's Next.
type Node struct {
	Kind    Kind
	Escaped bool  // a String with escape sequences in its span
	Key     int32 // the member name's number in the Shape; -1 for elements, the root and unnumbered names
	Start   int32 // the span of the value in the text; a String's is inside its quotes
	End     int32
	Next    int32 // the node after this one and all below it
}

// A Tape holds the nodes of one text. It is reused text after text, by one
// goroutine. The zero value is ready to use.
type Tape struct {
	line  []byte
	nodes []Node
	keys  keySet
	text  []byte // strings decoded since Parse
	err   SyntaxError
}

// Parse validates line and lays out what shape wants; a nil shape wants the
// outermost value only, and its elements when it is an array. The tape refers to line until the next Parse, and line
// must not change until then. The error is a [*SyntaxError]; after it the tape
// has no nodes.
func (t *Tape) Parse(line []byte, shape *Shape) error {
	t.line, t.nodes, t.text = line, t.nodes[:0], t.text[:0]
	t.keys.reset()
	if len(line) > MaxLen {
		t.line = nil
		return &SyntaxError{Offset: MaxLen, Reason: ReasonTooLong}
	}
	want := &nothing
	if shape != nil {
		want = shape.root
	}
	i := space(line, 0)
	if i == len(line) {
		t.fail(i, ReasonEmpty)
		i = -1
	} else if i = t.value(i, want, -1, 0); i >= 0 {
		if i = space(line, i); i < len(line) {
			i = t.fail(i, ReasonTrailing)
		}
	}
	if i < 0 {
		t.nodes = t.nodes[:0]
		err := t.err
		return &err
	}
	return nil
}

// nothing wants no members. It is never changed.
var nothing Want

// Len returns the number of nodes; the root is node 0.
func (t *Tape) Len() int { return len(t.nodes) }

// Node returns the node with that number. It is valid until the next Parse.
func (t *Tape) Node(n int32) *Node { return &t.nodes[n] }

// Member returns the member of the object n whose name has that number, or -1
// when there is none or n is not an object.
func (t *Tape) Member(n, key int32) int32 {
	if t.nodes[n].Kind != Object {
		return -1
	}
	for c, end := n+1, t.nodes[n].Next; c < end; c = t.nodes[c].Next {
		if t.nodes[c].Key == key {
			return c
		}
	}
	return -1
}

// Raw returns the span of the node n in the text as it stands there; for a
// String what is inside the quotes, escapes and all.
func (t *Tape) Raw(n int32) []byte {
	x := &t.nodes[n]
	return t.line[x.Start:x.End:x.End]
}

// Text returns what Raw returns, but decodes the escapes of a String. The
// result is valid until the next Parse.
func (t *Tape) Text(n int32) []byte {
	x := &t.nodes[n]
	raw := t.line[x.Start:x.End:x.End]
	if !x.Escaped {
		return raw
	}
	from := len(t.text)
	t.text = appendUnescaped(t.text, raw)
	return t.text[from:len(t.text):len(t.text)]
}
