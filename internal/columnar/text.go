package columnar

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

const (
	// A dictionary with more entries than plainAbove, and more than half as
	// many as rows, or of more bytes than MaxDictionary, does not pay.
	plainAbove = 4096
	// MaxDictionary bounds the bytes of the texts of a dictionary, but for the
	// last one.
	MaxDictionary = 1 << 20

	firstSlots = 256 // a power of two
)

// A Text is a column of texts. It holds each different one once and an index
// for each row, until there are too many different ones; then, for good, all of
// them.
type Text struct {
	rows
	plain bool

	index []int32 // by row, while not plain; 0 for a null
	dict  Texts
	slots []int32  // hash table: entry+1, or 0
	hash  []uint32 // by entry
	last  int32    // entry of the last text
	loose bool     // rows were cut off: some entries may have none

	all Texts // by row, when plain; empty for a null

	seed maphash.Seed
}

func newText() *Text {
	return &Text{slots: make([]int32, firstSlots), last: -1, seed: maphash.MakeSeed()}
}

// Append adds a row with a copy of text, which is UTF-8.
func (c *Text) Append(text []byte) {
	c.fill()
	c.valid.append(true)
	if c.plain {
		c.all.append(text)
		return
	}
	if c.last >= 0 && bytes.Equal(c.dict.At(c.last), text) {
		c.index = append(c.index, c.last)
		return
	}
	c.last = c.entry(text)
	c.index = append(c.index, c.last)
	n := c.dict.Len()
	if n > plainAbove && n > c.valid.n/2 || len(c.dict.text) > MaxDictionary {
		c.turnPlain()
	}
}

// fill makes the nulls before the next text real.
func (c *Text) fill() {
	switch k := c.rows.fill(); {
	case k == 0:
	case c.plain:
		c.all.appendEmpty(k)
	default:
		c.index = extend(c.index, k)
	}
}

// entry returns the number of text in the dictionary, where it puts it when it
// is new.
func (c *Text) entry(text []byte) int32 {
	h := uint32(maphash.Bytes(c.seed, text))
	mask := uint32(len(c.slots) - 1)
	at := h & mask
	for ; c.slots[at] != 0; at = (at + 1) & mask {
		if e := c.slots[at] - 1; c.hash[e] == h && bytes.Equal(c.dict.At(e), text) {
			return e
		}
	}
	c.dict.append(text)
	c.hash = append(c.hash, h)
	e := int32(len(c.hash) - 1)
	c.slots[at] = e + 1
	if 2*len(c.hash) > len(c.slots) {
		c.rehash()
	}
	return e
}

func (c *Text) rehash() {
	c.slots = make([]int32, 2*len(c.slots))
	mask := uint32(len(c.slots) - 1)
	for e, h := range c.hash {
		at := h & mask
		for c.slots[at] != 0 {
			at = (at + 1) & mask
		}
		c.slots[at] = int32(e) + 1
	}
}

func (c *Text) turnPlain() {
	c.plain = true
	for row, e := range c.index {
		if !c.valid.At(row) {
			c.all.append(nil)
			continue
		}
		c.all.append(c.dict.At(e))
	}
	c.index, c.dict, c.slots, c.hash, c.loose = nil, Texts{}, nil, nil, false
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
	return &c.dict
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
	old := Texts{text: bytes.Clone(c.dict.text), ends: slices.Clone(c.dict.ends)}
	c.dict.reset()
	c.hash = c.hash[:0]
	clear(c.slots)
	for row, e := range c.index {
		if c.valid.At(row) {
			c.index[row] = c.entry(old.At(e))
		}
	}
	c.last, c.loose = -1, false
}

// Size returns roughly how many bytes the rows take.
func (c *Text) Size() int { return len(c.all.text) + len(c.dict.text) + 4*c.valid.n }

// Truncate forgets the rows from n on.
func (c *Text) Truncate(n int) {
	switch {
	case !c.rows.truncate(n):
	case c.plain:
		c.all.truncate(n)
	default:
		c.index, c.loose = c.index[:n], true
	}
}

// Reset begins the next row group.
func (c *Text) Reset() {
	c.rows.reset()
	c.all.reset()
	if c.plain {
		return
	}
	c.index, c.hash, c.last, c.loose = c.index[:0], c.hash[:0], -1, false
	c.dict.reset()
	clear(c.slots)
}

// Array borrows the column's memory.
func (c *Text) Array() arrow.Array {
	c.Validity()
	if c.plain {
		return wrap(arrow.BinaryTypes.String, &c.valid, textBuffers(&c.all)[1:]...)
	}
	return dictionaryOf(c.index, &c.valid, &c.dict)
}
