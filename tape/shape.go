package tape

import "sync/atomic"

// A Shape says what is wanted of a text: which values become nodes, which are
// remembered in slots. It numbers the names of members and the slots. The
// first Parse with it seals it: from then on any number of tapes may parse
// with it at the same time, and whoever asks it for something new panics.
type Shape struct {
	sealed atomic.Bool

	root   *Want
	below  *Want // the place of whatever lies below a place marked All
	names  table // every name that has a number, under it
	places int32
	slots  int32
	firsts int32
}

// NewShape returns a shape that wants the outermost value only, and its
// elements when it is an array.
func NewShape() *Shape {
	s := &Shape{}
	s.root = s.place(nil, "")
	s.root.node = true
	s.below = s.place(nil, "")
	s.below.node, s.below.all = true, true
	return s
}

// Root returns the place of the outermost value.
func (s *Shape) Root() *Want { return s.root }

// Key returns the number of a member name; the first call for a name gives it
// the next number, from 0 without gaps.
func (s *Shape) Key(name string) int32 {
	if e := s.names.lookup(keyHash([]byte(name)), []byte(name)); e != nil {
		return e.key
	}
	s.change()
	key := int32(s.names.used)
	s.names.add(entry{name: name, key: key})
	return key
}

// Keys returns how many names have a number.
func (s *Shape) Keys() int { return s.names.used }

// Slots returns how many slots have a number.
func (s *Shape) Slots() int { return int(s.slots) }

// change is called before anything new is asked for.
func (s *Shape) change() {
	if s.sealed.Load() {
		panic("tape: a Shape that has been parsed with is asked for more")
	}
}

func (s *Shape) place(up *Want, name string) *Want {
	s.change()
	s.places++
	return &Want{shape: s, up: up, name: name, number: s.places - 1, slot: -1}
}

// A Want is a place in a shape: the values that lie at one path of member
// names. Arrays are transparent: what is wanted of a value is wanted of each
// element when the value is an array.
type Want struct {
	shape   *Shape
	up      *Want // the place whose members, or whose first value, this one has; nil for the root
	name    string
	number  int32 // of the place in its shape
	slot    int32 // -1 for none
	index   int32 // of a First: its number among them
	node    bool
	all     bool
	isFirst bool
	first   *Want
	members map[string]*Want
	order   []*Want // the members in the order in which they were asked for
}

// Member returns the place of the member with that name, and asks for nodes of
// its values and of the values of all places above it. Below a place marked
// All it is the place itself, which has the nodes of everything below it.
func (w *Want) Member(name string) *Want {
	w.shape.Key(name)
	if w.all {
		return w
	}
	m := w.Under(name)
	m.lay()
	return m
}

// Under returns the place of the member with that name without asking for
// nodes. A place that is asked for by Member as well has nodes. Below a place
// marked All it is that one member's, so slots below it are asked for by Under.
func (w *Want) Under(name string) *Want {
	if m := w.members[name]; m != nil {
		return m
	}
	m := w.shape.place(w, name)
	if w.members == nil {
		w.members = map[string]*Want{}
	}
	w.members[name] = m
	w.order = append(w.order, m)
	return m
}

// First returns the place of only the first value at w: the first in the
// order of the text, in the whole text and whatever its parents are, that is
// neither null nor an array. The First of a First is itself. Nodes that are
// asked for below it are laid for that value only; the nodes above them are
// those of the places above, and so are laid for every value at w.
func (w *Want) First() *Want {
	if w.isFirst {
		return w
	}
	if w.first == nil {
		w.first = w.shape.place(w, "")
		w.first.isFirst, w.first.index = true, w.shape.firsts
		w.shape.firsts++
	}
	return w.first
}

// All asks for nodes of the whole value, down to its scalars. Members whose
// names have no number get nodes with Key -1.
func (w *Want) All() {
	if !w.all {
		w.shape.change()
		w.all = true
		w.lay()
	}
}

// Slot asks that the values at w be remembered without nodes, and returns the
// number of their slot, from 0 without gaps; see [Tape.Slot]. Asked again it
// returns the same number.
func (w *Want) Slot() int32 {
	if w.slot < 0 {
		w.shape.change()
		w.slot = w.shape.slots
		w.shape.slots++
	}
	return w.slot
}

// lay asks for nodes of w and of all places above it.
func (w *Want) lay() {
	for ; w != nil && !w.node; w = w.up {
		w.shape.change()
		w.node = true
		if !w.isFirst && w.up != nil {
			w.shape.Key(w.name)
		}
	}
}

// idle reports whether nothing at all is wanted of w and of what lies below.
func (w *Want) idle() bool {
	return !w.node && !w.all && w.slot < 0 && w.first == nil && len(w.order) == 0
}
