package ndjson

import (
	"bytes"
	"iter"
)

var newline = []byte{'\n'}

// A Block is one or more whole lines.
type Block struct {
	Number int64  // of the first line, from 1
	Offset int64  // of the first byte in the stream
	Bytes  []byte // the lines with their newlines; they must not be changed

	r   *Reader
	big bool
}

// A Line is one line of a block. Its bytes are valid until the block is
// released, and must not be changed.
type Line struct {
	Number int64
	Offset int64  // of the first byte in the stream
	Bytes  []byte // without newline, and without one carriage return before it
}

// Blank reports whether the line has only JSON's white space.
func (l Line) Blank() bool {
	for _, c := range l.Bytes {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// Lines walks the lines of the block, blank ones too.
func (b *Block) Lines() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		number, offset := b.Number, b.Offset
		for rest := b.Bytes; len(rest) > 0; number++ {
			line, length := rest, len(rest)
			if i := bytes.IndexByte(rest, '\n'); i >= 0 {
				line, length = rest[:i], i+1
			}
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			if !yield(Line{Number: number, Offset: offset, Bytes: line}) {
				return
			}
			rest = rest[length:]
			offset += int64(length)
		}
	}
}

// Release gives the block's memory back to the reader. The block must not be
// used afterwards.
func (b *Block) Release() {
	buf, r := b.Bytes, b.r
	b.Bytes, b.r = nil, nil
	if b.big {
		<-r.big
	}
	r.recycle(buf)
}
