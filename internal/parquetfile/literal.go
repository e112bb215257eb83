package parquetfile

import (
	"encoding/binary"

	"github.com/klauspost/compress/huff0"
)

// zstdMagic begins a Zstandard frame. https://www.rfc-editor.org/rfc/rfc8878
const zstdMagic = 0xfd2fb528

// appendLiteral writes a page as a Zstandard frame of one block without
// matches: its bytes get codes by how often they come, and nobody looks for
// repetitions. It reports false when that is no gain. The page has at most
// blockBytes.
func (s *Scratch) appendLiteral(dst, page []byte) ([]byte, bool) {
	if s.huff == nil {
		s.huff = &huff0.Scratch{}
	}
	s.huff.Reuse = huff0.ReusePolicyNone
	coded, _, err := huff0.Compress4X(page, s.huff)
	const lastCompressed, literalsHead, sequencesHead = 1 | 2<<1, 5, 1
	block := literalsHead + len(coded) + sequencesHead
	if err != nil || block >= len(page) { // all bytes are equal, or all are equally often
		return dst, false
	}
	dst = binary.LittleEndian.AppendUint32(dst, zstdMagic)
	dst = append(dst, 2<<6|1<<5) // the size in four bytes, which is the window
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(page)))
	block = lastCompressed | block<<3
	dst = append(dst, byte(block), byte(block>>8), byte(block>>16))
	// Compressed literals in four streams, sizes of 18 bits.
	head := uint64(2|3<<2) | uint64(len(page))<<4 | uint64(len(coded))<<22
	dst = append(dst, byte(head), byte(head>>8), byte(head>>16), byte(head>>24), byte(head>>32))
	dst = append(dst, coded...)
	return append(dst, 0), true // no sequences
}

const (
	// smallPage is the least that is tried without matches.
	smallPage = 1 << 10
	// tryEvery is how many row groups keep what a trial of a column gave.
	tryEvery = 8
)

// A habit is what is known of how the pages of a column compress.
type habit struct {
	literal bool // best without matches
	groups  int  // row groups since the last trial
}

// next ends a row group.
func (h *habit) next() {
	if h.groups > 0 {
		h.groups = (h.groups + 1) % tryEvery
	}
}

// compressPage writes the compressed page into s.small.
func (s *Scratch) compressPage(page []byte, h *habit) {
	s.small = s.small[:0]
	if len(page) < smallPage || len(page) > blockBytes {
		s.small = s.zstd.EncodeAll(page, s.small)
		return
	}
	trial := h.groups == 0
	if h.literal || trial {
		var ok bool
		if s.small, ok = s.appendLiteral(s.small, page); ok && !trial {
			return
		}
		h.literal = ok
	}
	literal := len(s.small)
	s.small = s.zstd.EncodeAll(page, s.small)
	if trial {
		h.groups = 1
		matched := len(s.small) - literal
		h.literal = h.literal && literal <= matched+matched/32
	}
	if h.literal {
		s.small = s.small[:literal]
		return
	}
	s.small = append(s.small[:0], s.small[literal:]...)
}
