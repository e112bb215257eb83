package views

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

func TestCompanionsFollowTheirColumn(t *testing.T) {
	t.Parallel()
	got, err := fills([]sqlonfhir.Column{
		{Name: "id", Type: "string"},
		{Name: "born", Type: "date"},
		{Name: "seen", Type: "dateTime"},
		{Name: "sent", Type: "instant"},
		{Name: "dose", Type: "decimal"},
		{Name: "who_id", Type: "string", ReferenceKey: true},
		{Name: "rank", Type: "positiveInt"},
		{Name: "size", Type: "integer64"},
		{Name: "active", Type: "boolean"},
		{Name: "days", Type: "date", Collection: true},
		{Name: "untyped"},
	})
	if err != nil {
		t.Fatal(err)
	}
	col := func(name string, typ table.Type, from int, as Source) Fill {
		return Fill{table.Column{Name: name, Type: typ}, from, as}
	}
	want := []Fill{
		col("tenant_id", table.Text, -1, Tenant),
		col("id", table.Text, 0, Plain),
		col("born", table.Text, 1, Plain), col("born_date", table.Date, 1, Date),
		col("seen", table.Text, 2, Plain), col("seen_date", table.Date, 2, Date), col("seen_ts", table.Timestamp, 2, Time),
		col("sent", table.Text, 3, Plain), col("sent_ts", table.Timestamp, 3, Time),
		col("dose", table.Text, 4, Plain), col("dose_num", table.Double, 4, Number),
		col("who_id", table.Text, 5, Plain), col("who_id_type", table.Text, 5, RefType),
		col("rank", table.Int32, 6, Plain),
		col("size", table.Int64, 7, Plain),
		col("active", table.Boolean, 8, Plain),
		col("days", table.Text, 9, Plain),
		col("untyped", table.Text, 10, Plain),
		col("resource_key", table.Text, -1, Key),
		col("source_file", table.Text, -1, FileName),
		col("source_line", table.Int64, -1, LineCount),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fills (-want +got):\n%s", diff)
	}
}

func TestTableNamesAreRefusedWhenTheyClash(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		columns []sqlonfhir.Column
		want    string
	}{
		{
			"companion after",
			[]sqlonfhir.Column{{Name: "seen", Type: "dateTime"}, {Name: "seen_ts"}},
			`column "seen_ts": the name is taken by the time companion of column "seen"`,
		},
		{
			"companion before",
			[]sqlonfhir.Column{{Name: "born_date"}, {Name: "born", Type: "date"}},
			`column "born_date": the name is taken by the date companion of column "born"`,
		},
		{
			"reference type",
			[]sqlonfhir.Column{{Name: "a", ReferenceKey: true}, {Name: "a_type"}},
			`column "a_type": the name is taken by the ref_type companion of column "a"`,
		},
		{"tenant", []sqlonfhir.Column{{Name: "tenant_id"}}, `column "tenant_id": every table has`},
		{"key", []sqlonfhir.Column{{Name: "resource_key"}}, `column "resource_key": every table has`},
		{"upper case", []sqlonfhir.Column{{Name: "birthDate"}}, `column "birthDate": a name is lower-case`},
		{"too long", []sqlonfhir.Column{{Name: strings.Repeat("a", 64)}}, "at most 63"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := fills(c.columns); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
