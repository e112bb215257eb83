package columnar

import (
	"math/bits"
	"slices"
)

// A Bitmap is a list of booleans in Arrow's layout: bit i%8 of byte i/8 is row
// i. As validity it says which rows have a value.
type Bitmap struct {
	bits  []byte
	n     int
	unset int
}

// Bits returns the bytes, (Len+7)/8 of them; bits behind the last row are 0.
// They are the bitmap's own.
func (b *Bitmap) Bits() []byte { return b.bits }

// Len returns the number of rows.
func (b *Bitmap) Len() int { return b.n }

// Unset returns how many rows are false: the nulls of a validity bitmap.
func (b *Bitmap) Unset() int { return b.unset }

// At returns row i.
func (b *Bitmap) At(i int) bool { return b.bits[i>>3]>>(i&7)&1 != 0 }

// Bit returns 1 when row i is true, and 0 otherwise.
func (b *Bitmap) Bit(i int) int { return int(b.bits[i>>3] >> (i & 7) & 1) }

func (b *Bitmap) append(set bool) {
	if b.n&7 == 0 {
		b.bits = append(b.bits, 0)
	}
	if set {
		b.bits[b.n>>3] |= 1 << (b.n & 7)
	} else {
		b.unset++
	}
	b.n++
}

func (b *Bitmap) appendUnset(k int) {
	b.n += k
	b.unset += k
	b.bits = extend(b.bits, (b.n+7)/8-len(b.bits))
}

func (b *Bitmap) truncate(n int) {
	b.bits = b.bits[:(n+7)/8]
	if n&7 != 0 {
		b.bits[n>>3] &= 1<<(n&7) - 1
	}
	set := 0
	for _, x := range b.bits {
		set += bits.OnesCount8(x)
	}
	b.n, b.unset = n, n-set
}

func (b *Bitmap) reset() { b.bits, b.n, b.unset = b.bits[:0], 0, 0 }

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
	valid Bitmap
	gap   int // nulls behind the last row of valid
}

// Null adds a row without a value.
func (r *rows) Null() { r.gap++ }

// Len returns the number of rows.
func (r *rows) Len() int { return r.valid.n + r.gap }

func (r *rows) reset() { r.valid.reset(); r.gap = 0 }

// fill makes the gap real and returns how many nulls it was.
func (r *rows) fill() int {
	k := r.gap
	if k > 0 {
		r.valid.appendUnset(k)
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
