package columnar

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// textAt returns row i of a text array, as a dictionary or not.
func textAt(a arrow.Array, i int) (string, bool) {
	if a.IsNull(i) {
		return "", false
	}
	if d, ok := a.(*array.Dictionary); ok {
		return d.Dictionary().(*array.String).Value(d.GetValueIndex(i)), true
	}
	return a.(*array.String).Value(i), true
}

func TestATextColumnHoldsWhatWasAppended(t *testing.T) {
	distinct := map[string]int{"few": 5, "many": 100_000}
	for name, n := range distinct {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			c := newText()
			for round := range 3 {
				var want []string // "" is a null
				for range 10_000 {
					switch r.IntN(10) {
					case 0:
						c.Null()
						want = append(want, "")
					case 1:
						if len(want) > 3 { // a line that is dropped
							c.Truncate(len(want) - 3)
							want = want[:len(want)-3]
						}
					default:
						text := fmt.Sprintf("value %d", r.IntN(n))
						c.Append([]byte(text))
						want = append(want, text)
					}
				}
				a := c.Array()
				if a.Len() != len(want) || c.Len() != len(want) {
					t.Fatalf("round %d: %d rows, want %d", round, a.Len(), len(want))
				}
				for i := range want {
					got, ok := textAt(a, i)
					if got != want[i] || ok != (want[i] != "") {
						t.Fatalf("round %d, row %d = %q, want %q", round, i, got, want[i])
					}
				}
				a.Release()
				c.Reset()
			}
			if c.plain != (n > plainAbove) {
				t.Errorf("plain = %v with %d different texts", c.plain, n)
			}
		})
	}
}

func TestALargeDictionaryTurnsPlain(t *testing.T) {
	c := newText()
	long := make([]byte, MaxDictionary/4)
	for n := range 8 {
		long[0] = byte(n)
		c.Append(long)
		c.Append(long)
	}
	if !c.plain {
		t.Error("a dictionary of 2 MiB is still one")
	}
	if a := c.Array(); a.Len() != 16 || a.(*array.String).Value(15)[0] != 7 {
		t.Errorf("rows after the turn: %d", a.Len())
	}
}

func TestTruncateForgetsValidityToo(t *testing.T) {
	var b Bitmap
	for i := range 20 {
		b.append(i%3 != 0)
	}
	b.truncate(9)
	if b.n != 9 || b.unset != 3 {
		t.Errorf("n = %d, nulls = %d; want 9, 3", b.n, b.unset)
	}
	b.append(false)
	b.append(true)
	if b.unset != 4 || b.bits[1] != 0b101 {
		t.Errorf("nulls = %d, last byte %b", b.unset, b.bits[1])
	}
}
