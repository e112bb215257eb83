package parquetfile

import (
	"encoding/binary"
	"math/bits"

	"github.com/bulkhead-fhir/bulkhead/internal/columnar"
)

// appendLevels writes the definition levels of the rows from up to to, the
// first of which is a multiple of 8: the validity bits as they are. It returns
// how many of the rows have a value.
// https://github.com/apache/parquet-format/blob/master/Encodings.md#RLE
func appendLevels(dst []byte, valid *columnar.Bitmap, from, to int) ([]byte, int) {
	n := to - from
	set := n
	var part []byte
	if valid.Unset() > 0 {
		part = valid.Bits()[from>>3 : (to+7)>>3]
		set = countSet(part, n)
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0) // the length
	switch set {
	case n:
		dst = appendRun(dst, 1, n, 1)
	case 0:
		dst = appendRun(dst, 0, n, 1)
	default:
		dst = binary.AppendUvarint(dst, uint64(len(part))<<1|1)
		dst = append(dst, part...)
		if n&7 != 0 {
			dst[len(dst)-1] &= 1<<(n&7) - 1
		}
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst, set
}

// countSet counts the set ones of the first n bits.
func countSet(part []byte, n int) int {
	set := 0
	whole := part[:n>>3]
	for ; len(whole) >= 8; whole = whole[8:] {
		set += bits.OnesCount64(binary.LittleEndian.Uint64(whole))
	}
	for _, x := range whole {
		set += bits.OnesCount8(x)
	}
	if n&7 != 0 {
		set += bits.OnesCount8(part[n>>3] & (1<<(n&7) - 1))
	}
	return set
}

// appendRun writes n times the value v of a width of bits.
func appendRun(dst []byte, v int32, n, width int) []byte {
	dst = binary.AppendUvarint(dst, uint64(n)<<1)
	for ; width > 0; width -= 8 {
		dst = append(dst, byte(v))
		v >>= 8
	}
	return dst
}

// longRun is how many equal values are worth a run of their own.
const longRun = 64

// appendIndices writes numbers of dictionary entries, of a width of bits: long
// runs of one number as such, the others packed.
func appendIndices(dst []byte, index []int32, width int) []byte {
	dst = append(dst, byte(width))
	packed := 0 // from here on nothing is written
	for i := 0; i+longRun <= len(index); {
		if index[i] != index[i+longRun-1] || index[i] != index[i+longRun/2] {
			i += 8
			continue
		}
		end := runEnd(index, i)
		if end-i < longRun {
			i += 8
			continue
		}
		dst = appendPacked(dst, index[packed:i], width)
		dst = appendRun(dst, index[i], end-i, width)
		packed, i = end, end
	}
	return appendPacked(dst, index[packed:], width)
}

// runEnd returns where the values stop to equal that at i.
func runEnd(index []int32, i int) int {
	v := index[i]
	for i++; i < len(index) && index[i] == v; i++ {
	}
	return i
}

// appendPacked writes the low bits of the values, the first at the low end. Their
// number is a multiple of 8, or they are the last of a page.
func appendPacked(dst []byte, values []int32, width int) []byte {
	if len(values) == 0 {
		return dst
	}
	groups := (len(values) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	return appendBitsOf(dst, values, width, groups*width)
}
