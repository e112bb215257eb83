package parquetfile

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

const (
	// plainBytes and plainRows keep most pages below 64 KiB: up to that size
	// the compressor needs no history, which would be 8 MiB.
	plainBytes = 40 << 10
	plainRows  = 512
)

// plain is the encoder that leans on pqarrow.
type plain struct {
	to    io.Writer
	table table.Table
	file  *pqarrow.FileWriter // nil before the first row group
}

// NewPlain makes an encoder that leans on the Arrow project's library.
func NewPlain(to io.Writer, t table.Table) Encoder {
	return &plain{to: writeOnly{to}, table: t}
}

// WriteRowGroup writes one row group. What the first one shows about each
// column decides whether it has a dictionary.
func (p *plain) WriteRowGroup(columns []columnar.Column) error {
	if p.file == nil {
		if err := p.start(columns); err != nil {
			return err
		}
	}
	if err := p.file.NewRowGroupChecked(); err != nil {
		return fmt.Errorf("start row group of %s: %w", p.table.Name, err)
	}
	for i, c := range columns {
		if err := p.writeColumn(c.Array()); err != nil {
			return fmt.Errorf("write column %s.%s: %w", p.table.Name, p.table.Columns[i].Name, err)
		}
	}
	return nil
}

func (p *plain) writeColumn(a arrow.Array) error {
	defer a.Release()
	chunked := arrow.NewChunked(a.DataType(), []arrow.Array{a})
	defer chunked.Release()
	return p.file.WriteColumnChunked(chunked, 0, int64(a.Len()))
}

func (p *plain) start(columns []columnar.Column) (err error) {
	schema, properties := p.schema(columns)
	p.file, err = pqarrow.NewFileWriter(schema, p.to, properties, pqarrow.NewArrowWriterProperties())
	if err != nil {
		return fmt.Errorf("start table %s: %w", p.table.Name, err)
	}
	return nil
}

func (p *plain) schema(columns []columnar.Column) (*arrow.Schema, *parquet.WriterProperties) {
	options := []parquet.WriterProperty{
		parquet.WithVersion(parquet.V2_LATEST),
		parquet.WithCreatedBy(createdBy),
		parquet.WithCompression(compress.Codecs.Zstd),
		parquet.WithCompressionLevel(1),
		parquet.WithDictionaryDefault(false),
		parquet.WithMaxRowGroupLength(1 << 31),
		parquet.WithDataPageSize(plainBytes),
		parquet.WithBatchSize(plainRows),
		parquet.WithDictionaryPageSizeLimit(2 * columnar.MaxDictionary),
		parquet.WithMaxStatsSize(256),
	}
	fields := make([]arrow.Field, len(p.table.Columns))
	for i, c := range p.table.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: columnar.ArrowType(c.Type), Nullable: true}
	}
	for i, c := range columns {
		if hasDictionary(c) {
			options = append(options, parquet.WithDictionaryFor(p.table.Columns[i].Name, true))
		}
	}
	return arrow.NewSchema(fields, nil), parquet.NewWriterProperties(options...)
}

func hasDictionary(c columnar.Column) bool {
	switch c := c.(type) {
	case *columnar.Const:
		return true
	case *columnar.Text:
		return c.Dictionary()
	}
	return false
}

// Close writes the end of the file.
func (p *plain) Close() error {
	if p.file == nil {
		if err := p.start(nil); err != nil { // a file without rows has columns still
			return err
		}
	}
	if err := p.file.Close(); err != nil {
		return fmt.Errorf("end table %s: %w", p.table.Name, err)
	}
	return nil
}

// writeOnly hides the Close of a writer from the Parquet library, which would
// call it.
type writeOnly struct{ io.Writer }
