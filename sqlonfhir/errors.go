package sqlonfhir

import "fmt"

// A DefinitionError says what is wrong with a ViewDefinition and where.
type DefinitionError struct {
	// Place is the path of the faulty element, such as
	// "select[0].column[2].path"; empty for the view as a whole.
	Place string
	// Reason is a sentence without a full stop.
	Reason string
}

func (e *DefinitionError) Error() string {
	if e.Place == "" {
		return "view definition: " + e.Reason
	}
	return fmt.Sprintf("view definition: %s: %s", e.Place, e.Reason)
}

// The reasons of an [EvalError].
const (
	ReasonManyValues   = "many_values"   // more than one value where one is allowed
	ReasonNotBoolean   = "not_boolean"   // a criterion that is not true, false or empty
	ReasonIncomparable = "incomparable"  // operands of an operator that do not fit together
	ReasonTooDeep      = "too_deep"      // a repeat that does not end
	ReasonTooManyRows  = "too_many_rows" // more than MaxRows rows of one resource
)

// An EvalError says that a view cannot be evaluated over a resource. It holds
// nothing of the resource's content.
type EvalError struct {
	View   string // the view's name
	Column string // the column's name; empty outside of columns
	Place  string // where in the view, such as "select[0].column[2].path"; empty for the view as a whole
	Reason string // one of the Reason constants
}

func (e *EvalError) Error() string {
	if e.Place == "" {
		return fmt.Sprintf("evaluate view %s: %s", e.View, e.Reason)
	}
	return fmt.Sprintf("evaluate view %s: %s: %s", e.View, e.Place, e.Reason)
}
