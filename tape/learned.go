package tape

import "encoding/binary"

// A network is what a tape has learned of the texts of one shape: machine-made
// lines repeat the bytes between their scalars. It leads from scalar to scalar
// by comparing those bytes, and validates each scalar anew.
//
// Why what it accepts is valid. A stop stands for a scalar's place: the
// containers around it with the member that is open in each. An edge is only
// ever taken from the stop that it was cut from, so its bytes close and open
// the same containers as they did in the text that the scanner accepted. No
// object names a member twice, because the members of each container have an
// order that never changes, and every edge leads forward in it.
type network struct {
	start stop
	outer frame // around the outermost value
	edges int   // of all stops
	bytes int   // of all edges
	size  int   // frames, members and stops

	wait   int // texts until the network is used
	pause  int // the next wait, when too many texts miss
	credit int // texts that may be learned from
	tried  int // texts in this round
	missed int // of them those that the network does not know
}

// Bounds of a network.
const (
	patience   = 32      // texts before anything is learned
	burst      = 64      // texts learned from at first; later one in creditEach
	creditEach = 16      // texts for one more to learn from
	round      = 256     // texts after which the misses are judged
	minPause   = 4096    // texts without the network when it misses more than half
	maxPause   = 1 << 20 // the pause doubles up to this
	maxEdges   = 1 << 14
	maxFan     = 24 // edges of one stop
	maxSize    = 1 << 14
	maxBytes   = 1 << 20 // of all edges
	maxLiteral = 1 << 10 // bytes of an edge
	maxLearned = 1 << 16 // bytes of a text to learn from
	maxMembers = 256     // of a frame
)

func newNetwork(wait, pause int) *network {
	n := &network{wait: wait, pause: pause, credit: burst}
	n.start.slot = -1
	return n
}

// tries reports whether the next text is to be parsed by the network.
func (n *network) tries() bool {
	if n.wait > 0 {
		n.wait--
		return false
	}
	if n.tried == round {
		if 2*n.missed > round {
			*n = *newNetwork(n.pause-1, min(2*n.pause, maxPause))
			return false
		}
		n.tried, n.missed, n.pause = 0, 0, minPause
	}
	n.tried++
	if n.tried%creditEach == 0 && n.credit < burst {
		n.credit++
	}
	return true
}

// learns reports whether a valid text that was not known is to be learned from.
func (n *network) learns() bool {
	if n.wait > 0 || n.credit == 0 {
		return false
	}
	n.credit--
	return true
}

// A stop is the place of a string or a number. The start of a text is one too.
type stop struct {
	links []link
	state *state // nil when nothing is wanted
	key   int32
	slot  int32 // the place's only slot when nothing else is wanted, else -1
}

// A link is the part of an edge that is looked at first.
type link struct {
	head, mask uint64 // the first eight bytes, fewer when the mask says so
	tail       uint64 // the last eight bytes when there are from 8 to 16
	size       int32
	leads      byte // to what has to stand behind the bytes: '"', '0', or 0 for nothing
	quiet      bool // the edge has no conditions and no ops
	to         *stop
	edge       *edge
}

// An edge is the bytes from the end of one scalar to the begin of the next,
// from quote to quote, and what they mean.
type edge struct {
	bytes string
	ifs   []condition
	ops   []op
}

// A condition is whether a First has had its value when the edge is taken.
type condition struct {
	index int32
	taken bool
}

type opCode uint8

const (
	opLiteral opCode = iota // true, false or null
	opOpen
	opClose
)

// An op is a change that an edge makes to the tape.
type op struct {
	code opCode
	lay  bool
	kind Kind
	key  int32
	at   int32  // in the bytes of the edge; the end of what is closed
	end  int32  // of a literal
	s    *state // whose slots remember the value; nil for none
}

// An opened container has a node, or slots, or both.
type opened struct{ node, start int32 }

// follow parses the line by what has been learned. It reports false, with the
// tape in any condition, when the line leads off the network.
func (t *Tape) follow(n *network) bool {
	b, i, at := t.line, 0, &n.start
	t.opened = t.opened[:0]
	for {
		c := t.match(at, i)
		if c == nil {
			return false
		}
		if !c.quiet {
			t.apply(c.edge, int32(i))
		}
		i += int(c.size)
		if at = c.to; at == nil {
			return true
		}
		v := span{start: int32(i), kind: String}
		if c.leads == '0' {
			v.kind = Number
			i = t.number(i)
		} else {
			i = run(b, i)
			if i >= len(b) || b[i] != '"' {
				i, v.escaped = t.str(i)
			}
		}
		if i < 0 {
			return false
		}
		if at.state == nil {
			continue
		}
		v.end = int32(i)
		if at.slot >= 0 {
			t.keep(at.slot, v)
		} else {
			t.scalar(at.state, at.key, v)
		}
	}
}

// match returns the link of at whose edge the bytes at i are, or nil.
func (t *Tape) match(at *stop, i int) *link {
	b := t.line
	var word uint64
	if i <= len(b)-8 {
		word = binary.LittleEndian.Uint64(b[i:])
	} else {
		for j := len(b) - 1; j >= i; j-- {
			word = word<<8 | uint64(b[j])
		}
	}
	for k := range at.links {
		c := &at.links[k]
		if (word^c.head)&c.mask != 0 {
			continue
		}
		end := i + int(c.size)
		if c.size > 8 {
			if end > len(b) {
				continue
			}
			if c.size <= 16 {
				if binary.LittleEndian.Uint64(b[end-8:end]) != c.tail {
					continue
				}
			} else if string(b[i+8:end]) != c.edge.bytes[8:] {
				continue
			}
		}
		if c.leads != '"' && !c.followed(b, end) || !c.quiet && !t.admits(c.edge) {
			continue
		}
		if k > 0 {
			at.links[k-1], at.links[k] = at.links[k], at.links[k-1]
			return &at.links[k-1]
		}
		return c
	}
	return nil
}

// followed reports whether the number, or the end of the text, to which the
// edge leads is there.
func (c *link) followed(b []byte, end int) bool {
	if c.leads == 0 {
		return end == len(b)
	}
	return end < len(b) && (b[end] == '-' || b[end]-'0' <= 9)
}

// admits reports whether the firsts are as they were when e was learned.
func (t *Tape) admits(e *edge) bool {
	for _, c := range e.ifs {
		if t.taken[c.index] != c.taken {
			return false
		}
	}
	return true
}

// apply does what an edge means; from is where its bytes start.
func (t *Tape) apply(e *edge, from int32) {
	for _, c := range e.ifs {
		t.taken[c.index] = true
	}
	for k := range e.ops {
		o := &e.ops[k]
		v := span{from + o.at, from + o.end, o.kind, false}
		switch o.code {
		case opOpen:
			n := int32(-1)
			if o.lay {
				n = int32(len(t.nodes))
				t.lay(o.key, v)
			}
			t.opened = append(t.opened, opened{n, v.start})
		case opClose:
			c := t.opened[len(t.opened)-1]
			t.opened = t.opened[:len(t.opened)-1]
			if c.node >= 0 {
				t.nodes[c.node].End, t.nodes[c.node].Next = v.end, int32(len(t.nodes))
			}
			if o.s != nil {
				t.end(o.s, c.start, v.end)
			}
			continue
		case opLiteral:
			if o.lay {
				t.lay(o.key, v)
			}
		}
		if o.s != nil {
			t.note(o.s, v)
		}
	}
}
