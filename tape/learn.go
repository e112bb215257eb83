package tape

import (
	"encoding/binary"
	"slices"
)

// A frame is a container as the stops see it: the containers around it and
// the members through which they lead, its kind, and what is wanted of it.
type frame struct {
	order  []*member          // of an object: its members, in the order that edges keep
	byName map[string]*member // the same
	frames map[frameKey]*frame
	stops  map[stopKey]*stop
}

// A member is a name in the order of its frame.
type member struct {
	name string
	rank int // in the order
}

type frameKey struct {
	member *member // nil in arrays, and for the outermost value
	kind   byte    // '{' or '['
	state  *state
}

type stopKey struct {
	member *member
	leads  byte // '"' or '0'
	state  *state
}

// A learner adds to a network the edges of a line that the scanner accepted.
type learner struct {
	plan   *plan
	net    *network
	line   []byte
	tokens []token
	names  []byte // decoded
	taken  []bool // the firsts that have had their value, as the line goes on

	at   *stop // the scalar behind which next begins
	from int32
	next edge
}

// learn adds the edges of t's line, as far as they keep the order of members
// and the bounds.
func (t *Tape) learn(n *network) {
	if len(t.line) > maxLearned {
		return
	}
	l := &learner{plan: t.plan, net: n, line: t.line, taken: make([]bool, len(t.taken)), at: &n.start}
	l.tokens = appendTokens(nil, t.line)
	if l.value(0, spot{in: &n.outer, state: t.plan.root, key: -1}) {
		l.edge(link{}, int32(len(t.line)))
	}
}

// A spot is where a value stands.
type spot struct {
	in     *frame
	member *member // nil in arrays, and for the outermost value
	state  *state
	key    int32
}

// value learns the value of a token. It reports false when the rest of the
// line is not to be learned.
func (l *learner) value(n int32, at spot) bool {
	if l.net.size > maxSize {
		return false
	}
	x := l.tokens[n]
	switch x.kind {
	case '"', '0':
		return l.scalar(n, at)
	case '[':
		return l.array(n, at)
	case '{':
		return l.object(n, at)
	}
	if s := at.state; s != nil {
		o := op{code: opLiteral, lay: s.lay, key: at.key, at: x.start - l.from, end: x.end - l.from}
		if o.kind = kindOfLiteral(x.kind); o.kind != Null {
			o.s = slotted(l.join(s))
		}
		l.op(o)
	}
	return true
}

// scalar learns the edge to a string or a number, and begins the one behind it.
func (l *learner) scalar(n int32, at spot) bool {
	x := l.tokens[n]
	start, end := x.start, x.end
	if x.kind == '"' {
		start, end = start+1, end-1
	}
	if !l.edge(link{leads: x.kind, to: l.stop(at, x.kind)}, start) {
		return false
	}
	l.from = end
	if at.state != nil {
		for _, w := range at.state.firsts {
			l.taken[w.index] = true
		}
	}
	return true
}

func kindOfLiteral(c byte) Kind {
	switch c {
	case 't':
		return True
	case 'f':
		return False
	}
	return Null
}

// slotted returns s when it has slots, else nil.
func slotted(s *state) *state {
	if s == nil || len(s.slots) == 0 {
		return nil
	}
	return s
}

// join does what [Tape.join] does, and makes what it depends on conditions of
// the next edge.
func (l *learner) join(s *state) *state {
	for i, w := range s.firsts {
		taken := l.taken[w.index]
		about := func(c condition) bool { return c.index == w.index }
		if !slices.ContainsFunc(l.next.ifs, about) {
			l.next.ifs = append(l.next.ifs, condition{w.index, taken})
		}
		if !taken {
			l.taken[w.index] = true
			s = l.plan.join(s, i)
		}
	}
	return s
}

// op adds an op to the next edge when it has an effect.
func (l *learner) op(o op) {
	if o.lay || o.s != nil {
		l.next.ops = append(l.next.ops, o)
	}
}

func (l *learner) array(n int32, at spot) bool {
	x, s := l.tokens[n], at.state
	lay := s != nil && s.lay
	l.op(op{code: opOpen, lay: lay, kind: Array, key: at.key, at: x.start - l.from})
	in := spot{in: l.frame(at, '[', s), state: s, key: -1}
	for c := n + 1; c < x.next; c = l.tokens[c].next {
		if !l.value(c, in) {
			return false
		}
	}
	l.op(op{code: opClose, lay: lay, end: x.end - l.from})
	return true
}

