package flatten

import (
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/parquetfile"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// An output is where the rows of one view go.
type output interface {
	sink(*parquetfile.Scratch) rowSink // of one more worker, and its memory
	close() error                      // after all its sinks have finished
}

func newOutput(f Format, v *sqlonfhir.View, to io.Writer) (output, error) {
	switch f {
	case Parquet:
		return newParquetOutput(v, to), nil
	case CSV:
		return &textOutput{to: to, row: csvRow, head: csvHead(v.Columns())}, nil
	case NDJSON:
		return &textOutput{to: to, row: objectRow(v.Columns())}, nil
	}
	return nil, fmt.Errorf("format %q is not known", f)
}

// parquetOutput is one file with the columns of a view, without companions.
type parquetOutput struct {
	view  string
	table table.Table
	fills []views.Fill
	file  *rows.File
}

func newParquetOutput(v *sqlonfhir.View, to io.Writer) *parquetOutput {
	o := &parquetOutput{view: v.Name, table: table.Table{Name: v.Name, ResourceType: v.Resource}}
	for i, c := range v.Columns() {
		column := table.Column{Name: c.Name, Type: views.ColumnType(c)}
		o.table.Columns = append(o.table.Columns, column)
		o.fills = append(o.fills, views.Fill{Column: column, From: i, As: views.Plain})
	}
	o.file = rows.NewFile(to, o.table)
	return o
}

func (o *parquetOutput) sink(s *parquetfile.Scratch) rowSink {
	w := rows.NewWriter(rows.Options{Table: o.table, Shared: o.file, Scratch: s})
	return &parquetRows{w, rows.NewFiller(o.view, o.fills, w)}
}

func (o *parquetOutput) close() error { return o.file.Close() }

// parquetRows are one worker's row groups.
type parquetRows struct {
	to *rows.Writer
	*rows.Filler
}

func (p *parquetRows) add(row []sqlonfhir.Value) error { return p.Add(row) }
func (p *parquetRows) keep(length int) error           { return p.to.Keep(length) }
func (p *parquetRows) drop()                           { p.to.Drop() }
func (p *parquetRows) pending() int                    { return p.to.Pending() }
func (p *parquetRows) deliver() error                  { return nil }
func (p *parquetRows) finish() error                   { return p.to.Finish() }
