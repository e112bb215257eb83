package parquetfile

import (
	"math/bits"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
)

const (
	// blockBytes is the most that the compressor takes in one piece.
	blockBytes = 64 << 10
	// pageBytes and pageRows bound a page of values, but for eight rows of long
	// texts. A page begins at a row that is a multiple of 8.
	pageBytes = 56 << 10
	// longPageBytes bounds a page of long texts, which are like one another:
	// the compressor looks back so far.
	longPageBytes = 1024 << 10
	longText      = 256 // bytes on average
	pageRows      = 16384
)

// A chunk is the column of one row group while it is written.
type chunk struct {
	scratch *Scratch
	rows    int
	kind    int // physical type
	habits  *habits

	encoding     int   // of the pages of values
	values       int   // rows with a value
	dictionaryAt int   // offset of the dictionary page in the row group; -1 when there is none
	valuesAt     int   // offset of the first page of values
	textAt       int   // where the texts begin in the page that is written; 0 for none, or nothing but texts
	raw, stored  int64 // bytes of all pages with their headers, before and after compression
	min, max     []byte
}

func (w *chunk) write(c columnar.Column) {
	switch c := c.(type) {
	case *columnar.Const:
		w.constant(c)
	case *columnar.Text:
		w.text(c)
	case *columnar.Bool:
		w.booleans(c)
	case *columnar.Int32:
		w.numbers(c.Validity(), gather(w.scratch, c.Validity(), c.Values()), 4)
	case *columnar.Int64:
		w.numbers(c.Validity(), gather(w.scratch, c.Validity(), c.Values()), 8)
	case *columnar.Double:
		w.numbers(c.Validity(), gatherDoubles(w.scratch, c.Validity(), c.Values()), 8)
	}
}

func (w *chunk) constant(c *columnar.Const) {
	var b textBounds
	b.add(c.Text())
	w.min, w.max = b.bounds()
	w.entries(1, appendText(w.scratch.page[:0], c.Text()))
	for from := 0; from < w.rows; from += pageRows {
		to := min(from+pageRows, w.rows)
		page, n := appendLevels(w.scratch.page[:0], c.Validity(), from, to)
		page = append(page, 1)
		w.page(appendRun(page, 0, n, 1), to-from, n)
	}
}

// indexed writes pages of numbers of dictionary entries. index has the rows
// with a value only.
func (w *chunk) indexed(valid *columnar.Bitmap, index []int32, entries int) {
	width := max(bits.Len(uint(entries-1)), 1)
	for from := 0; from < w.rows; from += pageRows {
		to := min(from+pageRows, w.rows)
		page, n := appendLevels(w.scratch.page[:0], valid, from, to)
		w.page(appendIndices(page, index[:n], width), to-from, n)
		index = index[n:]
	}
}

func (w *chunk) booleans(c *columnar.Bool) {
	valid := c.Validity()
	set := c.Values()
	for from := 0; from < w.rows; from += pageRows {
		to := min(from+pageRows, w.rows)
		page, n := appendLevels(w.scratch.page[:0], valid, from, to)
		w.page(appendBits(page, valid, set, from, to), to-from, n)
	}
	if w.values == 0 {
		return
	}
	trues := set.Len() - set.Unset() // a null is no true
	w.min, w.max = []byte{0}, []byte{0}
	if trues > 0 {
		w.max[0] = 1
	}
	if trues == w.values {
		w.min[0] = 1
	}
}

// appendBits writes the bits of the rows that have a value.
func appendBits(dst []byte, valid, set *columnar.Bitmap, from, to int) []byte {
	if valid.Unset() == 0 {
		return append(dst, set.Bits()[from>>3:(to+7)>>3]...)
	}
	var acc byte
	n := 0
	for row := from; row < to; row++ {
		if !valid.At(row) {
			continue
		}
		if set.At(row) {
			acc |= 1 << (n & 7)
		}
		if n++; n&7 == 0 {
			dst, acc = append(dst, acc), 0
		}
	}
	if n&7 != 0 {
		dst = append(dst, acc)
	}
	return dst
}

// entries writes the dictionary page.
func (w *chunk) entries(n int, page []byte) {
	w.dictionaryAt, w.encoding = len(w.scratch.out), encodingRLEDictionary
	w.compress(page, pageOfEntries, func(c *compact) {
		c.open(7)
		c.i32(1, n)
		c.i32(2, encodingPlain)
		c.end()
	})
}

// page writes a page of values.
func (w *chunk) page(page []byte, rows, values int) {
	if w.valuesAt < 0 {
		w.valuesAt = len(w.scratch.out)
	}
	w.values += values
	w.compress(page, pageOfValues, func(c *compact) {
		c.open(5)
		c.i32(1, rows)
		c.i32(2, w.encoding)
		c.i32(3, encodingRLE)
		c.i32(4, encodingRLE)
		c.end()
	})
}

// compress writes a page behind its header, of which more writes what comes
// behind the sizes.
func (w *chunk) compress(page []byte, kind int, more func(*compact)) {
	s := w.scratch
	s.page = page // it may have grown
	s.compressPage(page, w.textAt, &w.habits[kind])
	h := &s.head
	h.buf = h.buf[:0]
	h.begin()
	h.i32(1, kind)
	h.i32(2, len(page))
	h.i32(3, len(s.small))
	more(h)
	h.end()
	s.out = append(append(s.out, h.buf...), s.small...)
	w.raw += int64(len(h.buf) + len(page))
	w.stored += int64(len(h.buf) + len(s.small))
}

// describe writes the ColumnChunk for the footer. Its row group begins at base.
func (w *chunk) describe(c *compact, base int64, name string) {
	first := w.valuesAt
	encodings := []int{encodingRLE, w.encoding}
	if w.dictionaryAt >= 0 {
		first = w.dictionaryAt
		encodings = append(encodings, encodingPlain) // of the dictionary
	}
	c.begin()
	c.i64(2, base+int64(first))
	c.open(3)
	c.i32(1, w.kind)
	c.list(2, typeI32, len(encodings))
	for _, e := range encodings {
		c.number(int64(e))
	}
	c.list(3, typeBinary, 1)
	c.element([]byte(name))
	c.i32(4, codecZstd)
	c.i64(5, int64(w.rows))
	c.i64(6, w.raw)
	c.i64(7, w.stored)
	c.i64(9, base+int64(w.valuesAt))
	if w.dictionaryAt >= 0 {
		c.i64(11, base+int64(w.dictionaryAt))
	}
	c.open(12)
	c.i64(3, int64(w.rows-w.values))
	if w.max != nil {
		c.binary(5, w.max)
		c.binary(6, w.min)
	}
	c.end()
	c.end()
	c.end()
}