func (l *learner) object(n int32, at spot) bool {
	x, s := l.tokens[n], at.state
	lay := s != nil && s.lay
	if s != nil {
		s = l.join(s)
	}
	l.op(op{code: opOpen, lay: lay, kind: Object, key: at.key, at: x.start - l.from, s: slotted(s)})
	f := l.frame(at, '{', s)
	members := l.members(n, f)
	if members == nil && x.next > n+1 {
		return false
	}
	for c := n + 1; c < x.next; c = l.tokens[c].next {
		in := spot{in: f, member: members[0], key: -1}
		members = members[1:]
		if s != nil {
			name := []byte(in.member.name)
			in.key, in.state = l.plan.member(s, keyHash(name), name)
		}
		if c++; !l.value(c, in) {
			return false
		}
	}
	l.op(op{code: opClose, lay: lay, end: x.end - l.from, s: slotted(s)})
	return true
}

// frame returns the frame of a container.
func (l *learner) frame(at spot, kind byte, s *state) *frame {
	k := frameKey{at.member, kind, s}
	f := at.in.frames[k]
	if f == nil {
		f = &frame{byName: map[string]*member{}}
		if at.in.frames == nil {
			at.in.frames = map[frameKey]*frame{}
		}
		at.in.frames[k] = f
		l.net.size++
	}
	return f
}

// stop returns the stop of a scalar.
func (l *learner) stop(at spot, leads byte) *stop {
	k := stopKey{at.member, leads, at.state}
	if s := at.in.stops[k]; s != nil {
		return s
	}
	s := &stop{state: at.state, key: at.key, slot: -1}
	if at.state != nil {
		s.slot = at.state.slot
	}
	if at.in.stops == nil {
		at.in.stops = map[stopKey]*stop{}
	}
	at.in.stops[k] = s
	l.net.size++
	return s
}

// members returns the members of an object in the text's order, or nil when
// that order is not the frame's. Names that are new get their place in it.
func (l *learner) members(n int32, f *frame) []*member {
	var names []string
	last := -1
	for c := n + 1; c < l.tokens[n].next; c = l.tokens[c+1].next {
		x := l.tokens[c]
		l.names = appendUnescaped(l.names[:0], l.line[x.start+1:x.end-1])
		names = append(names, string(l.names))
		if m := f.byName[string(l.names)]; m != nil {
			if m.rank <= last {
				return nil
			}
			last = m.rank
		}
	}
	if len(f.order)+len(names) > maxMembers {
		return nil
	}
	list := make([]*member, len(names))
	for i, name := range names {
		if list[i] = f.byName[name]; list[i] == nil {
			list[i] = f.insert(name, f.place(names, i))
			l.net.size++
		}
	}
	return list
}

// place returns the rank that the new name names[i] gets: behind the name in
// front of it, or before the first one behind it that is known, or the last.
func (f *frame) place(names []string, i int) int {
	if i > 0 {
		return f.byName[names[i-1]].rank + 1
	}
	for _, name := range names[1:] {
		if m := f.byName[name]; m != nil {
			return m.rank
		}
	}
	return len(f.order)
}

func (f *frame) insert(name string, rank int) *member {
	m := &member{name: name}
	f.order = slices.Insert(f.order, rank, m)
	f.byName[name] = m
	for i := rank; i < len(f.order); i++ {
		f.order[i].rank = i
	}
	return m
}

// edge adds the edge that leads where c does and ends before the byte at end,
// unless it is there, and begins the next one. It reports false when the
// bounds do not allow it.
func (l *learner) edge(c link, end int32) bool {
	at, e := l.at, &edge{ifs: l.next.ifs, ops: l.next.ops, bytes: string(l.line[l.from:end])}
	l.at, l.next = c.to, edge{}
	same := func(old link) bool {
		return old.to == c.to && old.edge.bytes == e.bytes && slices.Equal(old.edge.ifs, e.ifs)
	}
	if slices.ContainsFunc(at.links, same) {
		return true
	}
	if len(at.links) == maxFan || l.net.edges == maxEdges || l.net.bytes+len(e.bytes) > maxBytes || len(e.bytes) > maxLiteral {
		return false
	}
	l.net.edges++
	l.net.bytes += len(e.bytes)
	c.see(e)
	at.links = append(at.links, c)
	return true
}

// see makes c the link of an edge.
func (c *link) see(e *edge) {
	var head [8]byte
	n := copy(head[:], e.bytes)
	c.head, c.mask = binary.LittleEndian.Uint64(head[:]), 1<<(8*n)-1
	if len(e.bytes) >= 8 {
		c.tail = binary.LittleEndian.Uint64([]byte(e.bytes[len(e.bytes)-8:]))
	}
	c.edge, c.size, c.quiet = e, int32(len(e.bytes)), len(e.ifs)+len(e.ops) == 0
}
