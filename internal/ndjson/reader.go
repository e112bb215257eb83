// Package ndjson reads newline-delimited JSON in blocks that end at line ends,
// so that several goroutines can work on one file. It knows lines, not JSON:
// it never looks inside one and never changes one.
//
// It implements https://github.com/ndjson/ndjson-spec as FHIR uses it
// (https://build.fhir.org/nd-json.html), and tolerates what servers send: a
// byte order mark at the very start, CRLF, blank lines, no newline at the end.
package ndjson

import (
	"bytes"
	"errors"
	"io"
)

const (
	// DefaultBlock is the usual size of a block in bytes. It fits a core's
	// second-level cache.
	DefaultBlock = 512 << 10
	// DefaultMaxLine is the length in bytes of the longest line that is held
	// in memory.
	DefaultMaxLine = 256 << 20

	// bigBlock is the size above which only one block exists at a time.
	bigBlock = 8 << 20
	// freeBlocks is how many released blocks are kept for reuse.
	freeBlocks = 16
)

// ErrTooLong means that a line is longer than MaxLine and nobody takes such.
var ErrTooLong = errors.New("line is longer than the limit")

var bom = []byte("\xef\xbb\xbf")

// Options change how a Reader cuts. The zero value is the usual way.
type Options struct {
	Block   int // bytes of a block; 0 means DefaultBlock
	MaxLine int // longest line in bytes without its newline, at least 3; 0 means DefaultMaxLine

	// OverLong takes each line that is longer than MaxLine, as a stream. It is
	// called by Next; what it does not read is skipped, and its error is
	// returned by Next. When it is nil such a line is ErrTooLong.
	OverLong func(LongLine) error
}

// A LongLine is a line that is too long to hold. Its Reader gives the line
// without its newline, and is valid until OverLong returns.
type LongLine struct {
	Number int64
	Offset int64
	io.Reader
}

// A Reader cuts a stream into blocks. Next belongs to one goroutine; the
// blocks may be used and released by any.
type Reader struct {
	src  io.Reader
	opts Options

	tail    []byte // start of the next block: what followed the last newline in the last buffer
	line    int64  // number of the line that tail begins
	offset  int64  // offset of tail in the stream
	started bool
	ended   bool // src is at its end

	free    chan []byte
	big     chan struct{} // holds a token for the one buffer above bigBlock
	holding bool          // the token is the buffer's that fill works on
}

// NewReader returns a reader of src. Memory is bounded by Options.Block for
// each block in use, and by MaxLine for one of them.
func NewReader(src io.Reader, o Options) *Reader {
	if o.Block <= 0 {
		o.Block = DefaultBlock
	}
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	o.MaxLine = max(o.MaxLine, len(bom))
	o.Block = max(min(o.Block, o.MaxLine+1), len(bom))
	return &Reader{
		src: src, opts: o, line: 1,
		free: make(chan []byte, freeBlocks), big: make(chan struct{}, 1),
	}
}

// Lines returns the number of lines that Next has passed, over-long ones
// included. After io.EOF it is the number of lines of the stream.
func (r *Reader) Lines() int64 { return r.line - 1 }

// Bytes returns the number of bytes that Next has passed. After io.EOF it is
// the length of the stream.
func (r *Reader) Bytes() int64 { return r.offset }

// Next returns the next block of whole lines, at least one; io.EOF after the
// last. The caller releases each block. A block above 8 MiB must be released
// before Next can return another such block.
func (r *Reader) Next() (*Block, error) {
	for {
		buf, err := r.fill()
		if err != nil {
			return nil, err
		}
		if !r.started {
			r.started = true
			if bytes.HasPrefix(buf, bom) {
				r.tail, r.offset = buf[len(bom):], int64(len(bom))
				continue
			}
		}
		end := bytes.LastIndexByte(buf, '\n') + 1
		switch {
		case end > 0:
			return r.cut(buf, end), nil
		case len(buf) > r.opts.MaxLine:
			if err := r.overLong(buf); err != nil {
				return nil, err
			}
		case r.ended && len(buf) == 0:
			return nil, io.EOF
		case r.ended:
			return r.cut(buf, len(buf)), nil
		}
	}
}

