package sqlonfhir

// A Kind is the kind of a [Value].
type Kind uint8

// The kinds of values.
const (
	Null       Kind = iota
	Boolean         // Text is "true" or "false"
	Integer         // Text is a JSON number without fraction and exponent, as sent
	Decimal         // Text is any other JSON number, as sent
	String          // Text is the decoded string: dates, codes and ids are strings too
	Complex         // Text is the JSON text of an object, as sent
	Collection      // Items are the values of a `collection: true` column, perhaps none; such a column is Null in a row that forEachOrNull makes of nothing
)

// A Value is one cell of a row. Its byte slices belong to the [Runner] and to
// the line that it loaded; they are valid until the next Load and must not be
// changed.
type Value struct {
	Kind Kind
	// Text is the value; nil for Null and Collection.
	Text []byte
	// RefType is the target's resource type when the value is a key made by
	// getReferenceKey() or getResourceKey(); else nil.
	RefType []byte
	// Items are the values of a Collection, none of them Null or Collection.
	Items []Value
}
