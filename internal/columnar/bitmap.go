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

// appendRun appends k rows.
func (b *Bitmap) appendRun(k int, set bool) {
	from := b.n
	b.n += k
	b.bits = extend(b.bits, (b.n+7)/8-len(b.bits))
	if !set {
		b.unset += k
		return
	}
	for ; from < b.n && from&7 != 0; from++ {
		b.bits[from>>3] |= 1 << (from & 7)
	}
	for ; from+8 <= b.n; from += 8 {
		b.bits[from>>3] = 0xff
	}
	for ; from < b.n; from++ {
		b.bits[from>>3] |= 1 << (from & 7)
	}
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

// room returns s with room for n more. A row group fills its columns once and
// then uses their memory again, so it doubles: what append does with large
// slices would copy them many times on the way.
func room[T any](s []T, n int) []T {
	if cap(s)-len(s) >= n {
		return s
	}
	return enlarged(s, n)
}

func enlarged[T any](s []T, n int) []T {
	larger := make([]T, len(s), max(2*cap(s), len(s)+n, 64))
	copy(larger, s)
	return larger
}

// extend appends k zeros.
func extend[T any](s []T, k int) []T {
	n := len(s)
	s = slices.Grow(s, k)[:n+k]
	clear(s[n:])
	return s
}

// rows says which rows have a value. Runs of rows with a value or without one
// are only counted until the next run ends them, so that a column of either
// kind costs next to nothing.
type rows struct {
	valid Bitmap
	run   int // rows with a value behind those of valid
	gap   int // nulls behind the run
}

// Null adds a row without a value.
func (r *rows) Null() { r.gap++ }

// Len returns the number of rows.
func (r *rows) Len() int { return r.valid.n + r.run + r.gap }

func (r *rows) reset() {
	r.valid.reset()
	r.run, r.gap = 0, 0
}

// settle brings the run and the gap into the bitmap. It returns how long the
// gap was.
func (r *rows) settle() int {
	gap := r.gap
	if r.run > 0 {
		r.valid.appendRun(r.run, true)
	}
	if gap > 0 {
		r.valid.appendRun(gap, false)
	}
	r.run, r.gap = 0, 0
	return gap
}

// truncate reports whether rows before the gap were cut off too.
func (r *rows) truncate(n int) bool {
	switch settled := r.valid.n; {
	case n >= settled+r.run:
		r.gap = n - settled - r.run
		return false
	case n >= settled:
		r.run, r.gap = n-settled, 0
	default:
		r.run, r.gap = 0, 0
		r.valid.truncate(n)
	}
	return true
}
