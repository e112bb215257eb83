package rows

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// AppendJSON writes one value as JSON, numbers and objects as they were sent.
func AppendJSON(dst []byte, v *sqlonfhir.Value) []byte {
	switch v.Kind {
	case sqlonfhir.Null:
		return append(dst, "null"...)
	case sqlonfhir.Collection:
		return appendArray(dst, v.Items)
	case sqlonfhir.String:
		return appendQuoted(dst, v.Text)
	}
	return append(dst, v.Text...)
}

func appendArray(dst []byte, items []sqlonfhir.Value) []byte {
	dst = append(dst, '[')
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSON(dst, &items[i])
	}
	return append(dst, ']')
}

// appendQuoted writes text, which is valid UTF-8, as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	dst, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		panic("text of a checked line is not UTF-8") // the scanner refuses such lines
	}
	return dst
}
