package blob

import (
	"bufio"
	"context"
	"errors"
	"io"

	"gocloud.dev/blob"
)

// writeBuffer gathers the small writes of encoders.
const writeBuffer = 128 << 10

var errEnded = errors.New("file was already committed or closed")

// A Writer takes the bytes of one file. It belongs to one goroutine.
type Writer struct {
	to     *blob.Writer
	buf    *bufio.Writer
	seal   io.WriteCloser // encrypts into buf, or leaves as it is
	cancel context.CancelFunc
	size   int64
	ended  bool
}

func newWriter(ctx context.Context, b *blob.Bucket, name string, sealing func(io.Writer) (io.WriteCloser, error)) (*Writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	to, err := b.NewWriter(ctx, name, &blob.WriterOptions{
		ContentType: defaultContentType, DisableContentTypeDetection: true,
	})
	if err != nil {
		cancel()
		return nil, explain(err, "create file")
	}
	w := &Writer{to: to, buf: bufio.NewWriterSize(to, writeBuffer), cancel: cancel}
	if w.seal, err = sealing(w.buf); err != nil {
		w.abort()
		return nil, explain(err, "create file")
	}
	return w, nil
}

// Write appends p to the file.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.seal.Write(p)
	w.size += int64(n)
	if err != nil {
		return n, explain(err, "write file")
	}
	return n, nil
}

// Size returns the number of bytes of the content so far.
func (w *Writer) Size() int64 { return w.size }

// Commit makes the file visible. When it returns nil the file is whole and
// durable (I3). After an error the file is not there, or, when only its
// durability could not be assured, it is there and whole.
func (w *Writer) Commit() error {
	if w.ended {
		return errEnded
	}
	if err := errors.Join(w.seal.Close(), w.buf.Flush()); err != nil {
		w.abort()
		return explain(err, "write file")
	}
	w.ended = true
	defer w.cancel()
	if err := w.to.Close(); err != nil { // I3: the bucket commits durably
		return explain(err, "store file")
	}
	return nil
}

// Close ends the writer. Without a Commit before, nothing is left behind, and
// an earlier file of that key stays as it was. It may be called more than once.
func (w *Writer) Close() error {
	if !w.ended {
		w.abort()
	}
	return nil
}

func (w *Writer) abort() {
	w.ended = true
	w.cancel()
	w.to.Close() // reports the cancellation that we asked for
}
