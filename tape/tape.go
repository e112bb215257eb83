package tape

import (
	"math"
	"slices"
)

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

// A span is a value as it was met.
type span struct {
	start, end int32
	kind       Kind
	escaped    bool
}

// Found is what a slot remembers.
type Found struct {
	Start   int32 // the span of the value in the text, as in [Node]
	End     int32
	Kind    Kind // Null when there is no value; never Array
	Escaped bool // a String with escape sequences in its span
	Many    bool // there were more values than this, the first
}

// A Tape holds the nodes and the slots of one text. It is reused text after
// text, by one goroutine. The zero value is ready to use.
type Tape struct {
	line  []byte
	nodes []Node
	found []Found
	taken []bool // the Firsts of the shape that have their value
	keys  keySet
	text  []byte // strings decoded since Parse
	err   SyntaxError
	plan  *plan
	plans []*plan // of the shapes parsed with, the last one first

	opened []opened // containers of the text that follow has not closed
	plain  bool     // follow nothing and learn nothing; for tests
}

// Parse validates line and lays out what shape wants; a nil shape wants the
// outermost value only, and its elements when it is an array. The tape refers to line until the next Parse, and line
// must not change until then. The error is a [*SyntaxError]; after it the tape
// has no nodes, and its slots have no values.
func (t *Tape) Parse(line []byte, shape *Shape) error {
	t.line, t.nodes, t.text = line, t.nodes[:0], t.text[:0]
	t.open(shape)
	if len(line) > MaxLen {
		t.line = nil
		return &SyntaxError{Offset: MaxLen, Reason: ReasonTooLong}
	}
	net := t.plan.net
	if !t.plain && net.tries() {
		if t.follow(net) {
			return nil
		}
		net.missed++
		t.nodes = t.nodes[:0]
		clear(t.found)
		clear(t.taken)
	}
	if err := t.scan(); err != nil {
		return err
	}
	if !t.plain && net.learns() {
		t.learn(net)
	}
	return nil
}

// scan parses the line by reading all of it.
func (t *Tape) scan() error {
	t.keys.reset()
	i := space(t.line, 0)
	if i == len(t.line) {
		t.fail(i, ReasonEmpty)
		i = -1
	} else if i = t.value(i, t.plan.root, -1, 0); i >= 0 {
		if i = space(t.line, i); i < len(t.line) {
			i = t.fail(i, ReasonTrailing)
		}
	}
	if i < 0 {
		t.nodes = t.nodes[:0]
		clear(t.found)
		err := t.err
		return &err
	}
	return nil
}

// maxPlans is how many shapes a tape knows at a time.
const maxPlans = 8

// nothing is the shape of those who give none. It is never changed.
var nothing = NewShape()

// open makes the tape ready for a text with that shape.
func (t *Tape) open(shape *Shape) {
	if shape == nil {
		shape = nothing
	}
	if t.plan == nil || t.plan.shape != shape || len(t.plan.states) > maxStates {
		t.choose(shape)
	}
	t.found = resize(t.found, int(shape.slots))
	t.taken = resize(t.taken, int(shape.firsts))
}

// resize returns s with n zero elements.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// choose makes the plan of a shape the tape's plan.
func (t *Tape) choose(shape *Shape) {
	at := slices.IndexFunc(t.plans, func(p *plan) bool { return p.shape == shape })
	switch {
	case at < 0:
		t.plan = newPlan(shape)
		t.plans = slices.Insert(t.plans[:min(len(t.plans), maxPlans-1)], 0, t.plan)
		return
	case len(t.plans[at].states) > maxStates:
		t.plans[at] = newPlan(shape)
	}
	t.plan = t.plans[at]
	copy(t.plans[1:at+1], t.plans[:at])
	t.plans[0] = t.plan
}

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
	return t.decoded(x.Start, x.End, x.Escaped)
}

// Slot returns what the slot with that number remembers. It is valid until the
// next Parse. The number must be one of the shape of the last Parse.
func (t *Tape) Slot(n int32) *Found { return &t.found[n] }

// SlotText returns the text of a slot's value as [Tape.Text] does, nil when it
// has none. The result is valid until the next Parse.
func (t *Tape) SlotText(n int32) []byte {
	f := &t.found[n]
	if f.Kind == Null {
		return nil
	}
	return t.decoded(f.Start, f.End, f.Escaped)
}

func (t *Tape) decoded(start, end int32, escaped bool) []byte {
	raw := t.line[start:end:end]
	if !escaped {
		return raw
	}
	from := len(t.text)
	t.text = appendUnescaped(t.text, raw)
	return t.text[from:len(t.text):len(t.text)]
}
