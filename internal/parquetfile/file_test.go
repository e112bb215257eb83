package parquetfile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

func TestSeveralGroupsFillOneFile(t *testing.T) {
	shape := table.Table{Name: "t", Columns: []table.Column{{Name: "text", Type: table.Text}}}
	var b bytes.Buffer
	f := New(&b, shape, nil)
	var want []string
	groups := []*Group{NewGroup(shape, &Scratch{}), NewGroup(shape, &Scratch{})}
	for round := range 3 {
		for n, g := range groups { // both are encoded before one is written
			c := columnar.NewColumn(table.Text)
			for i := range 100 {
				text := fmt.Sprintf("%d %d %d", round, n, i)
				c.(*columnar.Text).Append([]byte(text))
				want = append(want, text)
			}
			if err := g.Encode([]columnar.Column{c}); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range groups {
			if err := f.WriteGroup(g); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, columns := read(t, open(t, b.Bytes()))
	got := columns[0].(*array.String)
	if got.Len() != len(want) {
		t.Fatalf("%d rows, want %d", got.Len(), len(want))
	}
	for i := range want {
		if got.Value(i) != want[i] {
			t.Fatalf("row %d = %q, want %q", i, got.Value(i), want[i])
		}
	}
}

// failing takes some bytes and then none.
type failing struct{ left int }

var errFull = errors.New("no space left")

func (f *failing) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestAnErrorOfTheWriterIsReturned(t *testing.T) {
	whole := len(written(t, []group{{rows: 50, distinct: 9, long: 9}}, 1, ownForm))
	for left := 0; left < whole; left += 13 {
		columns := newColumns()
		group{rows: 50, distinct: 9, long: 9}.fill(columns, rand.New(rand.NewPCG(1, 1)))
		f := New(&failing{left}, allTypes, &Scratch{})
		err := f.WriteRowGroup(columns)
		if err == nil {
			err = f.Close()
		}
		if !errors.Is(err, errFull) {
			t.Fatalf("with room for %d of %d bytes: %v", left, whole, err)
		}
	}
}

func FuzzAPageWithoutMatchesIsAFrame(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), uint16(1000))
	f.Add([]byte("a"), uint16(1))
	f.Add([]byte("aab"), uint16(60000))
	f.Add([]byte("0123456789abcdef-"), uint16((1<<16+3)/3))
	f.Add([]byte("\x00\x01\x02\x03\xff"), uint16(9))
	d, err := zstd.NewReader(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, alphabet []byte, length uint16) {
		if len(alphabet) == 0 {
			return
		}
		r := rand.New(rand.NewPCG(uint64(length), 1))
		page := make([]byte, 3*int(length)+1)
		for i := range page {
			page[i] = alphabet[r.IntN(len(alphabet))]
		}
		var s Scratch
		border := len(page) * int(alphabet[0]) / 256
		frame, ok := s.appendLiteral([]byte("before"), page, border)
		if !ok {
			if string(frame) != "before" {
				t.Errorf("no gain, but %d bytes were written", len(frame))
			}
			return
		}
		got, err := d.DecodeAll(frame[len("before"):], nil)
		if err != nil || !bytes.Equal(got, page) {
			t.Errorf("a page of %d bytes: %d came back, %v", len(page), len(got), err)
		}
	})
}

// sizeOf encodes one column of texts, and returns how many bytes its pages
// have.
func sizeOf(t *testing.T, text func(i int) string) int {
	t.Helper()
	shape := table.Table{Name: "t", Columns: []table.Column{{Name: "c", Type: table.Text}}}
	var s Scratch
	g := NewGroup(shape, &s)
	c := columnar.NewColumn(table.Text).(*columnar.Text)
	for i := range 20_000 {
		c.Append([]byte(text(i)))
	}
	if err := g.Encode([]columnar.Column{c}); err != nil {
		t.Fatal(err)
	}
	return len(s.out)
}

func TestIDsTakeLittleMoreThanTheirDigits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	uuid := func(int) string {
		a, b := r.Uint64(), r.Uint64()
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
	}
	var last string
	twice := func(i int) string {
		if i%2 == 0 {
			last = uuid(i)
		}
		return last
	}
	tests := map[string]struct {
		text func(int) string
		most float64 // bytes a row
	}{
		"a UUID":             {uuid, 19},
		"a UUID, twice":      {twice, 10.5},
		"a key with a UUID":  {func(i int) string { return "Observation/" + uuid(i) }, 20},
		"a counter":          {func(i int) string { return fmt.Sprintf("observation-%09d", i) }, 1},
		"an eight-digit hex": {func(int) string { return fmt.Sprintf("%08x", r.Uint32()) }, 4.5},
	}
	for name, tt := range tests {
		if got := float64(sizeOf(t, tt.text)) / 20_000; got > tt.most {
			t.Errorf("%s takes %.1f bytes, more than %.1f", name, got, tt.most)
		}
	}
}
