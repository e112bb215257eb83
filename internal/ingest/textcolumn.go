package ingest

import (
	"bytes"
	"hash/maphash"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

const (
	// A dictionary with more entries than plainAbove, and more than half as
	// many as rows, or of more bytes than maxDictionary, does not pay.
	plainAbove    = 4096
	maxDictionary = 1 << 20

	firstSlots = 256 // a power of two
)

// values are texts one behind the other, in Arrow's layout.
type values struct {
	text []byte
	ends []int32 // ends[i] is where the text i begins, ends[len] where the last ends
}

func (v *values) append(text []byte) {
	if len(v.ends) == 0 {
		v.ends = append(v.ends, 0)
	}
	v.text = append(v.text, text...)
	v.ends = append(v.ends, int32(len(v.text)))
}

func (v *values) appendEmpty(k int) {
	if len(v.ends) == 0 {
		v.ends = append(v.ends, 0)
	}
	for range k {
		v.ends = append(v.ends, int32(len(v.text)))
	}
}

func (v *values) len() int { return max(len(v.ends)-1, 0) }

func (v *values) at(i int32) []byte { return v.text[v.ends[i]:v.ends[i+1]] }

func (v *values) truncate(n int) {
	if n < v.len() {
		v.ends = v.ends[:n+1]
		v.text = v.text[:v.ends[n]]
	}
}

func (v *values) reset() { v.text, v.ends = v.text[:0], v.ends[:0] }

func (v *values) buffers() []*memory.Buffer {
	if len(v.ends) == 0 {
		v.ends = append(v.ends, 0)
	}
	return []*memory.Buffer{nil, memory.NewBufferBytes(arrow.GetBytes(v.ends)), memory.NewBufferBytes(v.text)}
}

// textColumn holds texts: each different one once and an index for each row,
// until there are too many different ones; then, for good, all of them.
type textColumn struct {
	rows
	plain bool

	index []int32 // by row, while not plain; 0 for a null
	dict  values
	slots []int32  // hash table: entry+1, or 0
	hash  []uint32 // by entry
	last  int32    // entry of the last text

	all values // by row, when plain; empty for a null

	seed maphash.Seed
}

func newTextColumn() *textColumn {
	return &textColumn{slots: make([]int32, firstSlots), last: -1, seed: maphash.MakeSeed()}
}

func (c *textColumn) append(text []byte) {
	c.fill()
	c.valid.append(true)
	if c.plain {
		c.all.append(text)
		return
	}
	if c.last >= 0 && bytes.Equal(c.dict.at(c.last), text) {
		c.index = append(c.index, c.last)
		return
	}
	c.last = c.entry(text)
	c.index = append(c.index, c.last)
	n := c.dict.len()
	if n > plainAbove && n > c.valid.n/2 || len(c.dict.text) > maxDictionary {
		c.turnPlain()
	}
}

// fill makes the nulls before the next text real.
func (c *textColumn) fill() {
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
func (c *textColumn) entry(text []byte) int32 {
	h := uint32(maphash.Bytes(c.seed, text))
	mask := uint32(len(c.slots) - 1)
	at := h & mask
	for ; c.slots[at] != 0; at = (at + 1) & mask {
		if e := c.slots[at] - 1; c.hash[e] == h && bytes.Equal(c.dict.at(e), text) {
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

func (c *textColumn) rehash() {
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

func (c *textColumn) turnPlain() {
	c.plain = true
	for row, e := range c.index {
		if c.valid.bits[row>>3]>>(row&7)&1 == 0 {
			c.all.append(nil)
			continue
		}
		c.all.append(c.dict.at(e))
	}
	c.index, c.dict, c.slots, c.hash = nil, values{}, nil, nil
}

func (c *textColumn) size() int { return len(c.all.text) + len(c.dict.text) + 4*c.valid.n }

// truncate leaves entries of the dictionary that no row names any more: they
// are rare, and reset forgets them.
func (c *textColumn) truncate(n int) {
	switch {
	case !c.rows.truncate(n):
	case c.plain:
		c.all.truncate(n)
	default:
		c.index = c.index[:n]
	}
}

func (c *textColumn) reset() {
	c.rows.reset()
	c.all.reset()
	if c.plain {
		return
	}
	c.index, c.hash, c.last = c.index[:0], c.hash[:0], -1
	c.dict.reset()
	clear(c.slots)
}

func (c *textColumn) array() arrow.Array {
	c.fill()
	if c.plain {
		return wrap(arrow.BinaryTypes.String, &c.valid, c.all.buffers()[1:]...)
	}
	return dictionaryOf(c.index, &c.valid, &c.dict)
}
