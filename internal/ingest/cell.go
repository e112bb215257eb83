package ingest

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/go-json-experiment/json/jsontext"
)

// errMisfit means that a value cannot be in a column of its declared type
// without a loss.
var errMisfit = errors.New("value does not fit the column's type")

func newColumn(t table.Type) column {
	switch t {
	case table.Boolean:
		return &boolColumn{}
	case table.Int32:
		return &fixedColumn[int32]{kind: arrow.PrimitiveTypes.Int32}
	case table.Int64:
		return &fixedColumn[int64]{kind: arrow.PrimitiveTypes.Int64}
	case table.Double:
		return &fixedColumn[float64]{kind: arrow.PrimitiveTypes.Float64}
	case table.Date:
		return &fixedColumn[int32]{kind: arrow.FixedWidthTypes.Date32}
	case table.Timestamp:
		return &fixedColumn[int64]{kind: arrow.FixedWidthTypes.Timestamp_us}
	}
	return newTextColumn()
}

// fill appends the value v to the column c as f says.
func fill(c column, as views.Source, v *sqlonfhir.Value, scratch *[]byte) error {
	if v.Kind == sqlonfhir.Null {
		c.null()
		return nil
	}
	switch as {
	case views.Plain:
		return fillPlain(c, v, scratch)
	case views.Date:
		day, ok := parseDate(v.Text)
		appendOrNull(c.(*fixedColumn[int32]), day, ok)
	case views.Time:
		at, ok := parseTime(v.Text)
		appendOrNull(c.(*fixedColumn[int64]), at, ok)
	case views.Number:
		f, ok := parseDouble(v.Text)
		isNumber := v.Kind == sqlonfhir.Integer || v.Kind == sqlonfhir.Decimal
		appendOrNull(c.(*fixedColumn[float64]), f, ok && isNumber)
	case views.RefType:
		if v.RefType == nil {
			c.null()
			return nil
		}
		c.(*textColumn).append(v.RefType)
	}
	return nil
}

func appendOrNull[T arrow.FixedWidthType](c *fixedColumn[T], v T, ok bool) {
	if !ok {
		c.null()
		return
	}
	c.append(v)
}

// fillPlain appends the value itself. A text column takes every value as it
// was sent.
func fillPlain(c column, v *sqlonfhir.Value, scratch *[]byte) error {
	switch c := c.(type) {
	case *textColumn:
		if v.Kind == sqlonfhir.Collection {
			*scratch = appendArray((*scratch)[:0], v.Items)
			c.append(*scratch)
			return nil
		}
		c.append(v.Text)
	case *boolColumn:
		if v.Kind != sqlonfhir.Boolean {
			return errMisfit
		}
		c.append(len(v.Text) == len("true"))
	case *fixedColumn[int32]:
		n, ok := parseInt(v.Text, 32)
		if !ok || v.Kind != sqlonfhir.Integer {
			return errMisfit
		}
		c.append(int32(n))
	case *fixedColumn[int64]:
		// integer64 is a string in FHIR's JSON
		n, ok := parseInt(v.Text, 64)
		if !ok || v.Kind != sqlonfhir.Integer && v.Kind != sqlonfhir.String {
			return errMisfit
		}
		c.append(n)
	}
	return nil
}

// appendArray writes values as a JSON array, numbers and objects as sent.
func appendArray(dst []byte, items []sqlonfhir.Value) []byte {
	dst = append(dst, '[')
	for i := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSON(dst, &items[i])
	}
	return append(dst, ']')
}

// appendJSON writes one value as JSON.
func appendJSON(dst []byte, v *sqlonfhir.Value) []byte {
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

// appendQuoted writes text, which is valid UTF-8, as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	dst, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		panic("text of a checked line is not UTF-8") // the scanner refuses such lines
	}
	return dst
}
