package rows

import (
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// A Misfit says that a value cannot be in a column of its declared type without
// a loss.
type Misfit struct{ View, Column string }

// Error names the view and the column.
func (m *Misfit) Error() string { return "value does not fit column " + m.View + "." + m.Column }

// A Filler puts the rows of one view into the columns of its table. It belongs
// to one goroutine.
type Filler struct {
	// Key is the key of the resource whose rows are added, "Type/id"; Line is
	// its line. They are for tables that have these columns.
	Key  []byte
	Line int64

	to      *Writer
	view    string
	fills   []views.Fill
	scratch []byte
}

// NewFiller makes a filler for the columns of to, which are as the fills say.
func NewFiller(view string, fills []views.Fill, to *Writer) *Filler {
	return &Filler{to: to, view: view, fills: fills}
}

// Add adds one row. After an error the row is not whole and must be dropped;
// the error is a [*Misfit].
func (f *Filler) Add(row []sqlonfhir.Value) error {
	for i := range f.fills {
		fill, c := &f.fills[i], f.to.columns[i]
		switch fill.As {
		case views.Tenant, views.FileName:
			c.(*columnar.Const).Append()
		case views.Key:
			c.(*columnar.Text).Append(f.Key)
		case views.LineCount:
			c.(*columnar.Int64).Append(f.Line)
		case views.Plain, views.Date, views.Time, views.Number, views.RefType:
			if !f.fill(c, fill.As, &row[fill.From]) {
				return &Misfit{f.view, fill.Column.Name}
			}
		default:
			panic(fmt.Sprintf("source %q is not known", fill.As))
		}
	}
	return nil
}

// fill appends a value of the view, and reports whether it fits.
func (f *Filler) fill(c columnar.Column, as views.Source, v *sqlonfhir.Value) bool {
	if v.Kind == sqlonfhir.Null {
		c.Null()
		return true
	}
	switch as {
	case views.Date:
		c.(*columnar.Int32).AppendIf(ParseDate(v.Text))
	case views.Time:
		c.(*columnar.Int64).AppendIf(ParseTime(v.Text))
	case views.Number:
		n, ok := parseDouble(v.Text)
		isNumber := v.Kind == sqlonfhir.Integer || v.Kind == sqlonfhir.Decimal
		c.(*columnar.Double).AppendIf(n, ok && isNumber)
	case views.RefType:
		if v.RefType == nil {
			c.Null()
			return true
		}
		c.(*columnar.Text).Append(v.RefType)
	default:
		return f.fillPlain(c, v)
	}
	return true
}

// fillPlain appends the value itself. A text column takes every value as it
// was sent.
func (f *Filler) fillPlain(c columnar.Column, v *sqlonfhir.Value) bool {
	switch c := c.(type) {
	case *columnar.Text:
		if v.Kind == sqlonfhir.Collection {
			f.scratch = appendArray(f.scratch[:0], v.Items)
			c.Append(f.scratch)
			return true
		}
		c.Append(v.Text)
	case *columnar.Bool:
		if v.Kind != sqlonfhir.Boolean {
			return false
		}
		c.Append(len(v.Text) == len("true"))
	case *columnar.Int32:
		n, ok := parseInt(v.Text, 32)
		if !ok || v.Kind != sqlonfhir.Integer {
			return false
		}
		c.Append(int32(n))
	case *columnar.Int64:
		// integer64 is a string in FHIR's JSON
		n, ok := parseInt(v.Text, 64)
		if !ok || v.Kind != sqlonfhir.Integer && v.Kind != sqlonfhir.String {
			return false
		}
		c.Append(n)
	}
	return true
}
