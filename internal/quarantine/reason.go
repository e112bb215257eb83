package quarantine

import "strings"

// The reasons for which a line is refused. They stand in quarantine files, in
// the ledger and in reports, and never change their meaning; what each means
// is in the table of Meanings.
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
	// ReasonSensitive begins the reason of a resource whose security labels are of
	// a category that the agreement does not permit; the category follows.
	ReasonSensitive = "sensitive:"
	// ReasonTooEarly: the service ended before the earliest date of the agreement.
	ReasonTooEarly = "before_service_date"
	// ReasonOutcome: an OperationOutcome among the resources of an output file.
	ReasonOutcome = "operation_outcome"
	// ReasonNoID: id is absent or not a string.
	ReasonNoID = "id_missing"
	// ReasonBadID: id is empty, or has a slash, white space or a control character.
	ReasonBadID = "id_invalid"
	// ReasonView and "<view>.<column>", or the view alone: its value cannot be
	// had, or cannot be in a column of the declared type.
	ReasonView = "view_error:"
	// ReasonProfile and the name of a rule: the resource breaks it, and the
	// configuration wants such resources kept from the sinks.
	ReasonProfile = "profile_error:"
	// ReasonOverLong: the line is longer than is parsed.
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

// Withheld reports whether a line was refused for a reason because the agreement
// does not permit to hold it, whatever it is like: it is no fault of anybody's,
// and of its resource nothing may be kept.
func Withheld(reason string) bool {
	return reason == ReasonNotPermitted || Removes(reason)
}

// Removes reports whether a line that was refused for a reason says of its
// resource that nothing of it may be held: destinations let go of what they have.
func Removes(reason string) bool {
	return reason == ReasonTooEarly || strings.HasPrefix(reason, ReasonSensitive)
}
