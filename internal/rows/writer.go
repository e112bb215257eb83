// Package rows writes tables: it puts the rows of views into columns, keeps
// those of finished lines only, and writes them as row groups of one Parquet
// file for each table.
//
// It never opens or closes a file, and never looks at a line.
package rows

import (
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/parquetfile"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

const (
	// RowGroupRows is how many rows a row group has by default.
	RowGroupRows = 32768
	// rowGroupBytes ends a row group of long rows early.
	rowGroupBytes = 8 << 20
)

// Options say what a [Writer] writes. Table and Open are required.
type Options struct {
	Table table.Table
	// Constant gives the text of the columns that have the same one in every
	// row, by name. They are *[columnar.Const].
	Constant map[string]string
	MaxRows  int // rows of a row group; 0 means [RowGroupRows]

	// Open returns what takes the Parquet file. It is called once, before the
	// first row group. The caller closes it after [Writer.Finish].
	Open func() (io.Writer, error)

	// Shared, when it is not nil, takes the row groups instead of a file of the
	// writer's own: several writers, of several goroutines, may fill one file.
	// The caller closes it after all of them have finished.
	Shared *File

	// Scratch is the memory in which row groups are encoded. Writers of one
	// goroutine share it; nil means one of the Writer's own.
	Scratch *parquetfile.Scratch
}

// A Writer gathers the rows of one table and writes them as row groups. It
// belongs to one goroutine. A row is added by one value in each of Columns; it
// counts once its line is kept.
type Writer struct {
	opts    Options
	columns []columnar.Column

	group *parquetfile.Group
	file  *File   // nil before the first row group
	rows  int64   // of the row groups that were written
	full  []int64 // of them, those with a value, by column
	mark  int     // rows of the current row group that belong to finished lines

	read    int // bytes of the lines of the current row group
	measure int // at so many bytes the size of the columns is looked at again
}

// NewWriter makes a writer. Nothing is opened yet.
func NewWriter(o Options) *Writer {
	if o.MaxRows <= 0 {
		o.MaxRows = RowGroupRows
	}
	if o.Scratch == nil {
		o.Scratch = &parquetfile.Scratch{}
	}
	w := &Writer{opts: o, group: parquetfile.NewGroup(o.Table, o.Scratch), file: o.Shared, measure: rowGroupBytes / 2}
	for _, c := range o.Table.Columns {
		if text, found := o.Constant[c.Name]; found {
			w.columns = append(w.columns, columnar.NewConst(text))
			continue
		}
		w.columns = append(w.columns, columnar.NewColumn(c.Type))
	}
	w.full = make([]int64, len(w.columns))
	return w
}

// Table returns the shape of the table.
func (w *Writer) Table() *table.Table { return &w.opts.Table }

// Columns returns the columns of the table, in its order. Only values are added
// to them; what ends a row group is the Writer's.
func (w *Writer) Columns() []columnar.Column { return w.columns }

// Held returns how many rows are in memory.
func (w *Writer) Held() int { return w.columns[0].Len() }

// Pending returns how many of them came since the last line that was kept.
func (w *Writer) Pending() int { return w.Held() - w.mark }

// Written returns how many rows the row groups have that were written.
func (w *Writer) Written() int64 { return w.rows }

// Filled returns, for each column of which some written row has a value, how
// many have.
func (w *Writer) Filled() map[string]int64 {
	filled := map[string]int64{}
	for i, n := range w.full {
		if n > 0 {
			filled[w.opts.Table.Columns[i].Name] = n
		}
	}
	return filled
}

// Keep makes the rows since the last line, of length bytes, final, and writes
// a row group when there are enough.
func (w *Writer) Keep(length int) error {
	w.mark = w.Held()
	if w.mark >= w.opts.MaxRows {
		return w.Flush()
	}
	w.read += length
	if w.read < w.measure {
		return nil
	}
	size := w.Size()
	if size >= rowGroupBytes {
		return w.Flush()
	}
	w.measure = w.read + (rowGroupBytes-size)/2 // columns rarely hold more than the lines
	return nil
}

// Drop forgets the rows since the last line, complete or not.
func (w *Writer) Drop() {
	for _, c := range w.columns {
		if c.Len() > w.mark {
			c.Truncate(w.mark)
		}
	}
}

// Size returns roughly how many bytes the held rows take.
func (w *Writer) Size() int {
	n := 0
	for _, c := range w.columns {
		n += c.Size()
	}
	return n
}

// Flush writes the rows that are held as one row group. There must be none of
// an unfinished line.
func (w *Writer) Flush() error {
	n := w.Held()
	if n == 0 {
		return nil
	}
	if err := w.start(); err != nil {
		return err
	}
	if err := w.group.Encode(w.columns); err != nil {
		return err
	}
	if err := w.file.write(w.group); err != nil {
		return err
	}
	for i, c := range w.columns {
		w.full[i] += int64(n - c.Validity().Unset())
		c.Reset()
	}
	w.rows += int64(n)
	w.mark, w.read, w.measure = 0, 0, rowGroupBytes/2
	return nil
}

// start begins the file unless it is begun.
func (w *Writer) start() error {
	if w.file != nil {
		return nil
	}
	to, err := w.opts.Open()
	if err != nil {
		return err
	}
	w.file = NewFile(to, w.opts.Table)
	return nil
}

// Finish writes what is held and the file's end. Without any rows nothing was
// opened, and there is no file.
func (w *Writer) Finish() error {
	if err := w.Flush(); err != nil || w.file == nil || w.opts.Shared != nil {
		return err
	}
	return w.file.Close()
}

// FinishFile is Finish for a table whose file must be there: without any rows
// it has columns still.
func (w *Writer) FinishFile() error {
	if err := w.start(); err != nil {
		return err
	}
	return w.Finish()
}
