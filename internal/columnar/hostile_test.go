package columnar

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// meeting returns a text of 16 bytes whose hash is 0, whatever n is.
func meeting(n uint64) []byte {
	k := key{head: 0xa0761d6478bd642f, tail: n, length: 16}
	if k.hash(nil) != 0 {
		panic("the hash has changed: find other texts that meet")
	}
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, k.head), n)
}

func TestTextsThatMeetInTheTableGetNoDictionary(t *testing.T) {
	c := newText()
	const n = 10_000
	for i := range uint64(n) {
		c.Append(meeting(i % 5000))
	}
	if c.Dictionary() {
		t.Error("there is a dictionary still")
	}
	a := c.Array().(*array.String)
	defer a.Release()
	for i := range n {
		if a.Value(i) != string(meeting(uint64(i%5000))) {
			t.Fatalf("row %d is another", i)
		}
	}
}

func TestOrdinaryTextsKeepTheirDictionary(t *testing.T) {
	c := newText()
	var text []byte
	for i := range 200_000 {
		text = append(binary.BigEndian.AppendUint32(text[:0], uint32(i/8)), "-organization"...)
		c.Append(text)
	}
	if !c.Dictionary() {
		t.Error("texts that each come eight times have no dictionary")
	}
}

func TestADictionaryHasNoTextOfDroppedRows(t *testing.T) {
	c := newText()
	for _, text := range []string{"a", "b"} {
		c.Append([]byte(text))
	}
	c.Append([]byte("of a refused line"))
	c.Truncate(2)
	c.Null()
	c.Append([]byte("c"))
	c.Append([]byte("a"))
	c.Validity()
	text, _ := c.Texts().Raw()
	if string(text) != "abc" {
		t.Errorf("the dictionary is %q", text)
	}
	if got := c.Index(); len(got) != 5 || got[3] != 2 || got[4] != 0 {
		t.Errorf("index = %v", got)
	}
}

func TestEqualKeysOfShortTextsMeanEqualTexts(t *testing.T) {
	var texts [][]byte
	for length := range 5 {
		for i := range 1 << (2 * length) {
			var text []byte
			for j := range length {
				text = append(text, "\x00\x01a\xff"[i>>(2*j)&3])
			}
			texts = append(texts, text, append(text, "\x00abcdefg"[:8-min(length, 8)]...), append(text, "12345678"...))
		}
	}
	seen := map[key][]byte{}
	for _, text := range texts {
		k := keyOf(text)
		if first, found := seen[k]; found && !bytes.Equal(first, text) {
			t.Fatalf("%q and %q have one key", first, text)
		}
		seen[k] = text
	}
}

func TestRunsOfValidityAreBits(t *testing.T) {
	c := NewColumn(table.Int32).(*Int32)
	var want []bool
	for run := range 40 {
		for range run {
			c.AppendIf(int32(run), run%2 == 0)
			want = append(want, run%2 == 0)
		}
		if run%7 == 0 && len(want) > 5 {
			c.Truncate(len(want) - 5)
			want = want[:len(want)-5]
		}
	}
	valid := c.Validity()
	unset := 0
	for i, w := range want {
		if valid.At(i) != w {
			t.Errorf("row %d: %v", i, valid.At(i))
		}
		if !w {
			unset++
		}
	}
	if valid.Len() != len(want) || valid.Unset() != unset || len(c.Values()) != len(want) {
		t.Errorf("%d rows, %d nulls, %d values; want %d, %d", valid.Len(), valid.Unset(), len(c.Values()), len(want), unset)
	}
}
