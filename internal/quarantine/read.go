package quarantine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const (
	maxHead   = 16 << 10 // of what stands before an entry's content
	maxWindow = 64 << 20 // the memory that a zstd stream may ask for
)

// An Entry is one refused line. As an io.Reader it gives the line as it was
// received, once, and is valid until the next entry is asked for.
type Entry struct {
	Reason string
	File   string
	Line   int64 // from 1
	Offset int64 // of the line's first byte in the decoded output file

	ctx     context.Context
	of      string // whose entry it is, for errors
	binary  bool   // the content is written as base64
	content io.Reader
}

// Read gives the next bytes of the line.
func (e *Entry) Read(p []byte) (int, error) {
	n, err := e.content.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = explain(e.ctx, e.of, err)
	}
	return n, err
}

// pieces gives the line in pieces of whole characters. Its content is text.
func (e *Entry) pieces() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		buf, kept := make([]byte, chunk), 0
		for {
			n, err := e.Read(buf[kept:])
			n += kept
			whole := n
			if err == nil {
				whole = wholeRunes(buf[:n])
			}
			if whole > 0 && !yield(buf[:whole], nil) {
				return
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			kept = copy(buf, buf[whole:n])
		}
	}
}

// Entries reads the quarantine that an export holds for an output file, in the
// order in which it was written, which is not that of the lines. There is none
// when no line was refused. It holds little of any line in memory; an error
// ends it: StorageDamaged, or the context's.
func Entries(ctx context.Context, scope *blob.Scope, export, file string) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		if err := walk(ctx, scope, export, file, func(e *Entry) bool { return yield(e, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// Lines gives the numbers of the lines of an output file that are in an
// export's quarantine.
func Lines(ctx context.Context, scope *blob.Scope, export, file string) (*Numbers, error) {
	lines := &Numbers{}
	for e, err := range Entries(ctx, scope, export, file) {
		if err != nil {
			return nil, err
		}
		lines.Add(e.Line)
	}
	return lines, nil
}

func walk(ctx context.Context, scope *blob.Scope, export, file string, yield func(*Entry) bool) (err error) {
	key, err := scope.QuarantineKey(export, file)
	if err != nil {
		return err
	}
	raw, err := scope.Open(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	text, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return fmt.Errorf("read quarantine: %w", err)
	}
	defer text.Close()
	src, of := bufio.NewReaderSize(ndjson.Until(ctx, text), chunk), "file "+file+" in export "+export
	for {
		e, err := next(src)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return explain(ctx, of, err)
		}
		e.ctx, e.of = ctx, of
		if !yield(e) {
			return nil
		}
		if err := skip(src); err != nil {
			return explain(ctx, of, err)
		}
	}
}

func explain(ctx context.Context, of string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return problem.Wrap(err, problem.StorageDamaged, "the quarantine of "+of+" cannot be read to its end",
		"Check the disk of the storage folder. The refused lines are in the raw file too, which is kept as it was received.")
}

var (
	errForm   = errors.New("a line of the quarantine has another form")
	asText    = []byte(`,"content":"`)
	asBase64  = []byte(`,"content_base64":"`)
	afterHead = []byte(`"}`)
)

// next reads the head of the entry at which src stands; io.EOF after the last.
func next(src *bufio.Reader) (*Entry, error) {
	var head []byte
	for {
		b, err := src.ReadByte()
		if errors.Is(err, io.EOF) && len(head) > 0 {
			return nil, errForm
		}
		if err != nil {
			return nil, err
		}
		// A quote within a text is escaped, so the mark stands nowhere else.
		if head = append(head, b); b == '"' && (bytes.HasSuffix(head, asText) || bytes.HasSuffix(head, asBase64)) {
			break
		}
		if len(head) > maxHead || b == '\n' {
			return nil, errForm
		}
	}
	var r Refusal
	if err := json.Unmarshal(append(bytes.Clone(head), afterHead...), &r); err != nil {
		return nil, errForm // its own text may quote
	}
	e := &Entry{Reason: r.Reason, File: r.File, Line: r.Line, Offset: r.Offset, binary: bytes.HasSuffix(head, asBase64)}
	if e.binary {
		e.content = base64.NewDecoder(base64.StdEncoding, &untilQuote{src: src})
	} else {
		e.content = &unquoting{src: src}
	}
	return e, nil
}

// skip goes on after the entry, however much of it was read: an entry is one
// line.
func skip(src *bufio.Reader) error {
	for {
		_, err := src.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
}
