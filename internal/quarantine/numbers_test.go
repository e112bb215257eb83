package quarantine

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNumbersHaveWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		added := rapid.SliceOf(rapid.Int64Range(1, 1000)).Draw(t, "added")
		var n Numbers
		want := map[int64]bool{}
		for _, line := range added {
			n.Add(line)
			want[line] = true
		}
		for line := range int64(1100) {
			if n.Has(line) != want[line] {
				t.Fatalf("line %d: %v, want %v", line, n.Has(line), want[line])
			}
		}
	})
}

func TestNumbersOfManyLinesAreSmall(t *testing.T) {
	var n Numbers
	for line := range int64(1_000_000) {
		n.Add(line + 1)
	}
	if size := 8 * cap(n.bits); size > 1<<18 {
		t.Errorf("a million lines take %d bytes", size)
	}
}
