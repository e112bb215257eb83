package parquetfile

import (
	"encoding/binary"

	"github.com/klauspost/compress/huff0"
)

// zstdMagic begins a Zstandard frame. https://www.rfc-editor.org/rfc/rfc8878
const zstdMagic = 0xfd2fb528

// appendLiteral writes a page as a Zstandard frame without matches: its bytes
// get codes by how often they come, and nobody looks for repetitions. Those
// before border, which is 0 when all are of one kind, have codes of their own.
// It reports false when that is no gain.
func (s *Scratch) appendLiteral(dst, page []byte, border int) ([]byte, bool) {
	if s.huff == nil {
		s.huff = &huff0.Scratch{}
	}
	begin := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, zstdMagic)
	dst = append(dst, 2<<6|1<<5) // the size in four bytes, which is the window
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(page)))
	for from, to := 0, 0; from < len(page); from = to {
		to = min(from+blockBytes, len(page))
		if from < border {
			to = min(to, border)
		}
		dst = s.appendBlock(dst, page[from:to], to == len(page))
	}
	if len(dst)-begin >= len(page) {
		return dst[:begin], false
	}
	return dst, true
}

// appendBlock writes up to blockBytes as one block of literals, or as they are
// when all bytes are equal, or all are equally often.
func (s *Scratch) appendBlock(dst, part []byte, last bool) []byte {
	const raw, compressed, literalsHead, sequencesHead = 0, 2, 5, 1
	s.huff.Reuse = huff0.ReusePolicyNone
	coded, _, err := huff0.Compress4X(part, s.huff)
	size := literalsHead + len(coded) + sequencesHead
	if err != nil || size >= len(part) {
		return append(appendBlockHead(dst, raw, len(part), last), part...)
	}
	dst = appendBlockHead(dst, compressed, size, last)
	// Compressed literals in four streams, sizes of 18 bits.
	head := uint64(2|3<<2) | uint64(len(part))<<4 | uint64(len(coded))<<22
	dst = append(dst, byte(head), byte(head>>8), byte(head>>16), byte(head>>24), byte(head>>32))
	dst = append(dst, coded...)
	return append(dst, 0) // no sequences
}

func appendBlockHead(dst []byte, kind, size int, last bool) []byte {
	head := kind<<1 | size<<3
	if last {
		head |= 1
	}
	return append(dst, byte(head), byte(head>>8), byte(head>>16))
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

// habits are those of a column, by kind of page.
type habits [pageKinds]habit

// next ends a row group.
func (h *habits) next() {
	for i := range h {
		if h[i].groups > 0 {
			h[i].groups = (h[i].groups + 1) % tryEvery
		}
	}
}

// compressPage writes the compressed page into s.small. Behind border, when it is
// not 0, the page has texts, and before it numbers.
func (s *Scratch) compressPage(page []byte, border int, h *habit) {
	s.small = s.small[:0]
	if len(page) < smallPage {
		s.small = s.zstd.EncodeAll(page, s.small)
		return
	}
	trial := h.groups == 0
	if h.literal || trial {
		if s.small, h.literal = s.appendLiteral(s.small, page, border); h.literal && !trial {
			return
		}
	}
	literal := len(s.small)
	s.small = s.zstd.EncodeAll(page, s.small)
	if trial {
		h.groups = 1
		matched := len(s.small) - literal
		h.literal = h.literal && literal <= matched+matched/16
	}
	if h.literal {
		s.small = s.small[:literal]
		return
	}
	s.small = append(s.small[:0], s.small[literal:]...)
}
