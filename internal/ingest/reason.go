package ingest

import (
	"errors"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// jsonReason names what is wrong with a line that cannot be read.
func jsonReason(err error) string {
	if s, ok := errors.AsType[*tape.SyntaxError](err); ok {
		return quarantine.ReasonJSON + s.Reason
	}
	return quarantine.ReasonJSON + tape.ReasonSyntax
}

// viewReason names the view and column at which err stopped.
func viewReason(err error) (string, bool) {
	e, ok := errors.AsType[*sqlonfhir.EvalError](err)
	if !ok {
		return "", false
	}
	if e.Column == "" {
		return quarantine.ReasonView + e.View, true
	}
	return quarantine.ReasonView + e.View + "." + e.Column, true
}
