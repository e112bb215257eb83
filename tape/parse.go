package tape

import "encoding/binary"

// The functions of this file take an offset and return the offset behind what
// they read, or -1 after they have called fail.

func (t *Tape) fail(offset int, reason string) int {
	if offset >= len(t.line) && reason != ReasonEmpty {
		offset, reason = len(t.line), ReasonTruncated
	}
	t.err = SyntaxError{Offset: offset, Reason: reason}
	return -1
}

// space returns the offset of the first byte from i on that is no white space.
func space(b []byte, i int) int {
	const white = 1<<' ' | 1<<'\n' | 1<<'\t' | 1<<'\r'
	for i < len(b) && b[i] <= ' ' && white>>b[i]&1 != 0 {
		i++
	}
	return i
}

// value reads the value at i, of which s is wanted; nothing when s is nil.
func (t *Tape) value(i int, s *state, key int32, depth int) int {
	b := t.line
	if i >= len(b) {
		return t.fail(i, ReasonTruncated)
	}
	c := b[i]
	if c == '"' {
		end, escaped := t.str(i + 1)
		if end < 0 {
			return -1
		}
		if s != nil {
			t.scalar(s, key, span{int32(i + 1), int32(end), String, escaped})
		}
		return end + 1
	}
	kind := Null
	var end int
	switch c {
	case '{', '[':
		if s != nil {
			return t.container(i, s, key, depth)
		}
		if depth >= MaxDepth {
			return t.fail(i, ReasonDepth)
		}
		if c == '{' {
			return t.object(i+1, nil, depth+1)
		}
		return t.array(i+1, nil, depth+1)
	case 't':
		kind, end = True, t.literal(i, "true")
	case 'f':
		kind, end = False, t.literal(i, "false")
	case 'n':
		end = t.literal(i, "null")
	default:
		if c != '-' && c-'0' > 9 {
			return t.fail(i, ReasonSyntax)
		}
		kind, end = Number, t.number(i)
	}
	if s != nil && end >= 0 {
		t.scalar(s, key, span{int32(i), int32(end), kind, false})
	}
	return end
}

// scalar does what is wanted of a scalar.
func (t *Tape) scalar(s *state, key int32, v span) {
	if s.slot >= 0 && v.kind != Null {
		t.keep(s.slot, v)
		return
	}
	if s.lay {
		t.lay(key, v)
	}
	if s.notes && v.kind != Null {
		t.note(t.join(s), v)
	}
}

// join returns s with the firsts whose first value this is.
func (t *Tape) join(s *state) *state {
	for i, w := range s.firsts {
		if !t.taken[w.index] {
			t.taken[w.index] = true
			s = t.plan.join(s, i)
		}
	}
	return s
}

// note remembers a value in the slots of s.
func (t *Tape) note(s *state, v span) {
	for _, slot := range s.slots {
		t.keep(slot, v)
	}
}

// keep remembers a value in a slot.
func (t *Tape) keep(slot int32, v span) {
	f := &t.found[slot]
	if f.Kind != Null {
		f.Many = true
		return
	}
	f.Start, f.End, f.Kind, f.Escaped = v.start, v.end, v.kind, v.escaped
}

// lay adds a node without children.
func (t *Tape) lay(key int32, v span) {
	n := len(t.nodes)
	if n == cap(t.nodes) {
		t.nodes = append(t.nodes, Node{})
	}
	t.nodes = t.nodes[:n+1]
	x := &t.nodes[n]
	x.Kind, x.Escaped, x.Key = v.kind, v.escaped, key
	x.Start, x.End, x.Next = v.start, v.end, int32(n+1)
}

// end completes the slots that remember the object that starts there.
func (t *Tape) end(s *state, start, end int32) {
	for _, slot := range s.slots {
		if f := &t.found[slot]; f.Start == start {
			f.End = end
		}
	}
}

