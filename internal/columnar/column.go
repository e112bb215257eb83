// Package columnar gathers the values of a table's columns for one row group
// at a time, in Arrow's layout: validity bitmaps, fixed-width values, and texts
// with a dictionary that is made as they come.
//
// It never reads or writes a file, and knows nothing of where values come from.
//
// The layout is https://arrow.apache.org/docs/format/Columnar.html.
package columnar

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A Column gathers the values of one column for one row group. Values are
// added by the methods Append of the types below. Its memory is used again for
// the next row group; it belongs to one goroutine.
type Column interface {
	// Null adds a row without a value. A constant has none: it panics.
	Null()
	// Len returns the number of rows.
	Len() int
	// Size returns roughly how many bytes the rows take.
	Size() int
	// Truncate forgets the rows from n on, which is at most Len.
	Truncate(n int)
	// Validity says which rows have a value. Its bits are there only when some
	// row has none; they are the column's own, and valid until it changes.
	Validity() *Bitmap
	// Array borrows the column's memory: it is valid until the column changes.
	// The caller releases it.
	Array() arrow.Array
	// Reset forgets all rows and begins the next row group.
	Reset()
}

var (
	_ Column = (*Text)(nil)
	_ Column = (*Bool)(nil)
	_ Column = (*Int32)(nil)
	_ Column = (*Int64)(nil)
	_ Column = (*Double)(nil)
	_ Column = (*Const)(nil)
)

// NewColumn makes an empty column for values of type t: an *[Int32] also for
// dates, an *[Int64] also for timestamps.
func NewColumn(t table.Type) Column {
	switch t {
	case table.Boolean:
		return &Bool{}
	case table.Int32, table.Date:
		return &Int32{kind: ArrowType(t)}
	case table.Int64, table.Timestamp:
		return &Int64{kind: ArrowType(t)}
	case table.Double:
		return &Double{kind: ArrowType(t)}
	case table.Text:
	}
	return newText()
}

// ArrowType returns the Arrow type of the values of a column of type t. That
// some arrays of texts have a dictionary is not part of it.
func ArrowType(t table.Type) arrow.DataType {
	switch t {
	case table.Boolean:
		return arrow.FixedWidthTypes.Boolean
	case table.Int32:
		return arrow.PrimitiveTypes.Int32
	case table.Int64:
		return arrow.PrimitiveTypes.Int64
	case table.Double:
		return arrow.PrimitiveTypes.Float64
	case table.Date:
		return arrow.FixedWidthTypes.Date32
	case table.Timestamp:
		return arrow.FixedWidthTypes.Timestamp_us
	case table.Text:
	}
	return arrow.BinaryTypes.String
}
