package sinktest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A stage writes staged files as ingest does: for each table and output file
// one or more parts.
type stage struct {
	*testing.T
	dir   string
	count int
}

// write stages d. Writing the same delivery again gives new files with the
// same rows.
func (s *stage) write(d *delivery) sink.Delivery {
	s.Helper()
	out := sink.Delivery{
		Tenant: d.tenant, Export: d.export, Mode: d.mode(), Partial: d.partial, Again: d.again, Replace: d.replace,
		TransactionTime: time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC),
	}
	staged := map[string][]sink.File{}
	for i := range d.files {
		out.Files = append(out.Files, d.sourceFile(i))
		out.Index = append(out.Index, s.file(table.Index, d.indexRows(i)))
		for _, t := range d.tables {
			rows := d.tableRows(t, i)
			for part := 0; part < len(rows); part += 2 { // several parts, so that none is the whole
				staged[t.Name] = append(staged[t.Name], s.file(t, rows[part:min(part+2, len(rows))]))
			}
		}
	}
	for _, t := range d.tables {
		out.Tables = append(out.Tables, sink.Table{Table: t, Files: staged[t.Name]})
	}
	if len(d.deleted) > 0 {
		name := d.export + "/0-deleted-0-Bundle"
		out.Files = append(out.Files, name)
		out.Deleted = append(out.Deleted, s.file(table.Deleted, deletedRows(d.tenant, name, d.deleted)))
	}
	if len(d.withheld) > 0 {
		out.Withheld = append(out.Withheld, s.file(table.Withheld, d.withheldRows()))
	}
	if len(d.laterWithheld) > 0 {
		out.LaterWithheld = append(out.LaterWithheld, s.file(table.Withheld, deletedRows(d.tenant, "since/0-output-0-Patient", d.laterWithheld)))
	}
	if len(d.later) > 0 {
		since := deliver(d.tenant, "since")
		for _, key := range d.later {
			resourceType, id, _ := strings.Cut(key, "/")
			since.file(line{resourceType: resourceType, id: id})
		}
		for i := range since.files {
			out.Later = append(out.Later, s.file(table.Index, since.indexRows(i)))
		}
	}
	if len(d.laterDeleted) > 0 {
		out.LaterDeleted = append(out.LaterDeleted, s.file(table.Deleted, deletedRows(d.tenant, "since/0-deleted-0-Bundle", d.laterDeleted)))
	}
	return out
}

func (d *delivery) indexRows(i int) (rows []Row) {
	tenant := d.tenant
	if d.indexTenant != "" {
		tenant = d.indexTenant
	}
	for n, l := range d.files[i].lines {
		rows = append(rows, Row{
			table.TenantID: tenant, "resource_type": l.resourceType, "id": l.id, "last_updated_ts": l.ts(),
			"content_hash": l.contentHash(), "partial": l.partial, table.SourceFile: d.sourceFile(i), table.SourceLine: int64(n + 1),
		})
	}
	return rows
}

// withheldRows are those of lines of the first file: far behind its end, or the
// lines that it has.
func (d *delivery) withheldRows() (rows []Row) {
	file, behind := d.export+"/0-output-0-Patient", int64(1000)
	if d.taken {
		file, behind = d.sourceFile(0), 0
	}
	for n, l := range d.withheld {
		rows = append(rows, Row{
			table.TenantID: d.tenant, "resource_type": l.resourceType, "id": l.id, "last_updated_ts": l.ts(),
			table.SourceFile: file, table.SourceLine: behind + int64(n+1),
		})
	}
	return rows
}

func deletedRows(tenant, name string, keys []string) (rows []Row) {
	for n, key := range keys {
		resourceType, id, _ := strings.Cut(key, "/")
		rows = append(rows, Row{
			table.TenantID: tenant, "resource_type": resourceType, "id": id,
			table.SourceFile: name, table.SourceLine: int64(n + 1),
		})
	}
	return rows
}

