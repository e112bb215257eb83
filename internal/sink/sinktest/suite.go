// Package sinktest is the contract of package sink as tests. A sink's own test
// is a harness and one call of Run; a sink passes the suite whole, or it is not
// a sink. The suite writes the staged Parquet files itself, from small tables
// in the shapes of package table.
package sinktest

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
)

// A Harness gives the suite a sink and a way to look behind it.
type Harness interface {
	// Open returns a sink on the harness's storage, as a new process would.
	Open(t *testing.T) sink.Sink
	// Read returns a current table with the rows of all tenants, as another
	// program sees it. A table that does not exist has no columns.
	Read(t *testing.T, table string) Contents
}

// Contents are what a table holds.
type Contents struct {
	Columns []string
	Rows    []Row
}

// A Row maps a column to its value: nil, a string, a bool, an int64 or a
// float64; dates are as 2006-01-02, timestamps as RFC 3339 in UTC.
type Row map[string]any

// Run checks every promise of sink.Sink. newHarness is called for each of
// them, and gives empty storage.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, group := range [][]promise{lines, parts, removals, links, publications, shapes, values, wholeWay} {
		for _, p := range group {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.test(newBench(t, newHarness(t)))
			})
		}
	}
	t.Run("any sequence of deliveries gives what the model gives", func(t *testing.T) {
		t.Parallel()
		testModel(t, newHarness(t))
	})
}

// A promise is a sentence of the contract with its proof.
type promise struct {
	name string
	test func(b *bench)
}

// A bench is where one promise is tested.
type bench struct {
	*testing.T
	h     Harness
	sink  sink.Sink
	stage *stage
}

func newBench(t *testing.T, h Harness) *bench {
	return &bench{T: t, h: h, sink: h.Open(t), stage: &stage{T: t, dir: t.TempDir()}}
}

// publish publishes and returns the receipt.
func (b *bench) publish(d *delivery) sink.Receipt {
	b.Helper()
	before := time.Now().Add(-time.Second)
	r, err := b.sink.Publish(b.Context(), b.stage.write(d))
	if err != nil {
		b.Fatalf("Publish of export %s: %v", d.export, err)
	}
	if r.Export != d.export || r.PublishedAt.Before(before) || r.PublishedAt.After(time.Now()) {
		b.Errorf("receipt of export %s: export %q at %v", d.export, r.Export, r.PublishedAt)
	}
	return r
}

// counts compares a receipt.
func (b *bench) counts(r sink.Receipt, want ...sink.TypeCount) {
	b.Helper()
	if diff := cmp.Diff(want, r.Types); diff != "" {
		b.Errorf("receipt of export %s (-want +got):\n%s", r.Export, diff)
	}
}

// rows compares a table, as "tenant resource-key value", in any order.
func (b *bench) rows(table string, want ...string) {
	b.Helper()
	if diff := cmp.Diff(sorted(want), brief(b.h.Read(b.T, table))); diff != "" {
		b.Errorf("table %s (-want +got):\n%s", table, diff)
	}
}

func brief(c Contents) []string {
	var list []string
	for _, r := range c.Rows {
		value, there := r["value"]
		if !there {
			value = r["json"]
		}
		if value == nil {
			value = "NULL"
		}
		list = append(list, fmt.Sprintf("%v %v %v", r["tenant_id"], r["resource_key"], value))
	}
	return sorted(list)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// ReadRows reads all rows into Contents and closes rows.
func ReadRows(t *testing.T, rows *sql.Rows) Contents {
	t.Helper()
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	var c Contents
	for _, column := range types {
		c.Columns = append(c.Columns, column.Name())
	}
	for rows.Next() {
		cells := make([]any, len(types))
		into := make([]any, len(types))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := Row{}
		for i, v := range cells {
			row[c.Columns[i]] = cell(v, types[i].DatabaseTypeName())
		}
		c.Rows = append(c.Rows, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func cell(v any, sqlType string) any {
	switch v := v.(type) {
	case int32:
		return int64(v)
	case time.Time:
		if sqlType == "DATE" {
			return v.Format(time.DateOnly)
		}
		return v.UTC().Format(time.RFC3339Nano)
	}
	return v
}
