package ingest

import (
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// A column gathers the values of one column for one row group, in Arrow's
// layout. Its memory is used again for the next row group.
type column interface {
	null()
	len() int
	size() int          // bytes held, roughly
	truncate(n int)     // forgets the rows from n on
	array() arrow.Array // borrows the column's memory: valid until reset
	reset()             // starts the next row group
}

// bitmap is Arrow's validity bitmap: bit i%8 of byte i/8 says that row i has a
// value.
type bitmap struct {
	bits  []byte
	n     int
	nulls int
}

func (b *bitmap) append(valid bool) {
	if b.n&7 == 0 {
		b.bits = append(b.bits, 0)
	}
	if valid {
		b.bits[b.n>>3] |= 1 << (b.n & 7)
	} else {
		b.nulls++
	}
	b.n++
}

func (b *bitmap) appendNulls(k int) {
	b.n += k
	b.nulls += k
	b.bits = extend(b.bits, (b.n+7)/8-len(b.bits))
}

func (b *bitmap) truncate(n int) {
	b.bits = b.bits[:(n+7)/8]
	if n&7 != 0 {
		b.bits[n>>3] &= 1<<(n&7) - 1
	}
	set := 0
	for _, x := range b.bits {
		set += bits.OnesCount8(x)
	}
	b.n, b.nulls = n, n-set
}

func (b *bitmap) reset() { b.bits, b.n, b.nulls = b.bits[:0], 0, 0 }

// buffer is nil when every row has a value.
func (b *bitmap) buffer() *memory.Buffer {
	if b.nulls == 0 {
		return nil
	}
	return memory.NewBufferBytes(b.bits)
}

// extend appends k zeros.
func extend[T any](s []T, k int) []T {
	n := len(s)
	s = slices.Grow(s, k)[:n+k]
	clear(s[n:])
	return s
}

// rows says which rows have a value. Nulls are only counted until a value
// follows them, so that a column without values costs nothing.
type rows struct {
	valid bitmap
	gap   int // nulls behind the last row of valid
}

func (r *rows) null()    { r.gap++ }
func (r *rows) len() int { return r.valid.n + r.gap }
func (r *rows) reset()   { r.valid.reset(); r.gap = 0 }

// fill makes the gap real and returns how many nulls it was.
func (r *rows) fill() int {
	k := r.gap
	if k > 0 {
		r.valid.appendNulls(k)
		r.gap = 0
	}
	return k
}

// truncate reports whether rows before the gap were cut off too.
func (r *rows) truncate(n int) bool {
	if n >= r.valid.n {
		r.gap = n - r.valid.n
		return false
	}
	r.gap = 0
	r.valid.truncate(n)
	return true
}

// fixedColumn holds numbers: Int32, Int64, Double, Date and Timestamp.
type fixedColumn[T arrow.FixedWidthType] struct {
	rows
	kind   arrow.DataType
	values []T
}

func (c *fixedColumn[T]) append(v T) {
	if k := c.fill(); k > 0 {
		c.values = extend(c.values, k)
	}
	c.values = append(c.values, v)
	c.valid.append(true)
}

func (c *fixedColumn[T]) size() int { return 8 * len(c.values) }

func (c *fixedColumn[T]) truncate(n int) {
	if c.rows.truncate(n) {
		c.values = c.values[:n]
	}
}

func (c *fixedColumn[T]) reset() {
	c.rows.reset()
	c.values = c.values[:0]
}

func (c *fixedColumn[T]) array() arrow.Array {
	c.values = extend(c.values, c.fill())
	return wrap(c.kind, &c.valid, memory.NewBufferBytes(arrow.GetBytes(c.values)))
}

// boolColumn holds booleans as bits.
type boolColumn struct {
	rows
	values bitmap
}

func (c *boolColumn) append(v bool) {
	c.values.appendNulls(c.fill())
	c.values.append(v)
	c.valid.append(true)
}

func (c *boolColumn) size() int { return len(c.values.bits) }

func (c *boolColumn) truncate(n int) {
	if c.rows.truncate(n) {
		c.values.truncate(n)
	}
}

func (c *boolColumn) reset() {
	c.rows.reset()
	c.values.reset()
}

func (c *boolColumn) array() arrow.Array {
	c.values.appendNulls(c.fill())
	return wrap(arrow.FixedWidthTypes.Boolean, &c.valid, memory.NewBufferBytes(c.values.bits))
}

// constColumn holds the same text in every row, as a dictionary of one.
type constColumn struct {
	text  values
	zeros []int32
	n     int
}

func newConstColumn(text string) *constColumn {
	c := &constColumn{}
	c.text.append([]byte(text))
	return c
}

func (c *constColumn) append() {
	if c.n == len(c.zeros) {
		c.zeros = append(c.zeros, 0)
	}
	c.n++
}

func (c *constColumn) null()          { panic("a constant is never null") }
func (c *constColumn) len() int       { return c.n }
func (c *constColumn) size() int      { return 4 * c.n }
func (c *constColumn) truncate(n int) { c.n = n }
func (c *constColumn) reset()         { c.n = 0 }

func (c *constColumn) array() arrow.Array {
	return dictionaryOf(c.zeros[:c.n], &bitmap{n: c.n}, &c.text)
}

// wrap makes an array of borrowed buffers.
func wrap(kind arrow.DataType, valid *bitmap, buffers ...*memory.Buffer) arrow.Array {
	all := append([]*memory.Buffer{valid.buffer()}, buffers...)
	d := array.NewData(kind, valid.n, all, nil, valid.nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

var dictionaryType = &arrow.DictionaryType{
	IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String,
}

func dictionaryOf(index []int32, valid *bitmap, entries *values) arrow.Array {
	dict := array.NewData(arrow.BinaryTypes.String, entries.len(), entries.buffers(), nil, 0, 0)
	defer dict.Release()
	buffers := []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(arrow.GetBytes(index))}
	d := array.NewDataWithDictionary(dictionaryType, valid.n, buffers, valid.nulls, 0, dict)
	defer d.Release()
	return array.NewDictionaryData(d)
}
