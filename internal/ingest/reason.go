package ingest

import (
	"errors"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// The reasons for which a line is refused. They stand in the quarantine and
// in Summary.ByReason, and never change their meaning.
const (
	// ReasonJSON and a reason of package tape, such as
	// "invalid_json:duplicate_key": the line is not one strict JSON text.
	ReasonJSON = "invalid_json:"
	// ReasonNoObject: the line is JSON, but not an object.
	ReasonNoObject = "not_an_object"
	// ReasonNoType: resourceType is absent or not a string.
	ReasonNoType = "resource_type_missing"
	// ReasonBadType: resourceType has not the shape of a type's name.
	ReasonBadType = "resource_type_invalid"
	// ReasonNotPermitted: the resource is of a type that the agreement does not
	// permit, whatever the manifest says.
	ReasonNotPermitted = "type_not_permitted"
	// ReasonOutcome: an OperationOutcome among the resources of an output file.
	// Its issues are counted in Summary.Outcomes.
	ReasonOutcome = "operation_outcome"
	// ReasonNoID: id is absent or not a string.
	ReasonNoID = "id_missing"
	// ReasonBadID: id is empty, or has a slash, white space or a control character.
	ReasonBadID = "id_invalid"
	// ReasonView and "<view>.<column>", or the view alone: its value cannot be
	// had, or cannot be in a column of the declared type.
	ReasonView = "view_error:"
	// ReasonOverLong: the line is longer than Options.MaxLine.
	ReasonOverLong = "over_long"
	// ReasonNoBundle: a line of a deleted file is not a Bundle of type transaction.
	ReasonNoBundle = "deletion_not_a_transaction"
	// ReasonMethod: an entry of such a Bundle has another method than DELETE.
	ReasonMethod = "deletion_method"
	// ReasonURL: an entry's url is not a type and an id, relative or rooted at
	// the base of the server that exports.
	ReasonURL = "deletion_url"
	// ReasonNoOutcome: a line of an error file is not an OperationOutcome.
	ReasonNoOutcome = "outcome_invalid"
)

// jsonReason names what is wrong with a line that cannot be read.
func jsonReason(err error) string {
	if s, ok := errors.AsType[*tape.SyntaxError](err); ok {
		return ReasonJSON + s.Reason
	}
	return ReasonJSON + tape.ReasonSyntax
}

// viewReason names the view and column at which err stopped.
func viewReason(err error) (string, bool) {
	e, ok := errors.AsType[*sqlonfhir.EvalError](err)
	if !ok {
		return "", false
	}
	if e.Column == "" {
		return ReasonView + e.View, true
	}
	return ReasonView + e.View + "." + e.Column, true
}
