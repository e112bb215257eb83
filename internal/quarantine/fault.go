package quarantine

import (
	"bytes"
	"errors"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// SyntaxReason names what is wrong with a line that cannot be read; err is that
// of tape.Parse.
func SyntaxReason(err error) string {
	if s, ok := errors.AsType[*tape.SyntaxError](err); ok {
		return ReasonJSON + s.Reason
	}
	return ReasonJSON + tape.ReasonSyntax
}

// ResourceFault says what is wrong with a line of valid JSON, not blank, as a
// resource of any type; empty when nothing is. resourceType is nil when there
// is none.
func ResourceFault(resourceType, line []byte) string {
	switch {
	case resourceType == nil && bytes.TrimLeft(line, " \t\r")[0] != '{':
		return ReasonNoObject
	case resourceType == nil:
		return ReasonNoType
	case !fhir.IsTypeName(string(resourceType)):
		return ReasonBadType
	}
	return ""
}