// fill returns a buffer that begins with the tail and is full, or holds all
// that is left, or as much as one line may have. A buffer without a newline
// grows.
func (r *Reader) fill() ([]byte, error) {
	buf := append(r.buffer(len(r.tail)), r.tail...)
	r.tail = nil
	for searched := 0; ; {
		for len(buf) < cap(buf) && !r.ended {
			n, err := r.src.Read(buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+n]
			if errors.Is(err, io.EOF) {
				r.ended = true
			} else if err != nil {
				return nil, err
			}
		}
		if r.ended || len(buf) > r.opts.MaxLine || bytes.IndexByte(buf[searched:], '\n') >= 0 {
			return buf, nil
		}
		searched = len(buf)
		buf = r.grow(buf)
	}
}

// buffer returns an empty buffer with room for more than n bytes.
func (r *Reader) buffer(n int) []byte {
	if n >= r.opts.Block {
		return r.alloc(min(2*n, r.limit()))
	}
	select {
	case buf := <-r.free:
		return buf[:0]
	default:
		return make([]byte, 0, r.opts.Block)
	}
}

func (r *Reader) grow(buf []byte) []byte {
	larger := r.alloc(min(2*cap(buf), r.limit()))
	larger = append(larger, buf...)
	if cap(buf) <= bigBlock {
		r.recycle(buf)
	}
	return larger
}

// limit is one byte more than a line may have: a full buffer of that size
// without a newline holds the start of an over-long line.
func (r *Reader) limit() int { return r.opts.MaxLine + 1 }

// alloc makes a buffer, after the last big one was released when this one is
// big too.
func (r *Reader) alloc(size int) []byte {
	if size > bigBlock && !r.holding {
		r.big <- struct{}{}
		r.holding = true
	}
	return make([]byte, 0, size)
}

// cut makes a block of buf[:end] and keeps the rest for the next one. The tail
// may lie in a released buffer, even in the one that fill takes next: append
// copies overlapping memory rightly, and nobody writes to a block.
func (r *Reader) cut(buf []byte, end int) *Block {
	b := &Block{Number: r.line, Offset: r.offset, Bytes: buf[:end], r: r, big: r.holding}
	r.holding = false
	r.tail = buf[end:]
	r.line += int64(bytes.Count(b.Bytes, newline))
	if buf[end-1] != '\n' {
		r.line++
	}
	r.offset += int64(end)
	return b
}

// recycle keeps a buffer of the usual size for reuse.
func (r *Reader) recycle(buf []byte) {
	if cap(buf) != r.opts.Block {
		return
	}
	select {
	case r.free <- buf:
	default:
	}
}

// overLong hands the line that begins with buf to OverLong, and goes on after
// its newline.
func (r *Reader) overLong(buf []byte) error {
	if r.opts.OverLong == nil {
		return ErrTooLong
	}
	s := &lineStream{r: r, rest: buf, buf: buf}
	if err := r.opts.OverLong(LongLine{Number: r.line, Offset: r.offset, Reader: s}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, s); err != nil {
		return err
	}
	r.line++
	r.offset += s.passed
	r.tail = s.rest
	if r.holding {
		r.holding = false
		<-r.big
	}
	return nil
}

// lineStream gives the bytes of the stream up to the next newline.
type lineStream struct {
	r      *Reader
	buf    []byte // its memory is used again to read on
	rest   []byte // read and not yet given
	passed int64  // bytes given, the newline included
	ended  bool
}

// Read gives the next bytes of the line, io.EOF at its end.
func (s *lineStream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.more(); err != nil {
		return 0, err
	}
	if s.ended {
		return 0, io.EOF
	}
	given := s.rest[:min(len(p), len(s.rest))]
	if i := bytes.IndexByte(given, '\n'); i >= 0 {
		given = given[:i]
		s.ended = true
	}
	n := copy(p, given)
	s.rest = s.rest[n:]
	s.passed += int64(n)
	if s.ended {
		s.rest = s.rest[1:] // the newline
		s.passed++
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// more reads on when nothing is left to give.
func (s *lineStream) more() error {
	for len(s.rest) == 0 && !s.ended {
		if s.r.ended {
			s.ended = true
			return nil
		}
		n, err := s.r.src.Read(s.buf[:min(cap(s.buf), DefaultBlock)])
		s.rest = s.buf[:n]
		if errors.Is(err, io.EOF) {
			s.r.ended = true
		} else if err != nil {
			return err
		}
	}
	return nil
}
