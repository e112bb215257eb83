package parquetfile

import (
	"encoding/binary"
	"math"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
)

// gather returns the bits of the values that are not null.
func gather[T int32 | int64](s *Scratch, valid *columnar.Bitmap, values []T) []uint64 {
	s.bits = sized(s.bits, len(values))
	if valid.Unset() == 0 {
		for i, v := range values {
			s.bits[i] = uint64(v)
		}
		return s.bits
	}
	n := 0
	for row, v := range values {
		s.bits[n] = uint64(v)
		n += valid.Bit(row)
	}
	return s.bits[:n]
}

func gatherDoubles(s *Scratch, valid *columnar.Bitmap, values []float64) []uint64 {
	s.bits = sized(s.bits, len(values))
	n := 0
	for row, v := range values {
		s.bits[n] = math.Float64bits(v)
		if valid.Unset() == 0 {
			n++
			continue
		}
		n += valid.Bit(row)
	}
	return s.bits[:n]
}

// numbers writes a column of numbers of a width of bytes: with a dictionary when
// there are few different ones.
func (w *chunk) numbers(valid *columnar.Bitmap, values []uint64, width int) {
	s := w.scratch
	if len(values) > 0 {
		w.min, w.max = w.numberBounds(values, width)
	}
	s.index = sized(s.index, len(values))
	if entries := s.dict.number(values, s.index); entries != nil {
		w.entries(len(entries), appendNumbers(s.page[:0], entries, width))
		w.indexed(valid, s.index, len(entries))
		return
	}
	if w.kind != physicalDouble && orderly(values, width) { // doubles have no such encoding
		w.encoding = encodingDelta
	}
	step := min(pageRows, pageBytes/width)
	for from := 0; from < w.rows; from += step {
		to := min(from+step, w.rows)
		page, n := appendLevels(s.page[:0], valid, from, to)
		if w.encoding == encodingDelta {
			page = appendDelta(page, values[:n], width)
		} else {
			page = appendNumbers(page, values[:n], width)
		}
		w.page(page, to-from, n)
		values = values[n:]
	}
}

// orderly looks at some numbers and reports whether their differences are much
// smaller than they.
func orderly(values []uint64, width int) bool {
	some := values[:min(len(values), 4*deltaBlock)]
	return len(appendDelta(nil, some, width)) < len(some)*width*3/4
}

// appendNumbers writes numbers as PLAIN has them.
func appendNumbers(dst []byte, values []uint64, width int) []byte {
	if width == 4 {
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
		}
		return dst
	}
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	return dst
}

// numberBounds returns the least and the greatest of some numbers.
func (w *chunk) numberBounds(values []uint64, width int) (least, greatest []byte) {
	low, high := values[0], values[0]
	if w.kind == physicalDouble {
		low, high = doubleBounds(values)
	} else {
		for _, v := range values {
			low = uint64(min(int64(v), int64(low)))
			high = uint64(max(int64(v), int64(high)))
		}
	}
	return appendNumbers(nil, []uint64{low}, width), appendNumbers(nil, []uint64{high}, width)
}

// doubleBounds returns bounds of which a zero has the sign that covers both.
func doubleBounds(values []uint64) (low, high uint64) {
	least, greatest := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		f := math.Float64frombits(v)
		least, greatest = min(least, f), max(greatest, f)
	}
	if least == 0 {
		least = math.Copysign(0, -1)
	}
	if greatest == 0 {
		greatest = math.Copysign(0, 1)
	}
	return math.Float64bits(least), math.Float64bits(greatest)
}

// numbers numbers different numbers.
type numbers struct {
	slots   []int32 // hash table: entry+1, or 0
	entries []uint64
}

const (
	// A dictionary of numbers has at most so many entries, and at most a quarter as
	// many as values.
	maxNumbers = 8192
	slotBits   = 14
	// Numbers that lie so badly in the table get no dictionary.
	maxProbes = 32
)

// number puts the number of each value's entry into index, which is as long,
// and returns the entries; nil when they would be too many.
func (d *numbers) number(values []uint64, index []int32) []uint64 {
	if len(values) == 0 {
		return nil
	}
	if d.slots == nil {
		d.slots = make([]int32, 1<<slotBits)
	}
	clear(d.slots)
	d.entries = d.entries[:0]
	most := min(maxNumbers, len(values)/4+1)
	last, lastEntry := values[0]+1, int32(0)
	for i, v := range values {
		if v != last {
			e, ok := d.entry(v, most)
			if !ok {
				return nil
			}
			last, lastEntry = v, e
		}
		index[i] = lastEntry
	}
	return d.entries
}

func (d *numbers) entry(v uint64, most int) (int32, bool) {
	at := v * 0x9e3779b97f4a7c15 >> (64 - slotBits)
	for range maxProbes {
		switch e := d.slots[at]; {
		case e == 0:
			if len(d.entries) == most {
				return 0, false
			}
			d.entries = append(d.entries, v)
			d.slots[at] = int32(len(d.entries))
			return int32(len(d.entries) - 1), true
		case d.entries[e-1] == v:
			return e - 1, true
		}
		at = (at + 1) & (1<<slotBits - 1)
	}
	return 0, false
}
