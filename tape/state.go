package tape

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A state is the set of places that apply to a value. Which places apply to a
// member follows from the set and the name alone, so that the names of a text
// lead from state to state.
type state struct {
	places []*Want // by number
	lay    bool    // the value has a node
	notes  bool    // the value is looked at: there are slots or firsts
	all    bool    // members that the table does not have are laid, in the state rest
	rest   *state
	slot   int32 // the only slot when nothing else is wanted of a scalar, else -1
	slots  []int32
	firsts []*Want // first values of the places, which join the set once in a text
	joined []*state
	table  table // the names of members; a nil state of an entry means: not wanted
}

// A plan is what a tape makes of a shape: its states, as far as texts have
// led to them.
type plan struct {
	shape  *Shape
	root   *state
	states map[string]*state // by the numbers of their places
	id     []byte
	net    *network
}

// maxStates is how many states a plan may have before it is made anew. Only
// places with many Firsts inside each other come near it.
const maxStates = 1 << 13

func newPlan(s *Shape) *plan {
	s.sealed.Store(true)
	p := &plan{shape: s, states: map[string]*state{}, net: newNetwork(patience, minPause)}
	p.root = p.state([]*Want{s.root})
	return p
}

// state returns the state of a set of places, nil when nothing is wanted.
func (p *plan) state(places []*Want) *state {
	places = slices.DeleteFunc(places, (*Want).idle)
	if len(places) == 0 {
		return nil
	}
	slices.SortFunc(places, func(a, b *Want) int { return int(a.number) - int(b.number) })
	places = slices.Compact(places)
	p.id = p.id[:0]
	for _, w := range places {
		p.id = binary.LittleEndian.AppendUint32(p.id, uint32(w.number))
	}
	if s := p.states[string(p.id)]; s != nil {
		return s
	}
	s := &state{places: places}
	p.states[string(p.id)] = s
	p.fill(s)
	return s
}

// fill makes the parts of a state out of its places.
func (p *plan) fill(s *state) {
	for _, w := range s.places {
		s.lay = s.lay || w.node && !w.isFirst
		if w.slot >= 0 {
			s.slots = append(s.slots, w.slot)
		}
		if w.first != nil {
			s.firsts = append(s.firsts, w.first)
		}
		s.all = s.all || w.all
	}
	s.notes = len(s.slots)+len(s.firsts) > 0
	s.joined = make([]*state, len(s.firsts))
	s.slot = -1
	if len(s.slots) == 1 && len(s.firsts) == 0 && !s.lay {
		s.slot = s.slots[0]
	}
	if s.all {
		s.rest = p.state([]*Want{p.shape.below})
	}
	for _, w := range s.places {
		for _, m := range w.order {
			name := []byte(m.name)
			if s.table.lookup(keyHash(name), name) != nil {
				continue
			}
			key := int32(-1)
			if e := p.shape.names.lookup(keyHash(name), name); e != nil {
				key = e.key
			}
			s.table.add(entry{name: m.name, key: key})
		}
	}
}

// member returns the number of a member's name and the state of its value; a
// nil state means that the member is not wanted.
func (p *plan) member(s *state, hash uint64, name []byte) (int32, *state) {
	if e := s.table.lookup(hash, name); e != nil {
		if !e.known {
			p.lead(s, e)
		}
		return e.key, e.next
	}
	if !s.all {
		return -1, nil
	}
	if e := p.shape.names.lookup(hash, name); e != nil {
		return e.key, s.rest
	}
	return -1, s.rest
}

// lead finds out where an entry of s leads.
func (p *plan) lead(s *state, e *entry) {
	var next []*Want
	for _, w := range s.places {
		if w.all {
			next = append(next, p.shape.below)
		}
		if m := w.members[e.name]; m != nil {
			next = append(next, m)
		}
	}
	e.next, e.known = p.state(next), true
}

// join returns the state of s with the i-th of its firsts.
func (p *plan) join(s *state, i int) *state {
	if s.joined[i] == nil {
		s.joined[i] = p.state(append(slices.Clone(s.places), s.firsts[i]))
	}
	return s.joined[i]
}

// A table finds what is known of a name. It is open-addressed.
type table struct {
	used    int
	entries []entry // a power of two long; length 0 of hash and name means free
}

type entry struct {
	hash  uint64
	name  string
	key   int32
	taken bool // the entry is not free
	known bool // next is known
	next  *state
}

// is reports whether an entry that is not free is that name's.
func (e *entry) is(hash uint64, name []byte) bool {
	return e.hash == hash && len(e.name) == len(name) && (len(name) < 8 || e.name == string(name))
}

// near returns the entry that most names with that hash have, when they have
// one; nil when there are no entries.
func (t *table) near(hash uint64) *entry {
	if len(t.entries) == 0 {
		return nil
	}
	return &t.entries[hash&uint64(len(t.entries)-1)]
}

func (t *table) lookup(hash uint64, name []byte) *entry {
	mask := uint64(len(t.entries)) - 1
	if mask == ^uint64(0) {
		return nil
	}
	for i := hash & mask; ; i = (i + 1) & mask {
		e := &t.entries[i]
		if e.is(hash, name) && e.taken {
			return e
		}
		if !e.taken {
			return nil
		}
	}
}

// add adds an entry for a name that is not there yet.
func (t *table) add(e entry) {
	e.hash, e.taken = keyHash([]byte(e.name)), true
	if 3*(t.used+1) > len(t.entries) {
		old := t.entries
		t.entries = make([]entry, max(4, 2*len(old)))
		for _, o := range old {
			if o.taken {
				t.place(o)
			}
		}
	}
	t.place(e)
	t.used++
}

func (t *table) place(e entry) {
	mask := uint64(len(t.entries)) - 1
	i := e.hash & mask
	for t.entries[i].taken {
		i = (i + 1) & mask
	}
	t.entries[i] = e
}

// keyHash is a hash of the first eight bytes, the last eight and the length.
// Of two names with the same length below eight it is the same only when they
// are: what mix does can be undone. Longer names have to be compared as well.
func keyHash(k []byte) uint64 {
	var head [8]byte
	if n := copy(head[:], k); n < 8 {
		return mix(binary.LittleEndian.Uint64(head[:]), 0, n)
	}
	return mix(binary.LittleEndian.Uint64(k), binary.LittleEndian.Uint64(k[len(k)-8:]), len(k))
}

// mix is keyHash of a name that has been read: its first eight bytes, and its
// last eight when it has as many.
func mix(head, tail uint64, n int) uint64 {
	h := (head ^ bits.RotateLeft64(tail, 29) ^ uint64(n)*0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93
	return h ^ h>>32
}
