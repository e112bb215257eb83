package ingest

import (
	"bytes"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// textBuffer is how many bytes of rows are gathered before they are written.
const textBuffer = 256 << 10

func newRowSink(f Format, v *sqlonfhir.View, to io.Writer) (rowSink, error) {
	switch f {
	case Parquet:
		return newParquetRows(v, to), nil
	case CSV:
		s := &textRows{to: to, row: csvRow}
		for i, c := range v.Columns() {
			if i > 0 {
				s.buf = append(s.buf, ',')
			}
			s.buf = appendField(s.buf, []byte(c.Name))
		}
		s.buf = append(s.buf, '\r', '\n')
		s.mark = len(s.buf)
		return s, nil
	case NDJSON:
		return &textRows{to: to, row: objectRow(v.Columns())}, nil
	}
	return nil, fmt.Errorf("format %q is not known", f)
}

// parquetRows writes the columns of a view, without companions.
type parquetRows struct {
	table *rows.Writer
	*rows.Filler
}

func newParquetRows(v *sqlonfhir.View, to io.Writer) *parquetRows {
	t := table.Table{Name: v.Name, ResourceType: v.Resource}
	var fills []views.Fill
	for i, c := range v.Columns() {
		column := table.Column{Name: c.Name, Type: columnType(c)}
		t.Columns = append(t.Columns, column)
		fills = append(fills, views.Fill{Column: column, From: i, As: views.Plain})
	}
	w := rows.NewWriter(rows.Options{Table: t, Open: func() (io.Writer, error) { return to, nil }})
	return &parquetRows{w, rows.NewFiller(v.Name, fills, w)}
}

// columnType returns the type of a view's column. Text is the rule: it keeps
// decimals and partial dates as they were sent.
func columnType(c sqlonfhir.Column) table.Type {
	switch {
	case c.Collection:
	case c.Type == "boolean":
		return table.Boolean
	case c.Type == "integer", c.Type == "positiveInt", c.Type == "unsignedInt":
		return table.Int32
	case c.Type == "integer64":
		return table.Int64
	}
	return table.Text
}

func (p *parquetRows) add(row []sqlonfhir.Value) error { return p.Add(row) }
func (p *parquetRows) keep(length int) error           { return p.table.Keep(length) }
func (p *parquetRows) drop()                           { p.table.Drop() }
func (p *parquetRows) held() int                       { return p.table.Pending() }
func (p *parquetRows) close() error                    { return p.table.FinishFile() }

// textRows gathers rows as text.
type textRows struct {
	to   io.Writer
	buf  []byte
	mark int // bytes of finished lines
	n    int // rows behind the mark
	row  func(dst []byte, row []sqlonfhir.Value) []byte
}

func (t *textRows) add(row []sqlonfhir.Value) error {
	t.buf = t.row(t.buf, row)
	t.n++
	return nil
}

func (t *textRows) keep(int) error {
	t.mark, t.n = len(t.buf), 0
	if t.mark < textBuffer {
		return nil
	}
	return t.close()
}

func (t *textRows) drop()     { t.buf, t.n = t.buf[:t.mark], 0 }
func (t *textRows) held() int { return t.n }

func (t *textRows) close() error {
	_, err := t.to.Write(t.buf)
	t.buf, t.mark = t.buf[:0], 0
	return err
}

// csvRow writes a row as RFC 4180 says.
func csvRow(dst []byte, row []sqlonfhir.Value) []byte {
	var scratch []byte
	for i := range row {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch v := &row[i]; v.Kind {
		case sqlonfhir.Null:
		case sqlonfhir.Collection:
			scratch = rows.AppendJSON(scratch[:0], v)
			dst = appendField(dst, scratch)
		default:
			dst = appendField(dst, v.Text)
		}
	}
	return append(dst, '\r', '\n')
}

// appendField quotes where it must, and an empty text so that it is not null.
func appendField(dst, text []byte) []byte {
	if len(text) > 0 && !bytes.ContainsAny(text, "\",\r\n") {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// objectRow writes a row as a JSON object with the columns' names.
func objectRow(columns []sqlonfhir.Column) func([]byte, []sqlonfhir.Value) []byte {
	names := make([][]byte, len(columns))
	for i, c := range columns {
		names[i] = append(appendQuoted(nil, []byte(c.Name)), ':')
	}
	return func(dst []byte, row []sqlonfhir.Value) []byte {
		dst = append(dst, '{')
		for i := range row {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = rows.AppendJSON(append(dst, names[i]...), &row[i])
		}
		return append(dst, '}', '\n')
	}
}

// appendQuoted writes text, which is valid UTF-8, as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	dst, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		panic("a column's name is not UTF-8") // sqlonfhir refuses such names
	}
	return dst
}
