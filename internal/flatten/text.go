package flatten

import (
	"bytes"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/parquetfile"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// textBuffer is how many bytes of rows are gathered before they are written.
const textBuffer = 256 << 10

// textOutput takes rows as text.
type textOutput struct {
	to   io.Writer
	head []byte // what stands before the first row; nil once it is written
	row  func(dst []byte, row []sqlonfhir.Value) []byte
}

func (o *textOutput) sink(*parquetfile.Scratch) rowSink { return &textRows{output: o} }

func (o *textOutput) write(text []byte) error {
	if o.head != nil {
		if _, err := o.to.Write(o.head); err != nil {
			return err
		}
		o.head = nil
	}
	_, err := o.to.Write(text)
	return err
}

func (o *textOutput) close() error { return o.write(nil) }

// textRows gathers the rows of one worker's block.
type textRows struct {
	output *textOutput
	buf    []byte
	mark   int // bytes of finished lines
	n      int // rows behind the mark
}

func (t *textRows) add(row []sqlonfhir.Value) error {
	t.buf = t.output.row(t.buf, row)
	t.n++
	return nil
}

func (t *textRows) keep(int) error {
	t.mark, t.n = len(t.buf), 0
	return nil
}

func (t *textRows) drop()        { t.buf, t.n = t.buf[:t.mark], 0 }
func (t *textRows) pending() int { return t.n }

func (t *textRows) deliver() error {
	err := t.output.write(t.buf)
	t.buf, t.mark = t.buf[:0], 0
	if cap(t.buf) > 16*textBuffer {
		t.buf = nil
	}
	return err
}

func (t *textRows) finish() error { return nil }

func csvHead(columns []sqlonfhir.Column) (head []byte) {
	for i, c := range columns {
		if i > 0 {
			head = append(head, ',')
		}
		head = appendField(head, []byte(c.Name))
	}
	return append(head, '\r', '\n')
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
		names[i] = append(rows.AppendJSON(nil, &sqlonfhir.Value{Kind: sqlonfhir.String, Text: []byte(c.Name)}), ':')
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
