package ingest

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"
)

// A Refusal is one line of a quarantine file. Exactly one of Content and
// Base64 holds the line as it was received, without its line ending.
type Refusal struct {
	Reason  string `json:"reason"`
	File    string `json:"file"`   // "<page>-<section>-<index>-<Type>"
	Line    int64  `json:"line"`   // from 1
	Offset  int64  `json:"offset"` // of the line's first byte in the decoded file
	Content string `json:"content,omitempty"`
	Base64  []byte `json:"content_base64,omitempty"` // when the line is not UTF-8, or over-long
	Bytes   int64  `json:"bytes"`                    // length of the line
}

// quarantine writes the refused lines of one file. It may be used by several
// goroutines. The file comes to be with the first line.
type quarantine struct {
	ctx   context.Context
	scope *blob.Scope
	key   blob.Key
	name  string // quoted for JSON

	mu   sync.Mutex
	file *blob.Writer
	zstd *zstd.Encoder
	buf  []byte
}

func newQuarantine(ctx context.Context, o *Options, src *Source) (*quarantine, error) {
	key, err := o.Scope.QuarantineKey(o.Export, src.File)
	if err != nil {
		return nil, err
	}
	return &quarantine{ctx: ctx, scope: o.Scope, key: key, name: string(appendQuoted(nil, []byte(src.File)))}, nil
}

// add stores one line.
func (q *quarantine) add(reason string, l ndjson.Line) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.start(); err != nil {
		return err
	}
	q.head(reason, l.Number, l.Offset)
	if utf8.Valid(l.Bytes) {
		q.buf = append(q.buf, `"content":`...)
		q.buf = appendQuoted(q.buf, l.Bytes)
	} else {
		q.buf = append(q.buf, `"content_base64":"`...)
		q.buf = base64.StdEncoding.AppendEncode(q.buf, l.Bytes)
		q.buf = append(q.buf, '"')
	}
	return q.tail(int64(len(l.Bytes)))
}

// addLong stores a line that is too long to hold, as a stream.
func (q *quarantine) addLong(l ndjson.LongLine) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.start(); err != nil {
		return err
	}
	q.head(ReasonOverLong, l.Number, l.Offset)
	q.buf = append(q.buf, `"content_base64":"`...)
	if _, err := q.zstd.Write(q.buf); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, q.zstd)
	n, err := io.Copy(encoder, contextReader{q.ctx, l})
	if err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	q.buf = append(q.buf[:0], '"')
	return q.tail(n)
}

func (q *quarantine) head(reason string, line, offset int64) {
	q.buf = append(q.buf[:0], `{"reason":`...)
	q.buf = appendQuoted(q.buf, []byte(reason))
	q.buf = append(append(q.buf, `,"file":`...), q.name...)
	q.buf = strconv.AppendInt(append(q.buf, `,"line":`...), line, 10)
	q.buf = strconv.AppendInt(append(q.buf, `,"offset":`...), offset, 10)
	q.buf = append(q.buf, ',')
}

func (q *quarantine) tail(bytes int64) error {
	q.buf = strconv.AppendInt(append(q.buf, `,"bytes":`...), bytes, 10)
	q.buf = append(q.buf, "}\n"...)
	_, err := q.zstd.Write(q.buf)
	if cap(q.buf) > 1<<20 {
		q.buf = nil
	}
	return err
}

func (q *quarantine) start() error {
	if q.file != nil {
		return nil
	}
	file, err := q.scope.Create(q.ctx, q.key)
	if err != nil {
		return err
	}
	q.file = file
	q.zstd, err = zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	return err
}

// commit makes the file durable and returns its key; "" when no line was
// refused.
func (q *quarantine) commit() (blob.Key, error) {
	if q.file == nil {
		return "", nil
	}
	if err := q.zstd.Close(); err != nil {
		return "", fmt.Errorf("end quarantine: %w", err)
	}
	return q.key, q.file.Commit()
}

// close leaves nothing behind unless commit was called.
func (q *quarantine) close() {
	if q.file != nil {
		q.file.Close()
	}
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

// appendQuoted writes text, which is valid UTF-8, as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	dst, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		panic("text of a checked line is not UTF-8") // the scanner refuses such lines
	}
	return dst
}
