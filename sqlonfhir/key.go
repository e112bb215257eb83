package sqlonfhir

import (
	"bytes"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// resourceKeyExpr is src.getResourceKey(): the id of a resource.
type resourceKeyExpr struct {
	src              expr
	id, resourceType int32
}

func (b *builder) resourceKey(src expr, at []place) expr {
	for _, p := range at {
		p.want.Member("id")
		p.want.Member("resourceType")
	}
	return &resourceKeyExpr{src, b.shape.Key("id"), b.shape.Key("resourceType")}
}

func (x *resourceKeyExpr) eval(m *machine, in item) error {
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	kept := base
	for _, it := range m.stack[base:] {
		if it.kind != kindObject {
			continue
		}
		id, typ := m.stringMember(it.node, x.id), m.stringMember(it.node, x.resourceType)
		if id != nil && typ != nil {
			m.stack[kept] = m.key(typ, id)
			kept++
		}
	}
	m.stack = m.stack[:kept]
	return nil
}

// key returns the item of a key: an id and the type of what it identifies.
func (m *machine) key(typ, id []byte) item {
	m.keys = append(m.keys, typ)
	return item{kind: kindString, node: -1, text: id, key: int32(len(m.keys))}
}

// stringMember returns the text of a string member; nil when there is none.
func (m *machine) stringMember(n, key int32) []byte {
	if c := m.member(n, key); c >= 0 && m.tape.Node(c).Kind == tape.String {
		return m.tape.Text(c)
	}
	return nil
}

// referenceKeyExpr is src.getReferenceKey(T): the id that a reference names.
type referenceKeyExpr struct {
	src       expr
	reference int32
	typ       string // empty for any
}

func (b *builder) referenceKey(s *syntax, src expr, at []place) expr {
	for _, p := range at {
		p.want.Member("reference")
	}
	x := &referenceKeyExpr{src: src, reference: b.shape.Key("reference")}
	if len(s.args) == 1 {
		x.typ = s.args[0].name
	}
	return x
}

func (x *referenceKeyExpr) eval(m *machine, in item) error {
	base := len(m.stack)
	if err := x.src.eval(m, in); err != nil {
		return err
	}
	kept := base
	for _, it := range m.stack[base:] {
		if it.kind != kindObject {
			continue
		}
		ref := m.stringMember(it.node, x.reference)
		typ, id := splitReference(ref)
		if m.base.foreign(ref, typ, id) {
			id = ref
		}
		if typ != nil && (x.typ == "" || string(typ) == x.typ) {
			m.stack[kept] = m.key(typ, id)
			kept++
		}
	}
	m.stack = m.stack[:kept]
	return nil
}

// splitReference returns the type and id of a relative or absolute literal
// reference, without its version; nil when it is of another form: contained,
// a URN, conditional, or without a type.
func splitReference(ref []byte) (typ, id []byte) {
	if bytes.IndexByte(ref, '#') >= 0 || bytes.IndexByte(ref, '?') >= 0 {
		return nil, nil
	}
	rest, id := lastSegment(ref)
	rest, typ = lastSegment(rest)
	if string(typ) == "_history" {
		rest, id = lastSegment(rest)
		_, typ = lastSegment(rest)
	}
	if !isTypeName(typ) || len(id) == 0 {
		return nil, nil
	}
	return typ, id[:len(id):len(id)]
}

// lastSegment splits a path at its last slash.
func lastSegment(path []byte) (rest, last []byte) {
	i := bytes.LastIndexByte(path, '/')
	if i < 0 {
		return nil, path
	}
	return path[:i], path[i+1:]
}

// isTypeName reports whether s looks like the name of a resource type.
func isTypeName(s []byte) bool {
	for _, c := range s {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return len(s) > 0 && isUpper(s[0])
}

// origin is a FHIR base URL, taken apart for comparison. The zero value is no
// base.
type origin struct{ server, path []byte }

// newOrigin takes a base URL with or without a slash at its end.
func newOrigin(base string) origin {
	server, path := splitServer(bytes.TrimRight([]byte(base), "/"))
	return origin{server, path}
}

// foreign reports whether ref, which names a type and an id, is absolute and
// not rooted at the base.
func (o origin) foreign(ref, typ, id []byte) bool {
	if o.server == nil || typ == nil {
		return false
	}
	server, path := splitServer(ref)
	if server == nil {
		return false
	}
	if !bytes.EqualFold(server, o.server) {
		return true
	}
	rest := path
	for _, part := range [][]byte{o.path, slash, typ, slash, id} {
		var below bool
		if rest, below = bytes.CutPrefix(rest, part); !below {
			return true
		}
	}
	return len(rest) > 0 && !bytes.HasPrefix(rest, history)
}

var slash, history = []byte("/"), []byte("/_history/")

// splitServer splits an absolute URL before its path. The server is nil when
// ref is relative.
func splitServer(ref []byte) (server, path []byte) {
	i := bytes.Index(ref, []byte("://"))
	if i < 0 {
		return nil, ref
	}
	i += len("://")
	if end := bytes.IndexByte(ref[i:], '/'); end >= 0 {
		return ref[: i+end : i+end], ref[i+end:]
	}
	return ref, nil
}
