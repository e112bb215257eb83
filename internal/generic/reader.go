package generic

import (
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// maxPaths bounds the paths that a reader remembers between two resources.
const maxPaths = 4096

// A Coding is one coding of a resource. Its texts are valid until the tape
// parses again and must not be changed; nil means that there is none.
type Coding struct {
	Path    []byte // of the Coding, without indexes: "component.code.coding"
	System  []byte
	Code    []byte // never empty: a Coding without a code is none
	Display []byte
}

// A Reader reads resources one after the other, for one goroutine. It
// allocates nothing once it has met the paths that its resources have.
type Reader struct {
	places *Places
	base   sqlonfhir.Base

	tape       *tape.Tape
	codings    []Coding
	references []Reference

	root      place
	paths     int
	text      []byte // tokens of identifiers, of the current resource
	contained int32  // the node of the root's member; -1 without one
}

// A place is a path that a reader has met.
type place struct {
	path   []byte
	of     *element
	next   []step
	byType map[string]*place // where a resource of any type may stand
}

// A step leads from a place to that of a member; to is nil where nothing
// counts.
type step struct {
	key int32
	to  *place
}

// NewReader returns a reader of tapes that were parsed with the shape of p.
// base is the FHIR base URL of the server that the resources come from: an
// absolute reference below it is folded to a key of that server. With an empty
// base every absolute reference is.
func (p *Places) NewReader(base string) *Reader {
	r := &Reader{places: p, base: sqlonfhir.NewBase(base)}
	r.root.of = p.root
	return r
}

// Read returns the codings and the references of the resource on t, in the
// order of the text. Both are valid until the next Read.
func (r *Reader) Read(t *tape.Tape) ([]Coding, []Reference) {
	r.tape, r.codings, r.references, r.text = t, r.codings[:0], r.references[:0], r.text[:0]
	if r.paths > maxPaths { // a sender's depth does not become our memory
		r.root, r.paths = place{of: r.places.root}, 0
	}
	if r.places.root != nil && t.Len() > 0 && t.Node(0).Kind == tape.Object {
		r.contained = t.Member(0, r.places.key.contained)
		r.object(0, &r.root)
	}
	return r.codings, r.references
}

// object reads one object and what is below it.
func (r *Reader) object(n int32, at *place) {
	switch at.of.is {
	case coding:
		if !r.coding(n, at) {
			return
		}
	case reference:
		r.reference(n, at)
	case resource:
		if at = r.typed(n, at); at == nil {
			return
		}
	case other: // nothing but members
	}
	hint := 0
	for c, end := n+1, r.tape.Node(n).Next; c < end; {
		x := r.tape.Node(c)
		if x.Kind >= tape.Array && x.Key >= 0 {
			if to := r.member(at, x.Key, &hint); to != nil {
				r.value(c, to)
			}
		}
		c = x.Next
	}
}

// value reads an object, or the objects of an array.
func (r *Reader) value(n int32, at *place) {
	x := r.tape.Node(n)
	if x.Kind == tape.Object {
		r.object(n, at)
		return
	}
	for c, end := n+1, x.Next; c < end; c = r.tape.Node(c).Next {
		if r.tape.Node(c).Kind >= tape.Array {
			r.value(c, at)
		}
	}
}

// member returns the place of a member. Resources of one sender have their
// members in one order: hint is the step that is looked at first.
func (r *Reader) member(at *place, key int32, hint *int) *place {
	for i := range at.next {
		if i += *hint; i >= len(at.next) {
			i -= len(at.next)
		}
		if at.next[i].key == key {
			*hint = i + 1
			return at.next[i].to
		}
	}
	s := step{key: key}
	if int(key) < len(r.places.names) {
		name := r.places.names[key]
		if of := r.places.elements.member(at.of, name); of != nil {
			s.to = r.place(at, name, of)
		}
	}
	at.next = append(at.next, s)
	*hint = len(at.next)
	return s.to
}

// place returns a new place below another one.
func (r *Reader) place(above *place, name string, of *element) *place {
	r.paths++
	path := make([]byte, 0, len(above.path)+1+len(name))
	if len(above.path) > 0 {
		path = append(append(path, above.path...), '.')
	}
	path = append(path, name...)
	return &place{path: path[:len(path):len(path)], of: of}
}

// typed returns the place of a resource within a resource, by its type; nil
// when R4 does not know the type.
func (r *Reader) typed(n int32, at *place) *place {
	name := r.string(n, r.places.key.resourceType)
	if to, known := at.byType[string(name)]; known {
		return to
	}
	of := r.places.elements.types[string(name)]
	if of == nil || of.is != other || !of.backbone {
		return nil
	}
	if at.byType == nil {
		at.byType = make(map[string]*place)
	}
	r.paths++
	to := &place{path: at.path, of: of}
	at.byType[string(name)] = to
	return to
}

// coding adds the coding at n, if it has a code, and reports whether there is
// more below it: an extension.
func (r *Reader) coding(n int32, at *place) (more bool) {
	k := &r.places.key
	x := Coding{Path: at.path}
	for c, end := n+1, r.tape.Node(n).Next; c < end; {
		m := r.tape.Node(c)
		switch {
		case m.Kind != tape.String:
			more = more || m.Kind >= tape.Array
		case m.Start == m.End: // an empty text is none
		case m.Key == k.system:
			x.System = r.tape.Text(c)
		case m.Key == k.code:
			x.Code = r.tape.Text(c)
		case m.Key == k.display:
			x.Display = r.tape.Text(c)
		}
		c = m.Next
	}
	if x.Code != nil {
		r.codings = append(r.codings, x)
	}
	return more
}

// string returns the text of a member that is a string; nil when there is none
// or it is empty.
func (r *Reader) string(n, key int32) []byte {
	c := r.tape.Member(n, key)
	if c < 0 {
		return nil
	}
	if x := r.tape.Node(c); x.Kind != tape.String || x.Start == x.End {
		return nil
	}
	return r.tape.Text(c)
}
