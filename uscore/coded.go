package uscore

import "github.com/bulkhead-fhir/bulkhead/tape"

// coded checks the codes of the item n and returns the bits that they set.
func (c *Checker) coded(p *codes, n int32) uint64 {
	some := c.findCodes(p.form, n, p.systems)
	var found uint64
	for i := range p.bits {
		if b := &p.bits[i]; b.set.hasAny(c.ids) {
			found |= b.bits
		}
	}
	for i := range p.demands {
		d := &p.demands[i]
		if d.set.hasAny(c.ids) || !some && p.form == formQuantity || d.binding && c.absent(n) {
			continue
		}
		c.fail(d.issue)
	}
	return found
}

// absent reports whether the object n says by an extension why it is not there.
func (c *Checker) absent(n int32) bool {
	for x := range c.items(n, c.rules.keys.extension) {
		if c.textIs(c.tape.Member(x, c.rules.keys.url), absentReason) {
			return true
		}
	}
	return false
}

// belongs reports whether the item n belongs to a slice.
func (c *Checker) belongs(s *slice, n int32) bool {
	if s.where != "" {
		if n = c.tape.Member(n, s.key); n < 0 {
			return false
		}
	}
	switch s.form {
	case formSystem:
		return c.textIs(c.tape.Member(n, c.rules.keys.system), s.text)
	case formURL:
		return c.textIs(c.tape.Member(n, c.rules.keys.url), s.text)
	default:
		c.findCodes(s.form, n, false)
		return s.set.hasAny(c.ids)
	}
}

// findCodes puts the numbers of the codes at the node n, or of the items when
// it is a list, into c.ids. It reports whether there is a code at all. Codes
// that no rule knows have no number and are left out.
func (c *Checker) findCodes(f form, n int32, systems bool) bool {
	c.ids = c.ids[:0]
	some := false
	t, k := c.tape, &c.rules.keys
	switch x := t.Node(n); {
	case f == formText:
		if some = x.Kind == tape.String; some {
			c.known(nil, t.Text(n))
		}
	case f == formConcept && x.Kind == tape.Array:
		for i := n + 1; i < x.Next; i = t.Node(i).Next {
			some = c.codings(t.Member(i, k.coding), systems) || some
		}
	case f == formConcept:
		some = c.codings(t.Member(n, k.coding), systems)
	default:
		some = c.codings(n, systems)
	}
	return some
}

// codings adds the numbers of the Coding n, or of the items when it is a list.
func (c *Checker) codings(n int32, systems bool) bool {
	if n < 0 {
		return false
	}
	x := c.tape.Node(n)
	if x.Kind != tape.Array {
		return c.coding(n, systems)
	}
	some := false
	for i := n + 1; i < x.Next; i = c.tape.Node(i).Next {
		some = c.coding(i, systems) || some
	}
	return some
}

func (c *Checker) coding(n int32, systems bool) bool {
	if !systems {
		for i := range c.seen[:c.seenLen] {
			if s := &c.seen[i]; s.node == n {
				if s.id != 0 {
					c.ids = append(c.ids, s.id)
				}
				return s.some
			}
		}
	}
	t, k := c.tape, &c.rules.keys
	var system, code []byte
	for m, end := n+1, t.Node(n).Next; m < end; {
		x := t.Node(m)
		switch x.Key {
		case k.system:
			system = c.text(m)
		case k.code:
			code = c.text(m)
		}
		m = x.Next
	}
	s := seenCoding{node: n, some: len(code) > 0 || len(system) > 0}
	if len(code) > 0 {
		if s.id = c.rules.codes.find(system, code); s.id != 0 {
			c.ids = append(c.ids, s.id)
		}
	}
	if c.seenLen < len(c.seen) {
		c.seen[c.seenLen] = s
		c.seenLen++
	}
	if systems && len(system) > 0 {
		c.known(system, nil)
		c.known([]byte(anySystem), nil)
	}
	return s.some
}

// A seenCoding is a Coding whose number is known already: a category is asked
// for by the choice, by a slice and by a pattern.
type seenCoding struct {
	node int32
	id   uint16
	some bool
}

func (c *Checker) known(system, code []byte) {
	if id := c.rules.codes.find(system, code); id != 0 {
		c.ids = append(c.ids, id)
	}
}
