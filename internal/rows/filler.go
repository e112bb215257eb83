package rows

import (
	"bytes"
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
	// its line; File is the raw file that has it. They are for tables that have
	// these columns, and File for those in which it is not constant.
	Key  []byte
	Line int64
	File []byte

	view string

	// The columns by how they are filled.
	constants []*columnar.Const
	files     []*columnar.Text
	keys      []*columnar.Text
	lines     []*columnar.Int64
	texts     []cell[*columnar.Text]
	refTypes  []cell[*columnar.Text]
	booleans  []cell[*columnar.Bool]
	int32s    []cell[*columnar.Int32]
	int64s    []cell[*columnar.Int64]
	numbers   []cell[*columnar.Double]
	dates     []remembered[*columnar.Int32, int32]
	times     []remembered[*columnar.Int64, int64]

	scratch []byte
}

// A cell is a column that is filled from a column of the view.
type cell[C columnar.Column] struct {
	to   C
	from int
	name string
}

// A remembered cell knows what the text before meant: dates and times come in
// runs.
type remembered[C columnar.Column, V any] struct {
	cell[C]
	text  []byte
	value V
	ok    bool
}

// NewFiller makes a filler for the columns of to, which are as the fills say.
func NewFiller(view string, fills []views.Fill, to *Writer) *Filler {
	f := &Filler{view: view}
	for i := range fills {
		f.place(&fills[i], to.columns[i])
	}
	return f
}

// place puts one column to those that are filled alike.
func (f *Filler) place(fill *views.Fill, c columnar.Column) {
	from, name := fill.From, fill.Column.Name
	switch fill.As {
	case views.Tenant, views.FileName:
		if c, ok := c.(*columnar.Text); ok && fill.As == views.FileName {
			f.files = append(f.files, c)
			return
		}
		f.constants = append(f.constants, c.(*columnar.Const))
	case views.Key:
		f.keys = append(f.keys, c.(*columnar.Text))
	case views.LineCount:
		f.lines = append(f.lines, c.(*columnar.Int64))
	case views.Date:
		f.dates = append(f.dates, remembered[*columnar.Int32, int32]{cell: cell[*columnar.Int32]{c.(*columnar.Int32), from, name}})
	case views.Time:
		f.times = append(f.times, remembered[*columnar.Int64, int64]{cell: cell[*columnar.Int64]{c.(*columnar.Int64), from, name}})
	case views.Number:
		f.numbers = append(f.numbers, cell[*columnar.Double]{c.(*columnar.Double), from, name})
	case views.RefType:
		f.refTypes = append(f.refTypes, cell[*columnar.Text]{c.(*columnar.Text), from, name})
	case views.Plain:
		f.placePlain(c, from, name)
	default:
		panic(fmt.Sprintf("source %q is not known", fill.As))
	}
}

func (f *Filler) placePlain(c columnar.Column, from int, name string) {
	switch c := c.(type) {
	case *columnar.Text:
		f.texts = append(f.texts, cell[*columnar.Text]{c, from, name})
	case *columnar.Bool:
		f.booleans = append(f.booleans, cell[*columnar.Bool]{c, from, name})
	case *columnar.Int32:
		f.int32s = append(f.int32s, cell[*columnar.Int32]{c, from, name})
	case *columnar.Int64:
		f.int64s = append(f.int64s, cell[*columnar.Int64]{c, from, name})
	default:
		panic(fmt.Sprintf("column %s has no values of a view", name))
	}
}

// Add adds one row. After an error the row is not whole and must be dropped;
// the error is a [*Misfit].
func (f *Filler) Add(row []sqlonfhir.Value) error {
	for _, c := range f.constants {
		c.Append()
	}
	for _, c := range f.files {
		c.Append(f.File)
	}
	for _, c := range f.keys {
		c.Append(f.Key)
	}
	for _, c := range f.lines {
		c.Append(f.Line)
	}
	f.addTexts(row)
	f.addTimes(row)
	if misfit := f.addTyped(row); misfit != "" {
		return &Misfit{f.view, misfit}
	}
	return nil
}

// addTexts adds the values of the text columns, which take every value as it
// was sent.
func (f *Filler) addTexts(row []sqlonfhir.Value) {
	for i := range f.texts {
		c := &f.texts[i]
		switch v := &row[c.from]; v.Kind {
		case sqlonfhir.Null:
			c.to.Null()
		case sqlonfhir.Collection:
			f.scratch = appendArray(f.scratch[:0], v.Items)
			c.to.Append(f.scratch)
		default:
			c.to.Append(v.Text)
		}
	}
	for i := range f.refTypes {
		c := &f.refTypes[i]
		if v := &row[c.from]; v.Kind != sqlonfhir.Null && v.RefType != nil {
			c.to.Append(v.RefType)
			continue
		}
		c.to.Null()
	}
}

// addTimes adds the dates and times.
func (f *Filler) addTimes(row []sqlonfhir.Value) {
	for i := range f.dates {
		c := &f.dates[i]
		v := &row[c.from]
		if v.Kind == sqlonfhir.Null {
			c.to.Null()
			continue
		}
		if !bytes.Equal(v.Text, c.text) {
			c.text = append(c.text[:0], v.Text...)
			c.value, c.ok = ParseDate(v.Text)
		}
		c.to.AppendIf(c.value, c.ok)
	}
	for i := range f.times {
		c := &f.times[i]
		v := &row[c.from]
		if v.Kind == sqlonfhir.Null {
			c.to.Null()
			continue
		}
		if !bytes.Equal(v.Text, c.text) {
			c.text = append(c.text[:0], v.Text...)
			c.value, c.ok = ParseTime(v.Text)
		}
		c.to.AppendIf(c.value, c.ok)
	}
}

// addTyped adds the values of the other typed columns, and names one whose
// value does not fit.
func (f *Filler) addTyped(row []sqlonfhir.Value) (misfit string) {
	for i := range f.numbers {
		c := &f.numbers[i]
		v := &row[c.from]
		isNumber := v.Kind == sqlonfhir.Integer || v.Kind == sqlonfhir.Decimal
		if !isNumber {
			c.to.Null()
			continue
		}
		c.to.AppendIf(parseDouble(v.Text))
	}
	for i := range f.booleans {
		c := &f.booleans[i]
		switch v := &row[c.from]; v.Kind {
		case sqlonfhir.Null:
			c.to.Null()
		case sqlonfhir.Boolean:
			c.to.Append(len(v.Text) == len("true"))
		default:
			return c.name
		}
	}
	return f.addIntegers(row)
}

func (f *Filler) addIntegers(row []sqlonfhir.Value) (misfit string) {
	for i := range f.int32s {
		c := &f.int32s[i]
		v := &row[c.from]
		if v.Kind == sqlonfhir.Null {
			c.to.Null()
			continue
		}
		n, ok := parseInt(v.Text, 32)
		if !ok || v.Kind != sqlonfhir.Integer {
			return c.name
		}
		c.to.Append(int32(n))
	}
	for i := range f.int64s {
		c := &f.int64s[i]
		v := &row[c.from]
		if v.Kind == sqlonfhir.Null {
			c.to.Null()
			continue
		}
		// integer64 is a string in FHIR's JSON
		n, ok := parseInt(v.Text, 64)
		if !ok || v.Kind != sqlonfhir.Integer && v.Kind != sqlonfhir.String {
			return c.name
		}
		c.to.Append(n)
	}
	return ""
}