func (t *Tape) container(i int, s *state, key int32, depth int) int {
	if depth >= MaxDepth {
		return t.fail(i, ReasonDepth)
	}
	n, lay := len(t.nodes), s.lay
	x := span{int32(i), 0, Object, false}
	if t.line[i] == '[' {
		x.kind = Array
	}
	if lay {
		t.lay(key, x)
	}
	var end int
	if x.kind == Array {
		end = t.array(i+1, s, depth+1)
	} else {
		if s.notes {
			s = t.join(s)
			t.note(s, x)
		}
		end = t.object(i+1, s, depth+1)
		t.end(s, x.start, int32(end))
	}
	if lay && end >= 0 {
		t.nodes[n].End, t.nodes[n].Next = int32(end), int32(len(t.nodes))
	}
	return end
}

// array reads the elements behind a '['.
func (t *Tape) array(i int, s *state, depth int) int {
	b := t.line
	i = space(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = t.value(i, s, -1, depth); i < 0 {
			return -1
		}
		if i = space(b, i); i >= len(b) {
			return t.fail(i, ReasonTruncated)
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
		case ']':
			return i + 1
		default:
			return t.fail(i, ReasonSyntax)
		}
	}
}

// object reads the members behind a '{'.
func (t *Tape) object(i int, s *state, depth int) int {
	b := t.line
	i = space(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	names := openNames{base: len(t.keys.keys)}
	for {
		if i >= len(b) || b[i] != '"' {
			return t.fail(i, ReasonSyntax)
		}
		start := i + 1
		end, hash, escaped := t.name(start)
		if end < 0 {
			return -1
		}
		name, k := b[start:end], seenKey{hash, int32(start), int32(end)}
		if escaped {
			name, k = t.keys.decode(name)
		}
		if bit := uint64(1) << (k.hash >> 58); names.filter&bit == 0 {
			names.filter |= bit
			t.keys.keys = append(t.keys.keys, k)
		} else if !t.keys.add(b, &names, k, name) {
			return t.fail(start, ReasonDuplicateKey)
		}
		if i = end + 1; i+1 < len(b) && b[i] == ':' && b[i+1] > ' ' {
			i++
		} else if i = t.colon(i); i < 0 {
			return -1
		}
		var child *state
		id := int32(-1)
		if s != nil {
			if e := s.table.near(k.hash); e != nil && e.known && e.is(k.hash, name) {
				id, child = e.key, e.next
			} else {
				id, child = t.plan.member(s, k.hash, name)
			}
		}
		if i = t.value(i, child, id, depth); i < 0 {
			return -1
		}
		if i = space(b, i); i >= len(b) {
			return t.fail(i, ReasonTruncated)
		}
		if b[i] == '}' {
			t.keys.keys = t.keys.keys[:names.base]
			return i + 1
		}
		if b[i] != ',' {
			return t.fail(i, ReasonSyntax)
		}
		i = space(b, i+1)
	}
}

// colon reads what is between a name and its value.
func (t *Tape) colon(i int) int {
	b := t.line
	if i = space(b, i); i >= len(b) || b[i] != ':' {
		return t.fail(i, ReasonSyntax)
	}
	return space(b, i+1)
}

// name reads a member name whose first byte is at i, and returns the offset
// of its closing quote, its hash when it has no escapes, and whether it has.
// Most names end within sixteen bytes.
func (t *Tape) name(i int) (end int, hash uint64, escaped bool) {
	b := t.line
	if i <= len(b)-16 {
		w := b[i : i+16]
		head := binary.LittleEndian.Uint64(w)
		if m := special(head); m != 0 {
			if n := lowest(m); w[n&7] == '"' {
				return i + n, mix(head&(1<<(8*n)-1), 0, n), false
			}
		} else if m := special(binary.LittleEndian.Uint64(w[8:])); m != 0 {
			if n := lowest(m) & 7; w[8+n] == '"' {
				return i + 8 + n, mix(head, binary.LittleEndian.Uint64(w[n:n+8]), 8+n), false
			}
		}
	}
	if end, escaped = t.str(i); end < 0 || escaped {
		return end, 0, escaped
	}
	return end, keyHash(b[i:end]), false
}
