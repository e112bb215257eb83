package ndjson

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrDamaged means that compressed bytes cannot be read to their end. What the
// source itself failed with is returned as it is, and is not ErrDamaged.
var ErrDamaged = errors.New("damaged compressed bytes")

var (
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	gzipMagic = []byte{0x1f, 0x8b}
)

// maxWindow bounds the memory that a zstd stream may ask for.
const maxWindow = 64 << 20

// Decompress returns the text of a stream that may be zstd or gzip, told by
// its first bytes: no JSON text begins with them. Closing it does not close
// src.
func Decompress(src io.Reader) (io.ReadCloser, error) {
	from := &remembering{r: src}
	buffered := bufio.NewReaderSize(from, 64<<10)
	head, err := buffered.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.Equal(head, zstdMagic):
		d, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return &decompressed{Reader: d, from: from, close: d.Close}, nil
	case bytes.HasPrefix(head, gzipMagic):
		d, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return &decompressed{Reader: d, from: from, close: func() { d.Close() }}, nil
	}
	return io.NopCloser(buffered), nil
}

// decompressed tells damage from the failure to read.
type decompressed struct {
	io.Reader
	from  *remembering
	close func()
}

func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if d.from.err != nil {
		return n, d.from.err
	}
	return n, fmt.Errorf("%w: %w", ErrDamaged, err)
}

func (d *decompressed) Close() error {
	d.close()
	return nil
}

// remembering keeps the error of a reader, which decoders may hide.
type remembering struct {
	r   io.Reader
	err error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
