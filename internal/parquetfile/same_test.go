package parquetfile

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

var allTypes = table.Table{Name: "all", Columns: []table.Column{
	{Name: "tenant", Type: table.Text},
	{Name: "text", Type: table.Text},
	{Name: "long", Type: table.Text},
	{Name: "flag", Type: table.Boolean},
	{Name: "count", Type: table.Int32},
	{Name: "big", Type: table.Int64},
	{Name: "number", Type: table.Double},
	{Name: "day", Type: table.Date},
	{Name: "at", Type: table.Timestamp},
}}

// A group says what the rows of a row group are like.
type group struct {
	rows     int
	nulls    int  // of 100 values, so many
	distinct int  // different values of a column
	long     int  // greatest length of a long text
	runs     int  // so many rows have the same value
	dropped  int  // so many rows are dropped behind each thousand
	ordered  bool // values grow with the rows
}

// newColumns makes the columns of allTypes.
func newColumns() []columnar.Column {
	columns := []columnar.Column{columnar.NewConst("north")}
	for _, c := range allTypes.Columns[1:] {
		columns = append(columns, columnar.NewColumn(c.Type))
	}
	return columns
}

// fill adds the rows of a group.
func (g group) fill(columns []columnar.Column, r *rand.Rand) {
	n := 0
	pick := 0
	for row := range g.rows {
		if row%max(g.runs, 1) == 0 {
			pick = r.IntN(max(g.distinct, 1))
		}
		if g.ordered {
			pick = 1000 + row
		}
		addRow(columns, pick, g, r)
		if n++; g.dropped > 0 && n%1000 == 0 {
			for _, c := range columns {
				c.Truncate(c.Len() - g.dropped)
			}
			for range g.dropped {
				addRow(columns, r.IntN(max(g.distinct, 1)), g, r)
			}
		}
	}
}

func addRow(columns []columnar.Column, pick int, g group, r *rand.Rand) {
	for i, c := range columns {
		if _, constant := c.(*columnar.Const); !constant && r.IntN(100) < g.nulls {
			c.Null()
			continue
		}
		switch c := c.(type) {
		case *columnar.Const:
			c.Append()
		case *columnar.Text:
			if g.ordered {
				c.Append(fmt.Appendf(nil, "Observation/%d", pick*7919))
				continue
			}
			if allTypes.Columns[i].Name == "long" {
				c.Append([]byte(strings.Repeat("é€", r.IntN(g.long/5+1))))
				continue
			}
			if pick%17 == 0 {
				c.Append(nil)
				continue
			}
			c.Append(fmt.Appendf(nil, "%07d\xc3\xa9-%x", pick, pick*7919))
		case *columnar.Bool:
			c.Append(pick%3 == 0)
		case *columnar.Int32:
			if allTypes.Columns[i].Type == table.Date {
				c.Append(int32(pick%2_000_000) - 700_000)
				continue
			}
			c.Append([]int32{int32(pick), int32(pick*7919) - 1000, math.MinInt32, math.MaxInt32}[kindOf(pick, g)])
		case *columnar.Int64:
			if allTypes.Columns[i].Type == table.Timestamp {
				c.Append(int64(pick%2_000_000_000)*1e6 - 7e11)
				continue
			}
			c.Append([]int64{int64(pick), int64(pick)*7919_000_000_007 - 1000, math.MinInt64, math.MaxInt64}[kindOf(pick, g)])
		case *columnar.Double:
			c.Append(float64(pick%1000)/8 - 4.01)
		}
	}
}

// kindOf says whether a number is small, large or extreme.
func kindOf(pick int, g group) int {
	switch {
	case g.ordered:
		return 0
	case pick%23 == 0:
		return 2 + pick%2
	}
	return 1
}

