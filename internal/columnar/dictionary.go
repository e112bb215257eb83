package columnar

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

const (
	firstSlots = 256 // a power of two
	// maxProbes bounds the search for a text. In a table that is half full it is
	// never reached by chance; texts that were made to meet get no dictionary.
	maxProbes = 128
)

// A dictionary numbers different texts.
type dictionary struct {
	texts Texts
	keys  []key  // by entry
	slots []slot // hash table
}

// A key is what a text is looked up by. Texts of up to 16 bytes are equal when
// their keys are.
type key struct {
	head, tail uint64 // the first and the last eight bytes, which may overlap
	length     int
}

// A slot of the hash table is empty when its entry is 0.
type slot struct {
	mark  uint32 // of the hash
	entry int32  // +1
}

func newDictionary() dictionary {
	return dictionary{texts: newTexts(), slots: make([]slot, firstSlots)}
}

func keyOf(text []byte) key {
	n := len(text)
	switch {
	case n >= 8:
		return key{binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:]), n}
	case n >= 4:
		low, high := binary.LittleEndian.Uint32(text), binary.LittleEndian.Uint32(text[n-4:])
		return key{uint64(low) | uint64(high)<<32, 0, n}
	case n > 0:
		return key{uint64(text[0]) | uint64(text[n/2])<<8 | uint64(text[n-1])<<16, 0, n}
	}
	return key{}
}

// is reports whether entry e is text, whose key is k.
func (d *dictionary) is(e int32, k *key, text []byte) bool {
	return d.keys[e] == *k && (k.length <= 16 || bytes.Equal(d.texts.At(e), text))
}

// hash mixes all bytes of the text.
func (k *key) hash(text []byte) uint64 {
	const a, b, c = 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3
	h := mix(k.head^a, k.tail^b^uint64(k.length))
	for i := 8; i < k.length-8; i += 16 {
		h = mix(binary.LittleEndian.Uint64(text[i:])^h, binary.LittleEndian.Uint64(text[min(i+8, k.length-8):])^c)
	}
	return h
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// entry returns the number of text, where it puts it when it is new, and
// whether the dictionary is still of use.
func (d *dictionary) entry(k *key, text []byte) (int32, bool) {
	h := k.hash(text)
	mark, mask := uint32(h>>32), uint64(len(d.slots)-1)
	at, probes := h&mask, 0
	for ; d.slots[at].entry != 0; at = (at + 1) & mask {
		if s := d.slots[at]; s.mark == mark && d.is(s.entry-1, k, text) {
			return s.entry - 1, true
		}
		probes++
	}
	d.texts.append(text)
	d.keys = append(room(d.keys, 1), *k)
	n := len(d.keys)
	d.slots[at] = slot{mark, int32(n)}
	if 2*n > len(d.slots) {
		d.grow()
	}
	return int32(n - 1), probes < maxProbes
}

func (d *dictionary) grow() {
	d.slots = make([]slot, 2*len(d.slots))
	mask := uint64(len(d.slots) - 1)
	for e := range d.keys {
		h := d.keys[e].hash(d.texts.At(int32(e)))
		at := h & mask
		for d.slots[at].entry != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = slot{uint32(h >> 32), int32(e) + 1}
	}
}

func (d *dictionary) reset() {
	d.texts.reset()
	d.keys = d.keys[:0]
	clear(d.slots)
}
