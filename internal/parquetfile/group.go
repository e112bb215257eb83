package parquetfile

import (
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A Group encodes row groups of one table, one after the other, apart from any
// file: several goroutines with a Group each can fill one [File]. Groups of one
// goroutine may share a [Scratch].
type Group struct {
	table   table.Table
	scratch *Scratch
	habits  []habits // by column

	rows   int
	chunks []chunk // by column; their bytes are in scratch.out
}

// NewGroup makes a group that works with the memory of s.
func NewGroup(t table.Table, s *Scratch) *Group {
	return &Group{table: t, scratch: s, habits: make([]habits, len(t.Columns)), chunks: make([]chunk, len(t.Columns))}
}

// Encode encodes the rows of the columns, of which there is one for each of the
// table's. They are only borrowed. What it makes is in the memory of the
// Scratch, until that is used again.
func (g *Group) Encode(columns []columnar.Column) error {
	s := g.scratch
	if err := s.prepare(); err != nil {
		return fmt.Errorf("start row group of %s: %w", g.table.Name, err)
	}
	g.rows = columns[0].Len()
	if g.rows == 0 {
		return nil
	}
	for i, c := range columns {
		g.chunks[i] = chunk{
			scratch: s, rows: g.rows, kind: physical(g.table.Columns[i].Type), habits: &g.habits[i],
			dictionaryAt: -1, valuesAt: -1,
		}
		g.chunks[i].write(c)
		g.habits[i].next()
	}
	return nil
}

// describe writes the RowGroup for the footer. The group begins at base in the
// file, and is the one with that number.
func (g *Group) describe(c *compact, base int64, number int) {
	var raw int64
	c.begin()
	c.list(1, typeStruct, len(g.chunks))
	for i := range g.chunks {
		g.chunks[i].describe(c, base, g.table.Columns[i].Name)
		raw += g.chunks[i].raw
	}
	c.i64(2, raw)
	c.i64(3, int64(g.rows))
	c.i64(5, base)
	c.i64(6, int64(len(g.scratch.out)))
	c.field(7, typeI16)
	c.number(int64(int16(number))) // a hint: after 32,767 row groups it starts again
	c.end()
}
