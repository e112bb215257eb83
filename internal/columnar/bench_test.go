package columnar

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

const benchRows = 32768

// arena returns texts one behind the other, as they stand in a block of lines.
func arena(text func(i int) string) [][]byte {
	var all []byte
	var ends []int
	for i := range benchRows {
		all = append(all, text(i)...)
		ends = append(ends, len(all))
	}
	var texts [][]byte
	begin := 0
	for _, end := range ends {
		texts = append(texts, all[begin:end])
		begin = end
	}
	return texts
}

// BenchmarkText adds 32,768 texts to a column.
func BenchmarkText(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	kinds := []struct {
		name string
		text func(i int) string
	}{
		{"one value", func(int) string { return "final" }},
		{"a few codes", func(int) string { return fmt.Sprintf("%d-%d", 1000+r.IntN(140)*37, r.IntN(10)) }},
		{"long runs of ids", func(i int) string { return fmt.Sprintf("5d7e5c1a-0000-4000-8000-%012d", i/300) }},
		{"long names", func(int) string {
			return fmt.Sprintf("Something that is measured %d [Mass/volume] in Blood", r.IntN(140))
		}},
		{"different ids", func(int) string { return fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64()) }},
	}
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			texts := arena(k.text)
			c := newText()
			b.ReportAllocs()
			for b.Loop() {
				for _, text := range texts {
					c.Append(text)
				}
				c.Reset()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/value")
		})
	}
}
