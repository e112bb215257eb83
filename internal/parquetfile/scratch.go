package parquetfile

import (
	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
)

// A Scratch is the memory that encoders work with while they write a row
// group. Encoders of one goroutine may share one. The zero value is ready.
type Scratch struct {
	out   []byte   // the encoded row group
	page  []byte   // a page before it is compressed
	small []byte   // the same page compressed
	head  compact  // its header
	bits  []uint64 // the values of a row group's column of numbers, without nulls
	rest  []byte   // what texts do not have in common with those before
	index []int32  // of dictionary entries, without nulls
	dict  numbers

	zstd *zstd.Encoder
	huff *huff0.Scratch
}

// keptBytes is the most that a buffer keeps for the next row group.
const keptBytes = 4 << 20

// prepare begins a row group, and makes the compressor. A page up to blockBytes
// is one block for it, and needs no history.
func (s *Scratch) prepare() (err error) {
	s.out = s.out[:0]
	if s.zstd != nil {
		return nil
	}
	s.zstd, err = zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(longPageBytes),
		zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false),
		// Ids have no repetitions, but few different characters.
		zstd.WithAllLitEntropyCompression(true))
	return err
}

// trim gives back what a row group of long texts took.
func (s *Scratch) trim() {
	for _, b := range []*[]byte{&s.out, &s.page, &s.small, &s.rest} {
		if cap(*b) > keptBytes {
			*b = nil
		}
	}
}
