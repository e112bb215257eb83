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
)

// A File is the encoder of our own. What it writes reads the same as what the
// plain form writes.
type File struct {
	to    io.Writer
	table table.Table
	own   *Group // of WriteRowGroup

	at     int64   // bytes written
	rows   int64   // of all row groups
	groups compact // their descriptions, for the footer
	count  int     // of row groups
}

var _ Encoder = (*File)(nil)

// New makes an encoder that works with the memory of s. s may be nil when the
// file is filled by [File.WriteGroup] only.
func New(to io.Writer, t table.Table, s *Scratch) *File {
	f := &File{to: to, table: t}
	if s != nil {
		f.own = NewGroup(t, s)
	}
	return f
}

// WriteRowGroup writes the rows as one row group; without rows, none.
func (f *File) WriteRowGroup(columns []columnar.Column) error {
	if err := f.own.Encode(columns); err != nil {
		return err
	}
	return f.WriteGroup(f.own)
}

// WriteGroup writes what g has encoded as one row group; without rows, none.
// It must not be called by two goroutines at once.
func (f *File) WriteGroup(g *Group) error {
	if g.rows == 0 {
		return nil
	}
	if err := f.begin(); err != nil {
		return err
	}
	g.describe(&f.groups, f.at, f.count)
	f.count++
	f.rows += int64(g.rows)
	err := f.write(g.scratch.out)
	g.scratch.trim()
	return err
}

// begin writes the file's first bytes unless they are there.
func (f *File) begin() error {
	if f.at > 0 {
		return nil
	}
	return f.write([]byte(magic))
}

func (f *File) write(b []byte) error {
	n, err := f.to.Write(b)
	f.at += int64(n)
	if err != nil {
		return fmt.Errorf("write table %s: %w", f.table.Name, err)
	}
	return nil
}

// Close writes the footer.
func (f *File) Close() error {
	if err := f.begin(); err != nil {
		return err
	}
	c := compact{buf: make([]byte, 0, len(f.groups.buf)+1024)}
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
	return f.write(append(c.buf, magic...))
}
