package generic

import (
	"bytes"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// A Kind says in which form a reference names its target.
type Kind string

// The kinds of references.
const (
	Relative    Kind = "relative"    // Patient/123
	Absolute    Kind = "absolute"    // a URL of the same server; ToID is the id there
	Foreign     Kind = "foreign"     // any other URL; ToID is the whole of it
	Contained   Kind = "contained"   // #x, in the same resource; ToID is "#x"
	URN         Kind = "urn"         // urn:uuid:... or urn:oid:...; ToID is the whole of it
	Conditional Kind = "conditional" // Patient?identifier=...; ToID is the whole of it
	Logical     Kind = "logical"     // an identifier only; ToID is it, as "system|value"
	Other       Kind = "other"       // anything else; ToID is the whole of it
)

// A Reference is one reference of a resource. Its texts are valid until the
// tape parses again, or the reader reads, and must not be changed.
type Reference struct {
	Path   []byte // of the Reference, without indexes: "participant.individual"
	ToType []byte // nil when neither the reference nor its type element says it
	ToID   []byte // never nil; a version is left out
	Kind   Kind
}

// reference adds the reference at n. One that has neither a reference nor an
// identifier's value, such as a display alone, names nothing.
func (r *Reader) reference(n int32, at *place) {
	k := &r.places.key
	x := Reference{Path: at.path, ToID: r.string(n, k.reference)}
	if x.ToID != nil {
		r.target(&x)
	} else {
		x.ToID, x.Kind = r.token(r.tape.Member(n, k.identifier)), Logical
	}
	if x.ToID == nil {
		return
	}
	if x.ToType == nil {
		x.ToType = r.string(n, k.typ)
	}
	r.references = append(r.references, x)
}

// target finds kind, type and id of a reference whose ToID is its text.
func (r *Reader) target(x *Reference) {
	ref := x.ToID
	typ, id := sqlonfhir.SplitReference(ref)
	absolute := bytes.Contains(ref, scheme)
	switch {
	case ref[0] == '#':
		x.Kind, x.ToType = Contained, r.containedType(ref[1:])
	case bytes.HasPrefix(ref, urn):
		x.Kind = URN
	case absolute && (typ == nil || r.base.Foreign(ref, typ, id)):
		x.Kind, x.ToType = Foreign, typ
	case typ != nil:
		x.Kind, x.ToType, x.ToID = Relative, typ, id
		if absolute {
			x.Kind = Absolute
		}
	case bytes.IndexByte(ref, '?') >= 0:
		x.Kind = Conditional
		if typ = ref[:bytes.IndexByte(ref, '?')]; fhir.IsTypeName(string(typ)) {
			x.ToType = typ
		}
	default:
		x.Kind = Other
	}
}

// containedType returns the type of the contained resource with that id, or of
// the resource itself for the empty id.
func (r *Reader) containedType(id []byte) []byte {
	k := &r.places.key
	if len(id) == 0 {
		return r.string(0, k.resourceType)
	}
	if r.contained < 0 {
		return nil
	}
	for c, end := r.contained+1, r.tape.Node(r.contained).Next; c < end; c = r.tape.Node(c).Next {
		if bytes.Equal(r.string(c, k.id), id) {
			return r.string(c, k.resourceType)
		}
	}
	return nil
}

// token returns an identifier as FHIR's search writes it; nil without a value.
func (r *Reader) token(identifier int32) []byte {
	if identifier < 0 || r.tape.Node(identifier).Kind != tape.Object {
		return nil
	}
	k := &r.places.key
	value := r.string(identifier, k.value)
	if value == nil {
		return nil
	}
	from := len(r.text)
	r.text = append(append(append(r.text, r.string(identifier, k.system)...), '|'), value...)
	return r.text[from:len(r.text):len(r.text)]
}

var urn, scheme = []byte("urn:"), []byte("://")
