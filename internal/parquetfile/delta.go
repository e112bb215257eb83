package parquetfile

import (
	"encoding/binary"
	"math/bits"
)

// A DELTA_BINARY_PACKED block has 128 differences in four miniblocks of 32.
// https://github.com/apache/parquet-format/blob/master/Encodings.md#DELTAENC
const (
	deltaBlock = 128
	deltaMini  = 32
)

// appendDelta writes numbers of a width of bytes as their differences. They are
// sign-extended; differences wrap around in that width.
func appendDelta(dst []byte, values []uint64, width int) []byte {
	dst = binary.AppendUvarint(dst, deltaBlock)
	dst = binary.AppendUvarint(dst, deltaBlock/deltaMini)
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	if len(values) == 0 {
		return binary.AppendVarint(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(values[0]))
	var block [deltaBlock]uint64
	for last := values[0]; len(values) > 1; {
		n := min(deltaBlock, len(values)-1)
		least := deltas(block[:n], last, values[1:], 64-8*width)
		dst = appendBlock(dst, block[:n], least)
		last = values[n]
		values = values[n:]
	}
	return dst
}

// deltas fills block with the differences of values, less the least of them,
// which it returns. shift is how many high bits the width lacks.
func deltas(block []uint64, last uint64, values []uint64, shift int) (least int64) {
	least = 1<<63 - 1
	for i := range block {
		d := int64((values[i]-last)<<shift) >> shift
		block[i], last = uint64(d), values[i]
		least = min(least, d)
	}
	for i := range block {
		block[i] = (block[i] - uint64(least)) << shift >> shift
	}
	return least
}

func appendBlock(dst []byte, block []uint64, least int64) []byte {
	dst = binary.AppendVarint(dst, least)
	widths := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for mini := 0; mini*deltaMini < len(block); mini++ {
		part := block[mini*deltaMini : min((mini+1)*deltaMini, len(block))]
		var all uint64
		for _, d := range part {
			all |= d
		}
		width := bits.Len64(all)
		dst[widths+mini] = byte(width)
		dst = appendBitsOf(dst, part, width, deltaMini*width/8)
	}
	return dst
}

// appendBitsOf writes the low bits of the values, the first at the low end, and
// zeros up to size bytes.
func appendBitsOf[T int32 | uint64](dst []byte, values []T, width, size int) []byte {
	end := len(dst) + size
	var acc uint64
	held := 0
	for _, v := range values {
		x := uint64(v)
		acc |= x << held
		if held += width; held >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			held -= 64
			acc = x >> (width - held)
		}
	}
	for ; held > 0; held -= 8 {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	for len(dst) < end {
		dst = append(dst, 0)
	}
	return dst
}
