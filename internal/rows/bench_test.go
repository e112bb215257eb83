package rows

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// observationFills are the columns of a table like that of Observation: 14 of
// the view, their companions, and those of every table.
func observationFills() ([]views.Fill, table.Table) {
	text := func(name string, from int) views.Fill {
		return views.Fill{Column: table.Column{Name: name, Type: table.Text}, From: from, As: views.Plain}
	}
	fills := []views.Fill{
		{Column: table.Column{Name: table.TenantID, Type: table.Text}, From: -1, As: views.Tenant},
		text("id", 0), text("status", 1), text("category_code", 2), text("code_system", 3), text("code", 4),
		text("code_display", 5), text("patient_id", 6), text("encounter_id", 7), text("effective", 8),
		{Column: table.Column{Name: "effective_date", Type: table.Date}, From: 8, As: views.Date},
		{Column: table.Column{Name: "effective_ts", Type: table.Timestamp}, From: 8, As: views.Time},
		text("issued", 9),
		{Column: table.Column{Name: "issued_ts", Type: table.Timestamp}, From: 9, As: views.Time},
		text("value", 10),
		{Column: table.Column{Name: "value_num", Type: table.Double}, From: 10, As: views.Number},
		text("value_unit", 11), text("value_code", 12),
		{Column: table.Column{Name: "value_boolean", Type: table.Boolean}, From: 13, As: views.Plain},
		{Column: table.Column{Name: table.ResourceKey, Type: table.Text}, From: -1, As: views.Key},
		{Column: table.Column{Name: table.SourceFile, Type: table.Text}, From: -1, As: views.FileName},
		{Column: table.Column{Name: table.SourceLine, Type: table.Int64}, From: -1, As: views.LineCount},
	}
	t := table.Table{Name: "observation", ResourceType: "Observation"}
	for _, f := range fills {
		t.Columns = append(t.Columns, f.Column)
	}
	return fills, t
}

// observations are the texts of the view's columns, row by row, one behind the
// other. Ids are never repeated; patients, encounters and times come in runs,
// codes often.
type observations struct {
	text []byte
	ends []uint32
	keys []byte // "Observation/<id>", one behind the other
}

const (
	viewColumns = 14
	keyLength   = len("Observation/") + 36
)

func newObservations(rows int) *observations {
	o := &observations{}
	r := rand.New(rand.NewPCG(4, 4))
	uuid := func() string {
		a, b := r.Uint64(), r.Uint64()
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
	}
	patient, encounter := uuid(), uuid()
	at := time.UnixMilli(1_400_000_000_000).UTC()
	for range rows {
		if r.IntN(400) == 0 {
			patient = uuid()
		}
		if r.IntN(10) == 0 {
			encounter = uuid()
			at = time.UnixMilli(1_300_000_000_000 + r.Int64N(400_000_000_000)).UTC()
		}
		code, id := r.IntN(140), uuid()
		value, unit := "", ""
		if code%5 != 0 {
			n := r.IntN(2000)
			value, unit = fmt.Sprintf("%d.%d", n/10, n%10), fmt.Sprintf("mg/%d", code%20)
		}
		o.keys = append(o.keys, "Observation/"+id...)
		for _, text := range [viewColumns]string{
			id, "final", []string{"laboratory", "vital-signs", "survey"}[code%3], "http://loinc.org",
			fmt.Sprintf("%d-%d", 2000+code*37, code%10), fmt.Sprintf("Something that is measured %d [Mass/volume] in Blood", code),
			patient, encounter, at.Format("2006-01-02T15:04:05-07:00"), at.Format("2006-01-02T15:04:05.000-07:00"), value, unit, unit, "",
		} {
			o.text = append(o.text, text...)
			o.ends = append(o.ends, uint32(len(o.text)))
		}
	}
	return o
}

// write adds all rows through f and keeps them in to.
func (o *observations) write(f *Filler, to *Writer) error {
	var row [viewColumns]sqlonfhir.Value
	begin := uint32(0)
	for i := range len(o.ends) / viewColumns {
		for c, end := range o.ends[i*viewColumns : (i+1)*viewColumns] {
			row[c] = sqlonfhir.Value{}
			if end > begin {
				row[c].Kind, row[c].Text = sqlonfhir.String, o.text[begin:end]
			}
			begin = end
		}
		if row[10].Kind != sqlonfhir.Null {
			row[10].Kind = sqlonfhir.Decimal
		}
		f.Key, f.Line = o.keys[i*keyLength:(i+1)*keyLength], int64(i+1)
		if err := f.Add(row[:]); err != nil {
			return err
		}
		if err := to.Keep(700); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkWrite fills and encodes row groups of 22 columns like those of
// Observation.
func BenchmarkWrite(b *testing.B) {
	fills, shape := observationFills()
	o := newObservations(RowGroupRows)
	to := NewWriter(Options{
		Table: shape, Constant: map[string]string{table.TenantID: "north", table.SourceFile: "e1/0-output-0-Observation"},
		Open: func() (io.Writer, error) { return io.Discard, nil },
	})
	f := NewFiller("observation", fills, to)
	b.ReportAllocs()
	for b.Loop() {
		if err := o.write(f, to); err != nil {
			b.Fatal(err)
		}
	}
	if to.Held() > 0 {
		b.Fatalf("%d rows were not encoded", to.Held())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/RowGroupRows, "ns/row")
}

// BenchmarkFill fills the columns only.
func BenchmarkFill(b *testing.B) {
	fills, shape := observationFills()
	o := newObservations(RowGroupRows)
	to := NewWriter(Options{
		Table: shape, Constant: map[string]string{table.TenantID: "north", table.SourceFile: "e1/0-output-0-Observation"},
		MaxRows: 2 * RowGroupRows, // is never written
	})
	f := NewFiller("observation", fills, to)
	b.ReportAllocs()
	for b.Loop() {
		if err := o.write(f, to); err != nil {
			b.Fatal(err)
		}
		for _, c := range to.columns {
			c.Reset()
		}
		to.mark, to.read = 0, 0
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/RowGroupRows/float64(len(fills)), "ns/value")
}