// written writes row groups with an encoder.
func written(t testing.TB, groups []group, seed uint64, encoder func(io.Writer) Encoder) []byte {
	t.Helper()
	var b bytes.Buffer
	e := encoder(&b)
	r := rand.New(rand.NewPCG(seed, 1))
	columns := newColumns()
	for _, g := range groups {
		g.fill(columns, r)
		if err := e.WriteRowGroup(columns); err != nil {
			t.Fatal(err)
		}
		for _, c := range columns {
			c.Reset()
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func plainForm(to io.Writer) Encoder { return NewPlain(to, allTypes) }
func ownForm(to io.Writer) Encoder   { return New(to, allTypes, &Scratch{}) }

// open reads a file's footer.
func open(t testing.TB, content []byte) *file.Reader {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// read returns a file's schema and its columns, each in one piece.
func read(t testing.TB, f *file.Reader) (*arrow.Schema, []arrow.Array) {
	t.Helper()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.ReadTable(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(all.Release)
	var columns []arrow.Array
	for i := range int(all.NumCols()) {
		chunks := all.Column(i).Data().Chunks()
		if len(chunks) == 0 {
			columns = append(columns, nil)
			continue
		}
		whole, err := array.Concatenate(chunks, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(whole.Release)
		columns = append(columns, whole)
	}
	return all.Schema(), columns
}

// compare writes the groups in both forms and reads them back.
func compare(t *testing.T, groups []group, seed uint64) {
	t.Helper()
	want, got := open(t, written(t, groups, seed, plainForm)), open(t, written(t, groups, seed, ownForm))
	if !got.MetaData().Schema.Equals(want.MetaData().Schema) {
		t.Errorf("schema:\n%s\nwant:\n%s", got.MetaData().Schema, want.MetaData().Schema)
	}
	if got.NumRows() != want.NumRows() {
		t.Errorf("%d rows, want %d", got.NumRows(), want.NumRows())
	}
	wantSchema, wantColumns := read(t, want)
	gotSchema, gotColumns := read(t, got)
	if !gotSchema.Equal(wantSchema) {
		t.Errorf("schema:\n%s\nwant:\n%s", gotSchema, wantSchema)
	}
	for i, w := range wantColumns {
		if w == nil && gotColumns[i] == nil {
			continue
		}
		if w == nil || gotColumns[i] == nil || !array.Equal(w, gotColumns[i]) {
			t.Errorf("column %s differs", allTypes.Columns[i].Name)
		}
	}
	checkBounds(t, got, gotColumns)
}

// checkBounds demands of each row group the count of nulls, and bounds that are
// the least and the greatest value. They cannot be the plain form's, which
// leaves out empty texts.
func checkBounds(t *testing.T, f *file.Reader, columns []arrow.Array) {
	t.Helper()
	from := int64(0)
	for g := range f.NumRowGroups() {
		rows := f.MetaData().RowGroup(g).NumRows()
		for c := range allTypes.Columns {
			part := array.NewSlice(columns[c], from, from+rows)
			want, got := boundsOf(part), bounds(t, f, g, c)
			part.Release()
			tooLong := len(want.min) > maxBound || len(want.max) > maxBound
			if want.known = want.known && !tooLong; !want.known {
				want.min, want.max = "", ""
			}
			if got != want {
				t.Errorf("row group %d, column %s: %+v, want %+v", g, allTypes.Columns[c].Name, got, want)
			}
		}
		from += rows
	}
}

type columnBounds struct {
	nulls    int64
	known    bool
	min, max string // encoded as PLAIN, texts without their length
}

func bounds(t *testing.T, f *file.Reader, g, c int) columnBounds {
	t.Helper()
	chunk, err := f.MetaData().RowGroup(g).ColumnChunk(c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := chunk.Statistics()
	if err != nil {
		t.Fatal(err)
	}
	b := columnBounds{nulls: s.NullCount(), known: s.HasMinMax()}
	if b.known {
		b.min, b.max = string(s.EncodeMin()), string(s.EncodeMax())
	}
	return b
}

func boundsOf(a arrow.Array) columnBounds {
	switch a := a.(type) {
	case *array.String:
		return leastAndGreatest(a, strings.Compare, func(v string) string { return v })
	case *array.Boolean:
		return leastAndGreatest(a, func(x, y bool) int { return cmp.Compare(bit(x), bit(y)) },
			func(v bool) string { return string([]byte{bit(v)}) })
	case *array.Int32:
		return leastAndGreatest(a, cmp.Compare[int32], encoded[int32])
	case *array.Int64:
		return leastAndGreatest(a, cmp.Compare[int64], encoded[int64])
	case *array.Date32:
		return leastAndGreatest(a, cmp.Compare[arrow.Date32], encoded[arrow.Date32])
	case *array.Timestamp:
		return leastAndGreatest(a, cmp.Compare[arrow.Timestamp], encoded[arrow.Timestamp])
	case *array.Float64:
		return leastAndGreatest(a, cmp.Compare[float64], encoded[float64])
	}
	panic("an array of another type")
}

func leastAndGreatest[T arrow.ValueType](a arrow.TypedArray[T], compare func(x, y T) int, encode func(T) string) columnBounds {
	b := columnBounds{nulls: int64(a.NullN())}
	var least, greatest T
	for i := range a.Len() {
		if a.IsNull(i) {
			continue
		}
		v := a.Value(i)
		if !b.known || compare(v, least) < 0 {
			least = v
		}
		if !b.known || compare(v, greatest) > 0 {
			greatest = v
		}
		b.known = true
	}
	if b.known {
		b.min, b.max = encode(least), encode(greatest)
	}
	return b
}

func encoded[T any](v T) string {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func TestBothFormsReadTheSame(t *testing.T) {
	tests := map[string][]group{
		"no row group":                        nil,
		"a row group without rows":            {{}},
		"one row":                             {{rows: 1, distinct: 1, long: 10}},
		"one null":                            {{rows: 1, nulls: 100}},
		"seven rows":                          {{rows: 7, nulls: 20, distinct: 5, long: 10}},
		"few values":                          {{rows: 3000, nulls: 30, distinct: 12, long: 100}},
		"no nulls":                            {{rows: 17_000, distinct: 200, long: 20}},
		"nulls only":                          {{rows: 40_000, nulls: 100}},
		"one value":                           {{rows: 18_000, distinct: 1, long: 10}},
		"many values":                         {{rows: 10_000, nulls: 10, distinct: 1 << 30, long: 10}},
		"long runs":                           {{rows: 17_000, distinct: 100, long: 10, runs: 700}},
		"long runs with nulls":                {{rows: 17_000, nulls: 1, distinct: 100, long: 10, runs: 100}},
		"long texts":                          {{rows: 600, nulls: 10, distinct: 100, long: 5000}},
		"texts longer than pages":             {{rows: 30, nulls: 10, distinct: 100, long: 400_000}},
		"a large row group":                   {{rows: 70_000, nulls: 5, distinct: 2000, long: 10}},
		"ordered values":                      {{rows: 20_000, ordered: true, long: 10}, {rows: 3_000, nulls: 40, ordered: true, long: 10}},
		"dropped rows":                        {{rows: 9_000, nulls: 5, distinct: 4000, long: 10, dropped: 30}},
		"a dictionary that turns plain":       {{rows: 3000, distinct: 50, long: 10}, {rows: 12_000, distinct: 1 << 30, long: 10}, {rows: 3000, nulls: 50, distinct: 50, long: 10}},
		"nulls between row groups of values":  {{rows: 900, distinct: 50, long: 10}, {rows: 900, nulls: 100}, {rows: 900, distinct: 50, long: 10}},
		"row groups of all sizes up to forty": upTo(40),
	}
	for name, groups := range tests {
		t.Run(name, func(t *testing.T) { compare(t, groups, 3) })
	}
}

func upTo(n int) (groups []group) {
	for rows := range n {
		groups = append(groups, group{rows: rows + 1, nulls: rows * 3 % 100, distinct: rows, long: rows})
	}
	return groups
}

func FuzzBothFormsReadTheSame(f *testing.F) {
	f.Add(uint64(1), uint16(100), uint8(10), uint32(20), uint16(50), uint16(0), uint8(0))
	f.Add(uint64(2), uint16(20000), uint8(0), uint32(1<<30), uint16(9), uint16(90), uint8(3))
	f.Add(uint64(3), uint16(900), uint8(99), uint32(3), uint16(60000), uint16(1), uint8(200))
	f.Fuzz(func(t *testing.T, seed uint64, rows uint16, nulls uint8, distinct uint32, long, runs uint16, dropped uint8) {
		r := rand.New(rand.NewPCG(seed, 2))
		var groups []group
		for budget := 4 << 20; len(groups) < 3; {
			g := group{
				rows: r.IntN(int(rows) + 1), nulls: min(int(nulls), 100), distinct: int(distinct), long: int(long),
				runs: int(runs), dropped: int(dropped),
			}
			if budget -= g.rows * (g.long/2 + 40); budget < 0 {
				break
			}
			groups = append(groups, g)
		}
		compare(t, groups, seed)
	})
}

func TestBoundsOfNumbersCoverBothZeros(t *testing.T) {
	negative := math.Float64bits(math.Copysign(0, -1))
	for _, values := range [][]uint64{{0}, {negative}, {0, negative}} {
		low, high := doubleBounds(values)
		if low != negative || high != 0 {
			t.Errorf("bounds of %x = %x, %x", values, low, high)
		}
	}
}

func TestDoublesThatGrowAreRead(t *testing.T) {
	t.Parallel()
	one := table.Table{Name: "one", Columns: []table.Column{{Name: "number", Type: table.Double}}}
	c := columnar.NewColumn(table.Double).(*columnar.Double)
	const n = 3000
	for i := range n {
		c.Append(1e6 + float64(i)/2) // their bits differ little
	}
	var b bytes.Buffer
	f := New(&b, one, &Scratch{})
	if err := f.WriteRowGroup([]columnar.Column{c}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, columns := read(t, open(t, b.Bytes()))
	got := columns[0].(*array.Float64)
	for i := range n {
		if want := 1e6 + float64(i)/2; got.Value(i) != want {
			t.Fatalf("row %d is %v, want %v", i, got.Value(i), want)
		}
	}
}
