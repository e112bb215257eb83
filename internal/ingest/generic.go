package ingest

import (
	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/generic"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// genericTables are the worker's tables of all types; nil where they are not
// wanted.
type genericTables struct{ codings, references *rows.Writer }

func newGenericTables(o *Options, tables newTable, constant map[string]string) (g genericTables) {
	if o.Generic.Codings {
		g.codings = tables(table.Coding, constant)
	}
	if o.Generic.References {
		g.references = tables(table.Reference, constant)
	}
	return g
}

func (g genericTables) all() (list []*rows.Writer) {
	for _, to := range []*rows.Writer{g.codings, g.references} {
		if to != nil {
			list = append(list, to)
		}
	}
	return list
}

// mark is part of the content hash: rows of a table that is wanted anew come
// with the next line of their resource, changed or not.
func (g Generic) mark() (bits uint64) {
	if g.Codings {
		bits |= 1 << 62
	}
	if g.References {
		bits |= 1 << 63
	}
	return bits
}

// A genericLine is a resource whose codings and references are written.
type genericLine struct {
	resourceType, id, key []byte
	file                  []byte
	number                int64
	tape                  *tape.Tape
}

// write adds the rows of a resource.
func (g genericTables) write(r *generic.Reader, l genericLine) {
	codings, references := r.Read(l.tape)
	if g.codings != nil {
		for i := range codings {
			g.coding(&codings[i], int32(i), &l)
		}
	}
	if g.references != nil {
		for i := range references {
			g.reference(&references[i], int32(i), &l)
		}
	}
}

func (g genericTables) coding(x *generic.Coding, i int32, l *genericLine) {
	c := g.codings.Columns()
	begin(c, x.Path, i, l)
	orNull(c[6], x.System)
	orNull(c[7], x.Code)
	orNull(c[8], x.Display)
	end(c[9:], l)
}

func (g genericTables) reference(x *generic.Reference, i int32, l *genericLine) {
	c := g.references.Columns()
	begin(c, x.Path, i, l)
	orNull(c[6], x.ToType)
	orNull(c[7], x.ToID)
	c[8].(*columnar.Text).Append([]byte(x.Kind))
	end(c[9:], l)
}

// begin writes the columns that both tables begin with, and end the last two.
func begin(c []columnar.Column, path []byte, index int32, l *genericLine) {
	c[0].(*columnar.Const).Append()
	c[1].(*columnar.Text).Append(l.resourceType)
	c[2].(*columnar.Text).Append(l.id)
	c[3].(*columnar.Text).Append(l.key)
	c[4].(*columnar.Text).Append(path)
	c[5].(*columnar.Int32).Append(index)
}

func end(c []columnar.Column, l *genericLine) {
	c[0].(*columnar.Text).Append(l.file)
	c[1].(*columnar.Int64).Append(l.number)
}

func orNull(c columnar.Column, t []byte) {
	if t == nil {
		c.Null()
		return
	}
	c.(*columnar.Text).Append(t)
}
