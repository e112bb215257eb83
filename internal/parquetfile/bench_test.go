package parquetfile

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

var observation = table.Table{Name: "observation", Columns: []table.Column{
	{Name: "tenant_id", Type: table.Text},
	{Name: "id", Type: table.Text},
	{Name: "status", Type: table.Text},
	{Name: "category_code", Type: table.Text},
	{Name: "code_system", Type: table.Text},
	{Name: "code", Type: table.Text},
	{Name: "code_display", Type: table.Text},
	{Name: "patient_id", Type: table.Text},
	{Name: "encounter_id", Type: table.Text},
	{Name: "effective", Type: table.Text},
	{Name: "effective_date", Type: table.Date},
	{Name: "effective_ts", Type: table.Timestamp},
	{Name: "issued", Type: table.Text},
	{Name: "issued_ts", Type: table.Timestamp},
	{Name: "value", Type: table.Text},
	{Name: "value_num", Type: table.Double},
	{Name: "value_unit", Type: table.Text},
	{Name: "value_code", Type: table.Text},
	{Name: "value_boolean", Type: table.Boolean},
	{Name: "resource_key", Type: table.Text},
	{Name: "source_file", Type: table.Text},
	{Name: "source_line", Type: table.Int64},
}}

const benchRows = 32768

// observationRows are the values of a row group: ids are never repeated,
// patients, encounters and times in runs, codes often. Values are nil, []byte,
// int32, int64 or float64.
func observationRows() [][]any {
	r := rand.New(rand.NewPCG(4, 4))
	uuid := func() []byte {
		a, b := r.Uint64(), r.Uint64()
		return fmt.Appendf(nil, "%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
	}
	var patient, encounter []byte
	var at time.Time
	rows := make([][]any, benchRows)
	for i := range rows {
		if r.IntN(400) == 0 || patient == nil {
			patient = uuid()
		}
		if r.IntN(10) == 0 || encounter == nil {
			encounter = uuid()
			at = time.UnixMilli(1_300_000_000_000 + r.Int64N(400_000_000_000)).UTC()
		}
		code := r.IntN(140)
		effective := at.Format("2006-01-02T15:04:05-07:00")
		issued := at.Format("2006-01-02T15:04:05.000-07:00")
		value, number := any(nil), any(nil)
		if code%5 != 0 {
			n := r.IntN(2000)
			value, number = fmt.Appendf(nil, "%d.%d", n/10, n%10), float64(n)/10
		}
		unit := any(nil)
		if value != nil {
			unit = fmt.Appendf(nil, "mg/%d", code%20)
		}
		id := uuid()
		rows[i] = []any{
			nil, id, []byte("final"), [][]byte{[]byte("laboratory"), []byte("vital-signs"), []byte("survey")}[code%3],
			[]byte("http://loinc.org"), fmt.Appendf(nil, "%d-%d", 2000+code*37, code%10), fmt.Appendf(nil, "Something that is measured %d [Mass/volume] in Blood", code),
			patient, encounter, []byte(effective), int32(at.Unix() / 86400), at.UnixMicro() / 1e6 * 1e6, []byte(issued), at.UnixMilli() * 1000,
			value, number, unit, unit, nil, append([]byte("Observation/"), id...), nil, int64(i + 1),
		}
	}
	return rows
}

func observationColumns() []columnar.Column {
	var columns []columnar.Column
	for _, c := range observation.Columns {
		switch c.Name {
		case "tenant_id":
			columns = append(columns, columnar.NewConst("north"))
		case "source_file":
			columns = append(columns, columnar.NewConst("e1/0-output-0-Observation"))
		default:
			columns = append(columns, columnar.NewColumn(c.Type))
		}
	}
	return columns
}

// appendRows adds the rows column by column.
func appendRows(columns []columnar.Column, rows [][]any) {
	for _, row := range rows {
		for i, v := range row {
			switch c := columns[i].(type) {
			case *columnar.Const:
				c.Append()
			case *columnar.Text:
				appendOr(c, v, c.Append)
			case *columnar.Bool:
				appendOr(c, v, c.Append)
			case *columnar.Int32:
				appendOr(c, v, c.Append)
			case *columnar.Int64:
				appendOr(c, v, c.Append)
			case *columnar.Double:
				appendOr(c, v, c.Append)
			}
		}
	}
}

func appendOr[T any](c columnar.Column, v any, add func(T)) {
	if v == nil {
		c.Null()
		return
	}
	add(v.(T))
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// BenchmarkEncode writes row groups of 32,768 rows of 22 columns like those of
// Observation: the columns made before, or with them.
func BenchmarkEncode(b *testing.B) {
	rows := observationRows()
	encoders := map[string]func(io.Writer) Encoder{
		"own":   func(to io.Writer) Encoder { return New(to, observation, &Scratch{}) },
		"plain": func(to io.Writer) Encoder { return NewPlain(to, observation) },
	}
	for name, encoder := range encoders {
		b.Run("form="+name, func(b *testing.B) {
			columns := observationColumns()
			appendRows(columns, rows)
			to := &counter{}
			e := encoder(to)
			b.ReportAllocs()
			for b.Loop() {
				if err := e.WriteRowGroup(columns); err != nil {
					b.Fatal(err)
				}
			}
			report(b, to)
		})
		b.Run("columns and form="+name, func(b *testing.B) {
			columns := observationColumns()
			to := &counter{}
			e := encoder(to)
			b.ReportAllocs()
			for b.Loop() {
				appendRows(columns, rows)
				if err := e.WriteRowGroup(columns); err != nil {
					b.Fatal(err)
				}
				for _, c := range columns {
					c.Reset()
				}
			}
			report(b, to)
		})
	}
}

func report(b *testing.B, to *counter) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
	b.ReportMetric(float64(to.n)/float64(b.N)/benchRows, "bytes/row")
}

// TestOurFormIsNotLarger compares the sizes of the two forms.
func TestOurFormIsNotLarger(t *testing.T) {
	size := func(encoder func(io.Writer) Encoder) int64 {
		columns := observationColumns()
		appendRows(columns, observationRows())
		to := &counter{}
		e := encoder(to)
		if err := e.WriteRowGroup(columns); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return to.n
	}
	own := size(func(to io.Writer) Encoder { return New(to, observation, &Scratch{}) })
	plain := size(func(to io.Writer) Encoder { return NewPlain(to, observation) })
	if own > plain+plain/10 {
		t.Errorf("our form has %d bytes, the plain form %d", own, plain)
	}
}
