package rows

import (
	"errors"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// Reason names the view and the column at which err, of a view's rows or of a
// Filler, stopped. It reports false for an error that is not a line's fault.
func Reason(err error) (string, bool) {
	if m, ok := errors.AsType[*Misfit](err); ok {
		return quarantine.ReasonView + m.View + "." + m.Column, true
	}
	e, ok := errors.AsType[*sqlonfhir.EvalError](err)
	switch {
	case !ok:
		return "", false
	case e.Column == "":
		return quarantine.ReasonView + e.View, true
	}
	return quarantine.ReasonView + e.View + "." + e.Column, true
}
