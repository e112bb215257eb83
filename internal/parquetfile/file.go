package parquetfile

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

const (
	magic     = "PAR1"
	createdBy = "bulkhead version 1" // the form that readers parse

	// flushAt is how many bytes are gathered before they are written.
	flushAt = 128 << 10
)

// A File is the encoder of our own. What it writes reads the same as what the
// plain form writes.
type File struct {
	to      io.Writer
	table   table.Table
	scratch *Scratch

	at     int64   // bytes of the file so far, written or in scratch.out
	rows   int64   // of all row groups
	groups compact // their descriptions, for the footer
	count  int     // of row groups
	habits []habit // by column
}

var _ Encoder = (*File)(nil)

// New makes an encoder that works with the memory of s.
func New(to io.Writer, t table.Table, s *Scratch) *File {
	return &File{to: to, table: t, scratch: s, habits: make([]habit, len(t.Columns))}
}

// WriteRowGroup writes the rows as one row group; without rows, none.
func (f *File) WriteRowGroup(columns []columnar.Column) error {
	rows := columns[0].Len()
	if rows == 0 {
		return nil
	}
	if err := f.scratch.prepare(); err != nil {
		return fmt.Errorf("start row group of %s: %w", f.table.Name, err)
	}
	f.begin()
	first, raw := f.at, int64(0)
	g := &f.groups
	g.begin()
	g.list(1, typeStruct, len(columns))
	for i, c := range columns {
		w := chunk{
			file: f, rows: rows, kind: physical(f.table.Columns[i].Type), habit: &f.habits[i],
			dictionaryAt: -1, valuesAt: -1,
		}
		w.write(c)
		w.habit.next()
		w.describe(g, f.table.Columns[i].Name)
		raw += w.raw
		if err := f.flush(flushAt); err != nil {
			return fmt.Errorf("write column %s.%s: %w", f.table.Name, f.table.Columns[i].Name, err)
		}
	}
	g.i64(2, raw)
	g.i64(3, int64(rows))
	g.i64(5, first)
	g.i64(6, f.at-first)
	g.field(7, typeI16)
	g.number(int64(int16(f.count))) // a hint: after 32,767 row groups it starts again
	g.end()
	f.count++
	f.rows += int64(rows)
	if err := f.flush(0); err != nil {
		return fmt.Errorf("write row group of %s: %w", f.table.Name, err)
	}
	f.scratch.trim()
	return nil
}

// begin writes the file's first bytes unless they are there.
func (f *File) begin() {
	if f.at == 0 {
		f.append([]byte(magic))
	}
}

func (f *File) append(b []byte) {
	f.scratch.out = append(f.scratch.out, b...)
	f.at += int64(len(b))
}

// flush writes what was gathered when it is more than a number of bytes.
func (f *File) flush(above int) error {
	s := f.scratch
	if len(s.out) <= above {
		return nil
	}
	_, err := f.to.Write(s.out)
	s.out = s.out[:0]
	return err
}

// Close writes the footer.
func (f *File) Close() error {
	f.begin()
	c := compact{buf: make([]byte, 0, len(f.groups.buf)+256)}
	c.begin()
	c.i32(1, 2) // the version of the format
	writeSchema(&c, f.table.Columns)
	c.i64(3, f.rows)
	c.list(4, typeStruct, f.count)
	c.buf = append(c.buf, f.groups.buf...)
	c.text(6, createdBy)
	c.list(7, typeStruct, len(f.table.Columns))
	for range f.table.Columns { // bounds are in the order of the type
		c.begin()
		c.empty(1)
		c.end()
	}
	c.end()
	size := len(c.buf)
	c.buf = binary.LittleEndian.AppendUint32(c.buf, uint32(size))
	f.append(append(c.buf, magic...))
	if err := f.flush(0); err != nil {
		return fmt.Errorf("end table %s: %w", f.table.Name, err)
	}
	return nil
}
