package columnar

import (
	"bytes"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

const (
	// A dictionary with more entries than plainAbove, and more than one for
	// rowsPerEntry rows, or of more bytes than MaxDictionary, does not pay: texts
	// that come twice in a row are found as cheaply without one.
	plainAbove   = 4096
	rowsPerEntry = 3
	// MaxDictionary bounds the bytes of the texts of a dictionary, but for the
	// last one.
	MaxDictionary = 1 << 20
)

// A Text is a column of texts. It holds each different one once and an index
// for each row, until there are too many different ones; then, for good, all of
// them.
type Text struct {
	rows
	plain bool

	index []int32 // by row, while not plain; 0 for a null
	dict  dictionary
	last  int32 // entry of the last text; -1 when there is none
	loose bool  // rows were cut off: some entries may have none

	all Texts // by row, when plain; empty for a null
}

func newText() *Text { return &Text{dict: newDictionary(), last: -1, all: newTexts()} }

// Append adds a row with a copy of text, which is UTF-8.
func (c *Text) Append(text []byte) {
	if c.gap > 0 {
		c.fill()
	}
	c.run++
	if c.plain {
		c.all.append(text)
		return
	}
	k := keyOf(text)
	if c.last >= 0 && c.dict.is(c.last, &k, text) {
		c.index = append(room(c.index, 1), c.last)
		return
	}
	c.add(&k, text)
}

// add adds a row with another text than the last one.
func (c *Text) add(k *key, text []byte) {
	e, ok := c.dict.entry(k, text)
	c.last = e
	c.index = append(room(c.index, 1), e)
	n := c.dict.texts.Len()
	if !ok || n > plainAbove && n > len(c.index)/rowsPerEntry || len(c.dict.texts.text) > MaxDictionary {
		c.turnPlain()
	}
}

// fill makes the nulls before the next text real.
func (c *Text) fill() {
	k := c.settle()
	if c.plain {
		c.all.appendEmpty(k)
		return
	}
	c.index = extend(c.index, k)
}

func (c *Text) turnPlain() {
	c.settle()
	c.plain = true
	for row, e := range c.index {
		if c.valid.At(row) {
			c.all.append(c.dict.texts.At(e))
			continue
		}
		c.all.append(nil)
	}
	c.index, c.dict, c.loose = nil, dictionary{}, false
}

// Dictionary reports whether the texts are held as a dictionary.
func (c *Text) Dictionary() bool { return !c.plain }

// Index returns the number of each row's entry in Texts, 0 for a null, after a
// call of Validity; for a column with a dictionary only. Every entry has a row,
// and the entries are in the order of their first ones.
func (c *Text) Index() []int32 { return c.index }

// Texts returns the entries of the dictionary; without one the texts by row,
// empty for a null, after a call of Validity.
func (c *Text) Texts() *Texts {
	if c.plain {
		return &c.all
	}
	return &c.dict.texts
}

// Validity says which rows have a value.
func (c *Text) Validity() *Bitmap {
	c.fill()
	if c.loose {
		c.tidy()
	}
	return &c.valid
}

// tidy makes the dictionary anew, of the texts that rows have.
func (c *Text) tidy() {
	c.last, c.loose = -1, false
	old := Texts{bytes.Clone(c.dict.texts.text), slices.Clone(c.dict.texts.ends)}
	c.dict.reset()
	for row, e := range c.index {
		if c.valid.At(row) {
			text := old.At(e)
			k := keyOf(text)
			c.index[row], _ = c.dict.entry(&k, text) // fewer than there were
		}
	}
}

// Size returns roughly how many bytes the rows take.
func (c *Text) Size() int {
	if c.plain {
		return len(c.all.text) + 4*len(c.all.ends)
	}
	return len(c.dict.texts.text) + 4*len(c.index)
}

// Truncate forgets the rows from n on.
func (c *Text) Truncate(n int) {
	switch {
	case !c.truncate(n):
	case c.plain:
		c.all.truncate(n)
	default:
		c.index, c.loose = c.index[:n], true
	}
}

// Reset begins the next row group.
func (c *Text) Reset() {
	c.reset()
	c.all.reset()
	if !c.plain {
		c.index, c.last, c.loose = c.index[:0], -1, false
		c.dict.reset()
	}
}

// Array borrows the column's memory.
func (c *Text) Array() arrow.Array {
	valid := c.Validity()
	if c.plain {
		return wrap(arrow.BinaryTypes.String, valid, textBuffers(&c.all)[1:]...)
	}
	return dictionaryOf(c.index, valid, &c.dict.texts)
}
