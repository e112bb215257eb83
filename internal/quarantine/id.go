package quarantine

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// IDFault says what is wrong with the id of a resource; empty when nothing is.
// id is nil when there is none.
func IDFault(id []byte) string {
	switch {
	case id == nil:
		return ReasonNoID
	case !legalID(id):
		return ReasonBadID
	}
	return ""
}

// legalID reports whether id can name a resource. It is wider than FHIR's id,
// because servers send others: any length, and all characters but those that
// would end the id in a reference.
// https://hl7.org/fhir/R4/datatypes.html#id
func legalID(id []byte) bool {
	for _, c := range id {
		switch {
		case c >= utf8.RuneSelf:
			return !bytes.ContainsFunc(id, cannotBeInID)
		case c <= ' ' || c == '/' || c == 0x7f:
			return false
		}
	}
	return len(id) > 0
}

func cannotBeInID(r rune) bool { return r == '/' || unicode.IsSpace(r) || unicode.IsControl(r) }
