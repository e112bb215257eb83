package columnar

import "github.com/apache/arrow-go/v18/arrow"

// A Const is a column with the same text in every row: a dictionary of one.
type Const struct {
	text  Texts
	zeros []int32 // as many as Array ever needed
	n     int
}

// NewConst makes an empty column of text.
func NewConst(text string) *Const {
	c := &Const{text: newTexts()}
	c.text.append([]byte(text))
	return c
}

// Append adds a row.
func (c *Const) Append() { c.n++ }

// Null panics: a constant is never null.
func (c *Const) Null() { panic("a constant is never null") }

// Len returns the number of rows.
func (c *Const) Len() int { return c.n }

// Size returns roughly how many bytes the rows take.
func (c *Const) Size() int { return 0 }

// Truncate forgets the rows from n on.
func (c *Const) Truncate(n int) { c.n = n }

// Reset begins the next row group.
func (c *Const) Reset() { c.n = 0 }

// Validity says that every row has a value.
func (c *Const) Validity() *Bitmap { return &Bitmap{n: c.n} }

// Text returns the text of every row.
func (c *Const) Text() []byte { return c.text.At(0) }

// Array borrows the column's memory.
func (c *Const) Array() arrow.Array {
	c.zeros = extend(c.zeros, max(c.n-len(c.zeros), 0))
	return dictionaryOf(c.zeros[:c.n], c.Validity(), &c.text)
}
