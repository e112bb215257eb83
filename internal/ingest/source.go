package ingest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var (
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
	gzipMagic = []byte{0x1f, 0x8b}
)

// maxWindow bounds the memory that a zstd stream may ask for.
const maxWindow = 64 << 20

// decode returns the NDJSON of a stream that may be zstd or gzip: no JSON text
// begins with their first bytes. Closing it does not close src.
func decode(src io.Reader) (io.ReadCloser, error) {
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
		return &decoded{Reader: d, from: from, close: d.Close}, nil
	case bytes.HasPrefix(head, gzipMagic):
		d, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, damaged(err)
		}
		return &decoded{Reader: d, from: from, close: func() { d.Close() }}, nil
	}
	return io.NopCloser(buffered), nil
}

// decoded tells the damage of compressed bytes from the failure to read them.
type decoded struct {
	io.Reader
	from  *remembering
	close func()
}

func (d *decoded) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if d.from.err != nil {
		return n, d.from.err
	}
	return n, damaged(err)
}

func (d *decoded) Close() error {
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

func damaged(err error) error {
	return problem.Wrap(err, problem.StorageDamaged, "a file's compressed bytes cannot be read to their end",
		"Check the disk of the storage folder, then export the practice again; the damaged file is not used.")
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
