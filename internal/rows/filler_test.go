package rows_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/rows/rowstest"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// writer is a writer of a table with the columns of fills, and what it writes.
func writer(fills []views.Fill, maxRows int) (*rows.Writer, *bytes.Buffer) {
	shape := table.Table{Name: "t"}
	for _, f := range fills {
		shape.Columns = append(shape.Columns, f.Column)
	}
	var b bytes.Buffer
	return rows.NewWriter(rows.Options{
		Table: shape, Constant: map[string]string{table.TenantID: "north"}, MaxRows: maxRows,
		Open: func() (io.Writer, error) { return &b, nil },
	}), &b
}

func fill(name string, t table.Type, from int, as views.Source) views.Fill {
	return views.Fill{Column: table.Column{Name: name, Type: t}, From: from, As: as}
}

func text(s string) sqlonfhir.Value {
	return sqlonfhir.Value{Kind: sqlonfhir.String, Text: []byte(s)}
}

func value(kind sqlonfhir.Kind, s string) sqlonfhir.Value {
	return sqlonfhir.Value{Kind: kind, Text: []byte(s)}
}

func TestAValueComesAsItsSourceSays(t *testing.T) {
	tests := map[string]struct {
		typ    table.Type
		as     views.Source
		values []sqlonfhir.Value
		want   []string
	}{
		"texts": {
			table.Text, views.Plain,
			[]sqlonfhir.Value{text("a"), {}, text(""), value(sqlonfhir.Decimal, "1.50"), {
				Kind: sqlonfhir.Collection, Items: []sqlonfhir.Value{text(`"`), value(sqlonfhir.Integer, "2")},
			}},
			[]string{"a", "NULL", "", "1.50", `["\"",2]`},
		},
		"booleans": {
			table.Boolean, views.Plain,
			[]sqlonfhir.Value{value(sqlonfhir.Boolean, "true"), {}, value(sqlonfhir.Boolean, "false")},
			[]string{"true", "NULL", "false"},
		},
		"integers": {
			table.Int32, views.Plain,
			[]sqlonfhir.Value{value(sqlonfhir.Integer, "-7"), {}, value(sqlonfhir.Integer, "2147483647")},
			[]string{"-7", "NULL", "2147483647"},
		},
		"long integers": {
			table.Int64, views.Plain,
			[]sqlonfhir.Value{text("-9223372036854775808"), {}, value(sqlonfhir.Integer, "12")},
			[]string{"-9223372036854775808", "NULL", "12"},
		},
		"dates": {
			table.Date, views.Date,
			[]sqlonfhir.Value{text("2020-02-29"), text("2020-02-29"), {}, text("2020-02"), text("2020-02-29T10:00:00Z")},
			[]string{"2020-02-29", "2020-02-29", "NULL", "NULL", "2020-02-29"},
		},
		"times": {
			table.Timestamp, views.Time,
			[]sqlonfhir.Value{text("2020-02-29T10:00:00Z"), text("2020-02-29"), text("2020-02-29T10:00:00+02:00"), text("2020-02-29T10:00:00+02:00")},
			[]string{"2020-02-29T10:00:00Z", "NULL", "2020-02-29T08:00:00Z", "2020-02-29T08:00:00Z"},
		},
		"numbers": {
			table.Double, views.Number,
			[]sqlonfhir.Value{value(sqlonfhir.Decimal, "1.50"), text("1.50"), {}, value(sqlonfhir.Integer, "3")},
			[]string{"1.5", "NULL", "NULL", "3"},
		},
		"types of references": {
			table.Text, views.RefType,
			[]sqlonfhir.Value{{Kind: sqlonfhir.String, Text: []byte("1"), RefType: []byte("Patient")}, text("x"), {}},
			[]string{"Patient", "NULL", "NULL"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fills := []views.Fill{
				fill(table.TenantID, table.Text, -1, views.Tenant), fill("c", tt.typ, 0, tt.as),
				fill(table.ResourceKey, table.Text, -1, views.Key), fill(table.SourceLine, table.Int64, -1, views.LineCount),
			}
			to, b := writer(fills, 0)
			f := rows.NewFiller("v", fills, to)
			f.Key, f.Line = []byte("Patient/1"), 9
			want := [][]string{{table.TenantID, "c", table.ResourceKey, table.SourceLine}}
			for i, v := range tt.values {
				if err := f.Add([]sqlonfhir.Value{v}); err != nil {
					t.Fatal(err)
				}
				want = append(want, []string{"north", tt.want[i], "Patient/1", "9"})
			}
			if err := to.Keep(1); err != nil {
				t.Fatal(err)
			}
			if err := to.Finish(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, rowstest.Read(t, b.Bytes())); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAMisfitNamesTheViewAndTheColumn(t *testing.T) {
	tests := map[table.Type][]sqlonfhir.Value{
		table.Boolean: {text("true"), value(sqlonfhir.Integer, "1")},
		table.Int32:   {value(sqlonfhir.Integer, "2147483648"), text("1"), value(sqlonfhir.Decimal, "1.0")},
		table.Int64:   {value(sqlonfhir.Integer, "9223372036854775808"), text("x"), value(sqlonfhir.Boolean, "true")},
	}
	for typ, values := range tests {
		for _, v := range values {
			fills := []views.Fill{fill("id", table.Text, 1, views.Plain), fill("c", typ, 0, views.Plain)}
			to, b := writer(fills, 0)
			f := rows.NewFiller("v", fills, to)
			err := f.Add([]sqlonfhir.Value{v, text("of a refused line")})
			if m, ok := errors.AsType[*rows.Misfit](err); !ok || *m != (rows.Misfit{View: "v", Column: "c"}) {
				t.Errorf("%s of kind %v: %v", typ, v.Kind, err)
			}
			to.Drop()
			if to.Held() != 0 || to.Pending() != 0 {
				t.Errorf("%s: %d rows are held after a misfit", typ, to.Held())
			}
			if err := to.FinishFile(); err != nil || bytes.Contains(b.Bytes(), []byte("refused")) {
				t.Errorf("%s: %v, or the file has something of the line", typ, err)
			}
		}
	}
}

func TestRowsOfDroppedLinesAreNotWritten(t *testing.T) {
	fills := []views.Fill{fill("c", table.Text, 0, views.Plain), fill("n", table.Int32, 1, views.Plain)}
	to, b := writer(fills, 3)
	f := rows.NewFiller("v", fills, to)
	want := [][]string{{"c", "n"}}
	for line := range 20 {
		for row := range line % 4 {
			s := strings.Repeat("x", line*10+row)
			if err := f.Add([]sqlonfhir.Value{text(s), {}}); err != nil {
				t.Fatal(err)
			}
			if line%3 != 0 {
				want = append(want, []string{s, "NULL"})
			}
		}
		if line%3 == 0 {
			to.Drop()
			continue
		}
		if err := to.Keep(10); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Finish(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, rowstest.Read(t, b.Bytes())); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if got := to.Written(); got != int64(len(want)-1) {
		t.Errorf("%d rows written, want %d", got, len(want)-1)
	}
	if diff := cmp.Diff(map[string]int64{"c": to.Written()}, to.Filled()); diff != "" {
		t.Errorf("filled (-want +got):\n%s", diff)
	}
}

func TestLongRowsEndTheRowGroupEarly(t *testing.T) {
	fills := []views.Fill{fill("c", table.Text, 0, views.Plain)}
	to, _ := writer(fills, 0)
	long := make([]byte, 1<<20)
	most := 0
	for n := range 40 {
		long[0] = byte(n)
		to.Columns()[0].(*columnar.Text).Append(long)
		if err := to.Keep(len(long)); err != nil {
			t.Fatal(err)
		}
		most = max(most, to.Size())
	}
	if most > 10<<20 || to.Written() == 0 {
		t.Errorf("up to %d bytes were held, %d rows are written", most, to.Written())
	}
}
