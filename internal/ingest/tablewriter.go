package ingest

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

const (
	defaultRowGroupRows = 32768
	// rowGroupBytes ends a row group of long rows early.
	rowGroupBytes = 8 << 20
	// pageBytes and pageRows keep most pages below 64 KiB: up to that size
	// the compressor needs no history, which would be 8 MiB.
	pageBytes = 40 << 10
	pageRows  = 512
)

// A tableWriter gathers the rows of one table and writes them as row groups.
// It belongs to one goroutine.
type tableWriter struct {
	table   table.Table
	columns []column
	maxRows int

	// open returns what takes the Parquet file; it is called before the first
	// row group.
	open func() (io.Writer, error)
	file *pqarrow.FileWriter
	rows int64 // of the row groups that were written
	mark int   // rows of the current row group that belong to finished lines

	read    int // bytes of the lines of the current row group
	measure int // at so many bytes the size of the columns is looked at again
}

// newTableWriter makes a writer for t. constant gives the text of the columns
// that have the same one in every row.
func newTableWriter(t table.Table, constant map[string]string, maxRows int) *tableWriter {
	w := &tableWriter{table: t, maxRows: maxRows, measure: rowGroupBytes / 2}
	for _, c := range t.Columns {
		if text, found := constant[c.Name]; found {
			w.columns = append(w.columns, newConstColumn(text))
			continue
		}
		w.columns = append(w.columns, newColumn(c.Type))
	}
	return w
}

func (w *tableWriter) held() int { return w.columns[0].len() }

// keep makes the rows since the last line, of length bytes, final, and writes
// a row group when there are enough.
func (w *tableWriter) keep(length int) error {
	w.mark = w.held()
	if w.mark >= w.maxRows {
		return w.flush()
	}
	w.read += length
	if w.read < w.measure {
		return nil
	}
	size := w.size()
	if size >= rowGroupBytes {
		return w.flush()
	}
	w.measure = w.read + (rowGroupBytes-size)/2 // columns rarely hold more than the lines
	return nil
}

// drop forgets the rows since the last line, complete or not.
func (w *tableWriter) drop() {
	for _, c := range w.columns {
		if c.len() > w.mark {
			c.truncate(w.mark)
		}
	}
}

func (w *tableWriter) size() int {
	n := 0
	for _, c := range w.columns {
		n += c.size()
	}
	return n
}

// flush writes the rows that are held as one row group.
func (w *tableWriter) flush() error {
	n := w.held()
	if n == 0 {
		return nil
	}
	if w.file == nil {
		if err := w.start(); err != nil {
			return err
		}
	}
	if err := w.file.NewRowGroupChecked(); err != nil {
		return fmt.Errorf("start row group of %s: %w", w.table.Name, err)
	}
	for i, c := range w.columns {
		if err := w.writeColumn(c.array()); err != nil {
			return fmt.Errorf("write column %s.%s: %w", w.table.Name, w.table.Columns[i].Name, err)
		}
		c.reset()
	}
	w.rows += int64(n)
	w.mark, w.read, w.measure = 0, 0, rowGroupBytes/2
	return nil
}

func (w *tableWriter) writeColumn(a arrow.Array) error {
	defer a.Release()
	chunked := arrow.NewChunked(a.DataType(), []arrow.Array{a})
	defer chunked.Release()
	return w.file.WriteColumnChunked(chunked, 0, int64(a.Len()))
}

// start begins the file. What the first row group shows about each column
// decides whether it has a dictionary.
func (w *tableWriter) start() error {
	to, err := w.open()
	if err != nil {
		return err
	}
	schema, properties := w.schema()
	w.file, err = pqarrow.NewFileWriter(schema, writeOnly{to}, properties, pqarrow.NewArrowWriterProperties())
	if err != nil {
		return fmt.Errorf("start table %s: %w", w.table.Name, err)
	}
	return nil
}

func (w *tableWriter) schema() (*arrow.Schema, *parquet.WriterProperties) {
	options := []parquet.WriterProperty{
		parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithCreatedBy("bulkhead"),
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(1),
		parquet.WithDictionaryDefault(false),
		parquet.WithMaxRowGroupLength(1 << 31),
		parquet.WithDataPageSize(pageBytes),
		parquet.WithBatchSize(pageRows),
		parquet.WithDictionaryPageSizeLimit(2 * maxDictionary),
		parquet.WithMaxStatsSize(256),
	}
	fields := make([]arrow.Field, len(w.columns))
	for i, c := range w.columns {
		name := w.table.Columns[i].Name
		fields[i] = arrow.Field{Name: name, Type: arrowType(w.table.Columns[i].Type), Nullable: true}
		text, isText := c.(*textColumn)
		if _, constant := c.(*constColumn); constant || isText && !text.plain {
			options = append(options, parquet.WithDictionaryFor(name, true))
		}
	}
	return arrow.NewSchema(fields, nil), parquet.NewWriterProperties(options...)
}

// arrowType returns the type of a column in the file's schema, in which a
// dictionary is not a type of its own.
func arrowType(t table.Type) arrow.DataType {
	switch c := newColumn(t).(type) {
	case *fixedColumn[int32]:
		return c.kind
	case *fixedColumn[int64]:
		return c.kind
	case *fixedColumn[float64]:
		return c.kind
	case *boolColumn:
		return arrow.FixedWidthTypes.Boolean
	}
	return arrow.BinaryTypes.String
}

// finish writes what is held and the file's end. Without any rows there is no
// file.
func (w *tableWriter) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	if w.file == nil {
		return nil
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("end table %s: %w", w.table.Name, err)
	}
	return nil
}

// writeOnly hides the Close of a writer from the Parquet library, which would
// call it.
type writeOnly struct{ io.Writer }
