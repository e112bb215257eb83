package sqlonfhir

import (
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
		typ, id := SplitReference(ref)
		if m.base.Foreign(ref, typ, id) {
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
