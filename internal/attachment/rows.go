package attachment

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// groupRows is how many rows are held before they are written.
const groupRows = 4096

// rows writes the Parquet part of one output file. The part comes to be with
// the first row.
type rows struct {
	ctx   context.Context
	o     *Options
	key   blob.Key
	build *array.RecordBuilder
	file  *blob.Writer
	out   *pqarrow.FileWriter
	held  int
	total int64
}

func newRows(ctx context.Context, o *Options, key blob.Key) *rows {
	fields := make([]arrow.Field, len(table.Attachment.Columns))
	for i, c := range table.Attachment.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrowType(c.Type), Nullable: true}
	}
	return &rows{ctx: ctx, o: o, key: key, build: array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))}
}

// arrowType gives the type of a column of table.Attachment.
func arrowType(t table.Type) arrow.DataType {
	switch t {
	case table.Boolean:
		return arrow.FixedWidthTypes.Boolean
	case table.Int32:
		return arrow.PrimitiveTypes.Int32
	case table.Int64:
		return arrow.PrimitiveTypes.Int64
	}
	return arrow.BinaryTypes.String
}

// add writes one row.
func (w *rows) add(r *row) error {
	values := w.values(r)
	for i, c := range table.Attachment.Columns {
		w.append(i, values[c.Name])
	}
	w.total++
	if w.held++; w.held >= groupRows {
		return w.flush()
	}
	return nil
}

// values gives a row by column; what is missing is null.
func (w *rows) values(r *row) map[string]any {
	v := map[string]any{
		table.TenantID: w.o.Scope.Tenant(), "resource_type": r.resource.kind, table.ResourceKey: r.resource.key,
		"path": r.found.Path, "position": int32(r.found.Position), "outcome": string(r.outcome), "reason": text(r.reason),
		"title": text(r.found.Title), "declared_content_type": text(r.found.ContentType), "declared_sha1": text(r.found.SHA1),
		table.SourceFile: cmp.Or(w.o.Origin, w.o.Lease.Export) + "/" + w.o.Lease.Subject, table.SourceLine: r.line,
	}
	if r.found.Size >= 0 {
		v["declared_size"] = r.found.Size
	}
	if !r.outcome.Kept() {
		return v
	}
	v["content_type"], v["size"], v["sha256"] = text(r.content.ContentType), r.content.Size, r.content.SHA256
	v["location"], v["stored_by_export"] = r.content.Location, r.content.Export
	if r.found.SHA1 != "" {
		v["sha1_matches"] = r.found.SHA1 == r.content.SHA1
	}
	return v
}

// text makes no text null.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (w *rows) append(column int, value any) {
	switch b := w.build.Field(column); v := value.(type) {
	case string:
		b.(*array.StringBuilder).Append(v)
	case int32:
		b.(*array.Int32Builder).Append(v)
	case int64:
		b.(*array.Int64Builder).Append(v)
	case bool:
		b.(*array.BooleanBuilder).Append(v)
	default:
		b.AppendNull()
	}
}

// flush writes what is held as one row group.
func (w *rows) flush() error {
	if w.out == nil {
		if err := w.start(); err != nil {
			return err
		}
	}
	batch := w.build.NewRecordBatch()
	defer batch.Release()
	w.held = 0
	if err := w.out.Write(batch); err != nil {
		return fmt.Errorf("write table %s: %w", table.Attachment.Name, err)
	}
	return nil
}

func (w *rows) start() (err error) {
	if w.file, err = w.o.Scope.Create(w.ctx, w.key); err != nil {
		return err
	}
	properties := parquet.NewWriterProperties(parquet.WithVersion(parquet.V2_LATEST), parquet.WithCreatedBy("bulkhead"),
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1))
	w.out, err = pqarrow.NewFileWriter(w.build.Schema(), writeOnly{w.file}, properties, pqarrow.NewArrowWriterProperties())
	if err != nil {
		return fmt.Errorf("start table %s: %w", table.Attachment.Name, err)
	}
	return nil
}

// commit makes the part durable (I3) and gives its rows. Without any rows
// there is no part, nor one of an earlier run.
func (w *rows) commit() (int64, error) {
	if w.total == 0 {
		return 0, w.o.Scope.Delete(w.ctx, w.key)
	}
	if w.held > 0 || w.out == nil {
		if err := w.flush(); err != nil {
			return 0, err
		}
	}
	if err := w.out.Close(); err != nil {
		return 0, fmt.Errorf("end table %s: %w", table.Attachment.Name, err)
	}
	return w.total, w.file.Commit()
}

// close leaves nothing behind unless commit was called.
func (w *rows) close() {
	w.build.Release()
	if w.file != nil {
		_ = w.file.Close()
	}
}

// writeOnly hides the Close of a writer from the Parquet library, which would
// call it.
type writeOnly struct{ io.Writer }
