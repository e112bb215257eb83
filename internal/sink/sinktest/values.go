package sinktest

import (
	"math"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// values are the promises that what goes in comes out.
var values = []promise{
	{"texts come out as they went in, to the last byte", func(b *bench) { // I10
		texts := []string{
			"", " ", "1.50", "0.10", "1e3", "-0", "0.1234567890123456789012345", "007", "NULL", "null", "true", "2024", "NaN",
			"O'Brien", `say "hi"`, "''", "'); DROP TABLE patient; --", "a\\b", "line\nbreak\r\n", "tab\t", "a\x00b", "\x00",
			"Zoë", "李小龍", "مريم", "👩‍⚕️", "é", "\u202e", "\ufeffbom", `["a","b"]`, strings.Repeat("Ж", 512<<10),
		}
		d := deliver("north", "e1")
		want := map[string]any{}
		for i, text := range texts {
			id := "id-" + string(rune('A'+i))
			d.file(pat(id, t1, text))
			want[id] = text
		}
		b.publish(d)
		got := map[string]any{}
		for _, row := range b.h.Read(b.T, "patient").Rows {
			got[row["id"].(string)] = row["value"]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			b.Errorf("texts (-want +got):\n%s", diff[:min(len(diff), 2000)])
		}
	}},
	{"ids and tenants of any characters are kept apart", func(b *bench) {
		ids := []string{"1", "01", "1 ", "a", "A", "ä", "a/b", "a'b", `a"b`, "%", "_", strings.Repeat("x", 300)}
		d := deliver("north", "e1")
		want := []string{}
		for _, id := range ids {
			d.file(pat(id, t1, "v"))
			want = append(want, "north Patient/"+id+" v")
		}
		b.publish(d)
		b.rows("patient", want...)
		b.publish(deliver("north", "e2").deletes("Patient/A", "Patient/1 ", "Patient/_"))
		if got, want := len(b.h.Read(b.T, "patient").Rows), len(ids)-3; got != want {
			b.Errorf("%d rows after three deletions, want %d", got, want)
		}
	}},
	{"typed values come out as they went in, nulls as nulls", func(b *bench) {
		columns := []table.Column{
			{Name: "b", Type: table.Boolean},
			{Name: "i", Type: table.Int32},
			{Name: "l", Type: table.Int64},
			{Name: "n", Type: table.Double},
			{Name: "d", Type: table.Date},
			{Name: "at", Type: table.Timestamp},
			{Name: "order", Type: table.Text},
		}
		at := func(s string) time.Time { return pat("", s, "").ts().(time.Time) }
		cells := map[string]Row{
			"max": {
				"b": true, "i": int32(math.MaxInt32), "l": int64(math.MaxInt64), "n": math.MaxFloat64, "d": "9999-12-31",
				"at": at("9999-12-31T23:59:59.999999Z"), "order": "x",
			},
			"min": {
				"b": false, "i": int32(math.MinInt32), "l": int64(math.MinInt64), "n": 5e-324, "d": "0001-01-01",
				"at": at("0001-01-01T00:00:00Z"), "order": "",
			},
			"mid": {"b": true, "i": int32(0), "l": int64(0), "n": -0.1, "d": "1969-12-31", "at": at("2024-03-10T02:30:00.123456-08:00"), "order": "y"},
			"non": {"b": nil, "i": nil, "l": nil, "n": nil, "d": nil, "at": nil, "order": nil},
		}
		wide := widened(patient, columns...)
		d := deliver("north", "e1").into(wide)
		for id, row := range cells {
			l := pat(id, "", "v")
			l.cells = row
			d.file(l)
		}
		b.publish(d)
		got := map[string]Row{}
		for _, r := range b.h.Read(b.T, "patient").Rows {
			id := r["id"].(string)
			got[id] = Row{}
			for _, c := range columns {
				got[id][c.Name] = r[c.Name]
			}
		}
		if diff := cmp.Diff(seen(cells), got); diff != "" {
			b.Errorf("typed values (-want +got):\n%s", diff)
		}
	}},
	{"rows say from which line they come", func(b *bench) {
		b.publish(deliver("north", "e1", obs("9", t1, "o"), pat("1", t1, "Ann"), pat("2", t1, "Bob")))
		b.cells("patient", table.SourceFile, "north Patient/1 e1/0-output-1-Patient", "north Patient/2 e1/0-output-1-Patient")
		b.cells("patient", table.SourceLine, "north Patient/1 1", "north Patient/2 2")
		b.publish(deliver("north", "e2", pat("2", t2, "Bo")))
		b.cells("patient", table.SourceFile, "north Patient/1 e1/0-output-1-Patient", "north Patient/2 e2/0-output-0-Patient")
	}},
}

// seen gives cells as Contents have them.
func seen(cells map[string]Row) map[string]Row {
	out := map[string]Row{}
	for id, row := range cells {
		out[id] = Row{}
		for name, v := range row {
			switch v := v.(type) {
			case int32:
				out[id][name] = int64(v)
			case time.Time:
				out[id][name] = v.UTC().Format(time.RFC3339Nano)
			default:
				out[id][name] = v
			}
		}
	}
	return out
}
