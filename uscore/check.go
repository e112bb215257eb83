package uscore

import (
	"bytes"
	"iter"
	"math/bits"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A Checker checks resources one after the other, in one goroutine.
type Checker struct {
	rules   *Rules
	tape    *tape.Tape
	ids     []uint16 // codes found by findCodes
	seen    [8]seenCoding
	seenLen int
	broken  []uint64 // a bit for each issue that was met
	issues  []Issue
	level   Level
}

// NewChecker returns a checker.
func (r *Rules) NewChecker() *Checker {
	return &Checker{rules: r, broken: make([]uint64, len(r.issues)/64+1)}
}

// Check checks the resource on the tape, which was parsed with the shape of
// the rules. The profiles are those of meta.profile that the guide knows, and
// all of them are checked; without any it is the one that fits the resource's
// codes and categories, or the only one of the type. Without a profile the
// rules of the R4 type are checked. It never fails, whatever the JSON is, and
// allocates only while its buffers grow.
func (c *Checker) Check(t *tape.Tape) Verdict {
	c.tape, c.level, c.seenLen = t, Conforms, 0
	if len(c.issues) > 0 {
		c.issues = c.issues[:0]
		clear(c.broken)
	}
	if t.Len() == 0 || t.Node(0).Kind != tape.Object {
		c.fail(0)
		return Verdict{Level: c.level, Issues: c.issues}
	}
	f := c.front()
	mask, first := c.claimed(f.meta)
	if mask == 0 {
		if first = c.fitting(f); first < 0 {
			return c.unprofiled()
		}
		mask = 1 << first
	}
	for ; mask != 0; mask &= mask - 1 {
		c.object(c.rules.programs[bits.TrailingZeros64(mask)].root, 0)
	}
	return Verdict{Profile: c.rules.programs[first].url, Level: c.level, Issues: c.issues}
}

// unprofiled checks a resource against its R4 type alone.
func (c *Checker) unprofiled() Verdict {
	if c.rules.base != nil {
		c.object(c.rules.base.root, 0)
	}
	if c.level != Error {
		c.level = NoProfile
	}
	return Verdict{Level: c.level, Issues: c.issues}
}

// fail notes that an issue was met.
func (c *Checker) fail(issue int32) {
	bit := uint64(1) << (issue & 63)
	if c.broken[issue>>6]&bit != 0 {
		return
	}
	c.broken[issue>>6] |= bit
	i := c.rules.issues[issue]
	c.issues = append(c.issues, i)
	if i.Severity == SeverityError {
		c.level = Error
	} else {
		c.level = max(c.level, Warning)
	}
}

// object checks the object n and returns the bits that are so.
func (c *Checker) object(o *object, n int32) uint64 {
	t := c.tape
	var seen uint64
	for m, end := n+1, t.Node(n).Next; m < end; {
		x := t.Node(m)
		if k := uint32(x.Key - o.low); k < uint32(len(o.index)) && o.index[k] != 0 {
			p := &o.members[o.index[k]-1]
			if p.plain && p.kinds>>x.Kind&1 != 0 && c.there(m, x) {
				seen |= p.bits
			} else {
				seen |= c.member(p, m, x, seen)
			}
		}
		m = x.Next
	}
	if seen&o.need != o.need {
		for i := range o.needs {
			if seen&o.needs[i].none == 0 {
				c.fail(o.needs[i].issue)
			}
		}
	}
	for i := range o.clauses {
		x := &o.clauses[i]
		if seen&x.all == x.all && seen&x.none == 0 && (x.test == nil || x.test(c, n)) {
			c.fail(x.issue)
		}
	}
	return seen
}

// member checks the member m of an object of which seen is so already, and
// returns the bits that it adds.
func (c *Checker) member(p *member, m int32, x *tape.Node, seen uint64) uint64 {
	if x.Kind == tape.Null {
		return 0
	}
	if p.under {
		return c.extended(p, m, x)
	}
	var found uint64
	count := int32(0)
	if x.Kind != tape.Array {
		if p.list {
			c.fail(p.wrongType)
		}
		found, count = c.item(p, m, x)
	} else {
		if !p.list {
			c.fail(p.wrongType)
		}
		for i := m + 1; i < x.Next; {
			y := c.tape.Node(i)
			b, n := c.item(p, i, y)
			found, count = found|b, count+n
			i = y.Next
		}
	}
	if count == 0 {
		return 0
	}
	found |= p.bits
	if p.enough.min > 0 && count >= p.enough.min {
		found |= p.enough.bits
	}
	if p.choice != 0 && seen&p.choice != 0 && p.twice >= 0 {
		c.fail(p.twice)
	}
	if p.refused >= 0 {
		c.fail(p.refused)
	}
	return found
}

// item checks one item of a member. It returns the bits that the item adds,
// and 1 when it is there: null, "" and {} are not.
func (c *Checker) item(p *member, n int32, x *tape.Node) (uint64, int32) {
	if p.kinds>>x.Kind&1 == 0 {
		if x.Kind == tape.Null {
			return 0, 0
		}
		c.fail(p.wrongType)
		return 0, 1
	}
	if !c.there(n, x) {
		return 0, 0
	}
	if !p.deep {
		return 0, 1
	}
	var found uint64
	for i := range p.texts {
		if d := &p.texts[i]; !d.holds(c.tape.Text(n)) {
			c.fail(d.issue)
		}
	}
	if p.codes != nil {
		found = c.coded(p.codes, n)
	}
	if p.object != nil {
		seen := c.object(p.object, n)
		for _, l := range p.lifts {
			if seen&l.mask != 0 {
				found |= l.bits
			}
		}
	}
	for i := range p.slices {
		if s := &p.slices[i]; c.belongs(s, n) {
			found |= s.bits
			if s.object != nil {
				c.object(s.object, n)
			}
		}
	}
	return found, 1
}

func (d *text) holds(b []byte) bool {
	if d.test != nil {
		return d.test(b)
	}
	return string(b) == d.want
}

// there reports whether a scalar or object is something: "" and {} are not.
func (c *Checker) there(n int32, x *tape.Node) bool {
	if x.Kind == tape.Object {
		return x.Next > n+1 || !c.empty(n)
	}
	return x.Start < x.End
}

// empty reports whether the object n, of which no member has a node, has no
// member at all.
func (c *Checker) empty(n int32) bool {
	raw := c.tape.Raw(n)
	return raw[1] != '"' && len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0
}

// extended returns the bits of a primitive whose sibling "_name" carries an
// extension, in one of its items when it is a list.
func (c *Checker) extended(p *member, n int32, x *tape.Node) uint64 {
	if x.Kind == tape.Array {
		for i := n + 1; i < x.Next; i = c.tape.Node(i).Next {
			if c.hasExtension(i) {
				return p.bits
			}
		}
		return 0
	}
	if c.hasExtension(n) {
		return p.bits
	}
	return 0
}

func (c *Checker) hasExtension(n int32) bool {
	e := c.tape.Member(n, c.rules.keys.extension)
	return e >= 0 && c.tape.Node(e).Kind == tape.Array && c.tape.Node(e).Next > e+1
}

// items yields the nodes of the items of a member, be it a list or not.
func (c *Checker) items(n, key int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		m := c.tape.Member(n, key)
		if m < 0 {
			return
		}
		if c.tape.Node(m).Kind != tape.Array {
			yield(m)
			return
		}
		for i, end := m+1, c.tape.Node(m).Next; i < end && yield(i); i = c.tape.Node(i).Next {
		}
	}
}

// text returns the string of the node n, or nil when it is none.
func (c *Checker) text(n int32) []byte {
	if n < 0 || c.tape.Node(n).Kind != tape.String {
		return nil
	}
	return c.tape.Text(n)
}

func (c *Checker) textIs(n int32, want string) bool {
	return string(c.text(n)) == want
}

// sameText reports whether two nodes are the same string.
func (c *Checker) sameText(a, b int32) bool {
	x := c.text(a)
	return x != nil && bytes.Equal(x, c.text(b))
}
