package sqlonfhir

// A View is a checked ViewDefinition. It is immutable and safe for concurrent
// use.
type View struct {
	Name        string // may be empty
	Resource    string // the FHIR resource type, never empty
	URL         string
	Title       string
	Description string
	Status      string

	columns []Column
	where   []pathDefinition
	selects []*selectDefinition
}

// A Column describes one column of a view's rows.
type Column struct {
	Name        string
	Type        string // FHIR type as declared, such as "dateTime", without the URL before it; empty when not declared
	Collection  bool   // values are of kind Collection
	Path        string // the FHIRPath expression
	Description string
	Tags        []Tag
	// ReferenceKey says that the path ends in getReferenceKey() without a type
	// argument, perhaps in a branch of coalesce or iif, so that the target's
	// type varies: see [Value.RefType].
	ReferenceKey bool
}

// A Tag is a column's tag, such as ansi/type = "VARCHAR".
type Tag struct{ Name, Value string }

// Parse reads one ViewDefinition in JSON and checks all that can be checked
// without a resource. Both spellings, of 2.0.0 and of 3.0.0, are accepted, as
// are views without resourceType, url, name and status. The error is a
// [*DefinitionError].
func Parse(json []byte) (*View, error) {
	v, err := readView(json)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Columns returns the columns in the order of the rows' values. The caller
// must not change them.
func (v *View) Columns() []Column { return v.columns }
