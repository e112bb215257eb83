package sqlonfhir

import "bytes"

// SplitReference returns the type and id of a relative or absolute literal
// reference, without its version; nil when it is of another form: contained,
// a URN, conditional, or without a type. Both are parts of ref.
// https://hl7.org/fhir/R4/references.html#literal
func SplitReference(ref []byte) (typ, id []byte) {
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

// A Base is the FHIR base URL of a server, taken apart for comparison. The zero
// value is no base.
type Base struct{ server, path []byte }

// NewBase takes a base URL with or without a slash at its end.
func NewBase(url string) Base {
	server, path := splitServer(bytes.TrimRight([]byte(url), "/"))
	return Base{server, path}
}

// Foreign reports whether ref, of which [SplitReference] gave the type and the
// id, is absolute and not rooted at the base: it names a resource of another
// server. Without a base nothing is foreign.
func (b Base) Foreign(ref, typ, id []byte) bool {
	if b.server == nil || typ == nil {
		return false
	}
	server, path := splitServer(ref)
	if server == nil {
		return false
	}
	if !bytes.EqualFold(server, b.server) {
		return true
	}
	rest := path
	for _, part := range [][]byte{b.path, slash, typ, slash, id} {
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