// tableRows are the rows that output file i gives to table t.
func (d *delivery) tableRows(t table.Table, i int) (rows []Row) {
	for n, l := range d.files[i].lines {
		row := func(value string) Row {
			r := Row{
				table.TenantID: d.tenant, "resource_type": l.resourceType, "id": l.id, table.ResourceKey: l.key(),
				"last_updated": nil, "last_updated_ts": l.ts(), "value": value, "json": value,
				table.SourceFile: d.sourceFile(i), table.SourceLine: int64(n + 1),
			}
			if d.rowTenant != "" {
				r[table.TenantID] = d.rowTenant
			}
			if l.updated != "" {
				r["last_updated"] = l.updated
			}
			return r
		}
		switch t.Name {
		case d.main(l.resourceType):
			r := row(l.value)
			maps.Copy(r, l.cells)
			rows = append(rows, r)
		case identifier.Name:
			for _, child := range l.children {
				rows = append(rows, row(child))
			}
		case table.Reference.Name:
			for i, target := range l.refers {
				r := row("")
				maps.Copy(r, referenceCells(i, target))
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// referenceCells are the columns of a row of table.Reference.
func referenceCells(i int, target string) Row {
	if strings.Contains(target, "://") {
		return Row{"path": "subject", "index": int32(i), "to_id": target, "kind": "foreign"}
	}
	resourceType, id, _ := strings.Cut(target, "/")
	return Row{"path": "subject", "index": int32(i), "to_type": resourceType, "to_id": id, "kind": "relative"}
}

// file writes rows as one Parquet file; every other file has its texts as
// Arrow dictionaries, as ingest makes them.
func (s *stage) file(t table.Table, rows []Row) sink.File {
	s.Helper()
	s.count++
	path := filepath.Join(s.dir, fmt.Sprintf("%s-%d.parquet", t.Name, s.count))
	if err := writeParquet(path, t, rows, s.count%2 == 0); err != nil {
		s.Fatalf("stage %s: %v", t.Name, err)
	}
	return sink.File{Path: path, Rows: int64(len(rows))}
}

func writeParquet(path string, t table.Table, rows []Row, dictionaries bool) error {
	schema := arrowSchema(t, dictionaries)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	for _, row := range rows {
		for i, c := range t.Columns {
			if err := appendCell(builder.Field(i), row[c.Name]); err != nil {
				return fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
	}
	record := builder.NewRecordBatch()
	defer record.Release()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)),
		pqarrow.NewArrowWriterProperties())
	if err != nil {
		return err
	}
	if err := w.Write(record); err != nil {
		return err
	}
	return w.Close() // closes f
}

func arrowSchema(t table.Table, dictionaries bool) *arrow.Schema {
	fields := make([]arrow.Field, len(t.Columns))
	for i, c := range t.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrowType(c.Type, dictionaries), Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

func arrowType(t table.Type, dictionaries bool) arrow.DataType {
	if t == table.Text && dictionaries {
		return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	}
	return columnar.ArrowType(t)
}

// appendCell appends v: a time.Time for a timestamp, 2006-01-02 for a date.
func appendCell(b array.Builder, v any) error {
	if v == nil {
		b.AppendNull()
		return nil
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.Int32Builder:
		b.Append(v.(int32))
	case *array.Int64Builder:
		b.Append(v.(int64))
	case *array.Float64Builder:
		b.Append(v.(float64))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(time.Time).UnixMicro()))
	case *array.Date32Builder:
		day, err := time.Parse(time.DateOnly, v.(string))
		if err != nil {
			return err
		}
		b.Append(arrow.Date32FromTime(day))
	case *array.BinaryDictionaryBuilder:
		return b.AppendString(v.(string))
	case *array.StringBuilder:
		b.Append(v.(string))
	default:
		return fmt.Errorf("no builder for %T", v)
	}
	return nil
}
