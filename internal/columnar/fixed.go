package columnar

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// The columns of numbers. Dates are days and timestamps microseconds since
// 1970-01-01T00:00:00Z.
type (
	Int32  = Fixed[int32]   // also dates
	Int64  = Fixed[int64]   // also timestamps
	Double = Fixed[float64] // nearest doubles of decimals
)

// A Fixed is a column of numbers.
type Fixed[T int32 | int64 | float64] struct {
	rows
	kind   arrow.DataType
	values []T // by row; 0 for a null
}

// Append adds a row with the value v.
func (c *Fixed[T]) Append(v T) {
	if c.gap > 0 {
		c.values = extend(c.values, c.settle())
	}
	c.run++
	c.values = append(room(c.values, 1), v)
}

// AppendIf adds a row with the value v, or without one when ok is false.
func (c *Fixed[T]) AppendIf(v T, ok bool) {
	if !ok {
		c.Null()
		return
	}
	c.Append(v)
}

// Size returns roughly how many bytes the rows take.
func (c *Fixed[T]) Size() int { return 8 * len(c.values) }

// Truncate forgets the rows from n on.
func (c *Fixed[T]) Truncate(n int) {
	if c.truncate(n) {
		c.values = c.values[:n]
	}
}

// Reset begins the next row group.
func (c *Fixed[T]) Reset() {
	c.reset()
	c.values = c.values[:0]
}

// Validity says which rows have a value.
func (c *Fixed[T]) Validity() *Bitmap {
	c.values = extend(c.values, c.settle())
	return &c.valid
}

// Values returns the values by row, 0 for a null, after a call of Validity.
func (c *Fixed[T]) Values() []T { return c.values }

// Array borrows the column's memory.
func (c *Fixed[T]) Array() arrow.Array {
	c.Validity()
	return wrap(c.kind, &c.valid, memory.NewBufferBytes(arrow.GetBytes(c.values)))
}

// A Bool is a column of booleans.
type Bool struct {
	rows
	values Bitmap
}

// Append adds a row with the value v.
func (c *Bool) Append(v bool) {
	if c.gap > 0 {
		c.values.appendRun(c.settle(), false)
	}
	c.run++
	c.values.append(v)
}

// Size returns roughly how many bytes the rows take.
func (c *Bool) Size() int { return len(c.values.bits) }

// Truncate forgets the rows from n on.
func (c *Bool) Truncate(n int) {
	if c.truncate(n) {
		c.values.truncate(n)
	}
}

// Reset begins the next row group.
func (c *Bool) Reset() {
	c.reset()
	c.values.reset()
}

// Validity says which rows have a value.
func (c *Bool) Validity() *Bitmap {
	c.values.appendRun(c.settle(), false)
	return &c.valid
}

// Values returns the values by row, false for a null, after a call of Validity.
func (c *Bool) Values() *Bitmap { return &c.values }

// Array borrows the column's memory.
func (c *Bool) Array() arrow.Array {
	c.Validity()
	return wrap(arrow.FixedWidthTypes.Boolean, &c.valid, memory.NewBufferBytes(c.values.bits))
}
