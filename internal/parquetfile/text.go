package parquetfile

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
)

// maxBound is the longest text that is a bound in the statistics; without such
// a text a chunk has none.
const maxBound = 128

func (w *chunk) text(c *columnar.Text) {
	valid := c.Validity()
	if !c.Dictionary() {
		w.plainText(valid, c.Texts())
		return
	}
	entries := c.Texts()
	n := entries.Len()
	if n == 0 { // nulls only
		w.indexed(valid, nil, 1)
		return
	}
	var b textBounds
	page := w.scratch.page[:0]
	for i := range n {
		text := entries.At(int32(i))
		b.add(text)
		page = appendText(page, text)
	}
	w.min, w.max = b.bounds()
	w.entries(n, page)
	w.indexed(valid, withValue(w.scratch, valid, c.Index()), n)
}

// withValue returns the numbers of the rows that have a value.
func withValue(s *Scratch, valid *columnar.Bitmap, index []int32) []int32 {
	if valid.Unset() == 0 {
		return index
	}
	s.index = sized(s.index, len(index))
	n := 0
	for row, v := range index {
		s.index[n] = v
		n += valid.Bit(row)
	}
	return s.index[:n]
}

// sized returns a slice of n elements, with the memory of s when it is enough.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// plainText writes texts without a dictionary: as differences to the text
// before when they begin alike, otherwise one behind the other.
func (w *chunk) plainText(valid *columnar.Bitmap, texts *columnar.Texts) {
	text, ends := texts.Raw()
	w.encoding = encodingDeltaLength
	if beginAlike(texts, valid) {
		w.encoding = encodingDeltaBytes
	}
	s := w.scratch
	most := pageBytes
	if len(text) > longText*(w.rows-valid.Unset()) {
		most = longPageBytes
	}
	var b textBounds
	for from := 0; from < w.rows; {
		to := cut(ends, from, most)
		page, n := appendLevels(s.page[:0], valid, from, to)
		for row := from; row < to; row++ {
			if n == to-from || valid.At(row) {
				b.add(text[ends[row]:ends[row+1]])
			}
		}
		if w.encoding == encodingDeltaLength {
			page = appendDelta(page, s.lengths(valid, ends, from, to), 4)
			w.textAt = len(page)
			page = append(page, text[ends[from]:ends[to]]...) // that of a null is empty
		} else {
			page = s.appendDifferences(page, valid, texts, from, to)
			w.textAt = len(page) - len(s.rest)
		}
		w.page(page, to-from, n)
		from = to
	}
	w.min, w.max = b.bounds()
}

// lengths returns the lengths of the texts that are not null.
func (s *Scratch) lengths(valid *columnar.Bitmap, ends []int32, from, to int) []uint64 {
	s.bits = sized(s.bits, to-from)
	if valid.Unset() == 0 {
		for i := range s.bits {
			s.bits[i] = uint64(ends[from+i+1] - ends[from+i])
		}
		return s.bits
	}
	n := 0
	for row := from; row < to; row++ {
		s.bits[n] = uint64(ends[row+1] - ends[row])
		n += valid.Bit(row)
	}
	return s.bits[:n]
}

// appendDifferences writes texts as DELTA_BYTE_ARRAY has them: how many bytes
// each has in common with the one before, and the rest.
func (s *Scratch) appendDifferences(dst []byte, valid *columnar.Bitmap, texts *columnar.Texts, from, to int) []byte {
	s.bits, s.rest = sized(s.bits, 2*(to-from)), s.rest[:0]
	prefixes, suffixes := s.bits[:to-from], s.bits[to-from:]
	var last []byte
	n := 0
	for row := from; row < to; row++ {
		if valid.Unset() > 0 && !valid.At(row) {
			continue
		}
		text := texts.At(int32(row))
		k := common(last, text)
		prefixes[n], suffixes[n] = uint64(k), uint64(len(text)-k)
		s.rest = append(s.rest, text[k:]...)
		last = text
		n++
	}
	dst = appendDelta(dst, prefixes[:n], 4)
	dst = appendDelta(dst, suffixes[:n], 4)
	return append(dst, s.rest...)
}

// common returns how many bytes a and b have in common at their beginning.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)>>3
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// beginAlike looks at some texts and reports whether it pays to write them as
// differences.
func beginAlike(texts *columnar.Texts, valid *columnar.Bitmap) bool {
	const looks = 64
	var last []byte
	shared, all := 0, 0
	for row := range min(looks, texts.Len()) {
		if valid.Unset() > 0 && !valid.At(row) {
			continue
		}
		text := texts.At(int32(row))
		shared += common(last, text)
		all += len(text)
		last = text
	}
	return shared > all/8
}

// cut returns where a page ends that begins at row from, of at most so many
// bytes.
func cut(ends []int32, from, most int) int {
	rows := len(ends) - 1
	to := from
	for to < rows && to-from < pageRows {
		next := min(to+8, rows)
		size := int(ends[next]-ends[from]) + 4*(next-from)
		if size > most && to > from {
			break
		}
		to = next
	}
	return to
}

// appendText writes a text as PLAIN has it: behind its length.
func appendText(dst, text []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text)))
	return append(dst, text...)
}

// textBounds are the least and the greatest of some texts. Most are compared
// by their first eight bytes only.
type textBounds struct {
	min, max  []byte
	low, high uint64
	any       bool
}

func (b *textBounds) add(text []byte) {
	head := first8(text)
	if !b.any {
		b.min, b.max, b.low, b.high, b.any = text, text, head, head, true
		return
	}
	if head <= b.low && bytes.Compare(text, b.min) < 0 {
		b.min, b.low = text, head
	}
	if head >= b.high && bytes.Compare(text, b.max) > 0 {
		b.max, b.high = text, head
	}
}

// bounds returns nil when one of them is too long, or there are none.
func (b *textBounds) bounds() (least, greatest []byte) {
	if !b.any || len(b.min) > maxBound || len(b.max) > maxBound {
		return nil, nil
	}
	// An empty text is a bound too.
	return append(make([]byte, 0, 1), b.min...), append(make([]byte, 0, 1), b.max...)
}

// first8 returns the first eight bytes as a number that is ordered as they are.
func first8(text []byte) uint64 {
	if len(text) >= 8 {
		return binary.BigEndian.Uint64(text)
	}
	var head uint64
	for i, c := range text {
		head |= uint64(c) << (56 - 8*i)
	}
	return head
}
