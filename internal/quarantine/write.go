package quarantine

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
)

// chunk is how much of a line is written at once: a line may be as long as
// memory is large.
const chunk = 64 << 10

// A Writer writes the refused lines of one output file. It may be used by
// several goroutines. The file comes to be with the first line.
type Writer struct {
	ctx   context.Context
	scope *blob.Scope
	key   blob.Key
	name  string // of the output file, quoted for JSON

	mu   sync.Mutex
	file *blob.Writer  // nil before the first line
	zstd *zstd.Encoder // nil when it has ended
	buf  []byte
	open bool // the entry at hand has its content begun
}

// NewWriter begins the quarantine of an output file of an export. Nothing is
// there before Commit, which ctx bounds like every other call. The caller ends
// with Close.
func NewWriter(ctx context.Context, scope *blob.Scope, export, file string) (*Writer, error) {
	key, err := scope.QuarantineKey(export, file)
	if err != nil {
		return nil, err
	}
	return &Writer{ctx: ctx, scope: scope, key: key, name: string(appendQuoted(nil, []byte(file)))}, nil
}

// Add stores one line.
func (w *Writer) Add(reason string, l ndjson.Line) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.head(reason, l.Number, l.Offset); err != nil {
		return err
	}
	write := w.base64
	if utf8.Valid(l.Bytes) {
		write = w.text
	}
	if err := write(l.Bytes); err != nil {
		return err
	}
	return w.tail(int64(len(l.Bytes)))
}

// AddLong stores a line that is too long to hold.
func (w *Writer) AddLong(l ndjson.LongLine) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.head(ReasonOverLong, l.Number, l.Offset); err != nil {
		return err
	}
	return w.stream(l)
}

// Copy stores an entry of another quarantine with the reason given. It reads
// the entry to its end.
func (w *Writer) Copy(e *Entry, reason string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.head(reason, e.Line, e.Offset); err != nil {
		return err
	}
	if e.binary {
		return w.stream(e)
	}
	total := int64(0)
	for piece, err := range e.pieces() {
		if err != nil {
			return err
		}
		total += int64(len(piece))
		if err := w.text(piece); err != nil {
			return err
		}
	}
	return w.tail(total)
}

// head begins an entry, and the file with the first one.
func (w *Writer) head(reason string, line, offset int64) error {
	if err := w.start(); err != nil {
		return err
	}
	w.buf = append(w.buf[:0], `{"reason":`...)
	w.buf = appendQuoted(w.buf, []byte(reason))
	w.buf = append(append(w.buf, `,"file":`...), w.name...)
	w.buf = strconv.AppendInt(append(w.buf, `,"line":`...), line, 10)
	w.buf = strconv.AppendInt(append(w.buf, `,"offset":`...), offset, 10)
	w.buf = append(w.buf, ',')
	w.open = false
	return nil
}

// text writes content that is UTF-8. It may be called several times for one
// entry, with whole characters each time.
func (w *Writer) text(content []byte) error {
	w.begin(`"content":"`)
	for len(content) > 0 {
		part := content
		if len(part) > chunk {
			part = part[:chunk]
			for !utf8.RuneStart(content[len(part)]) {
				part = part[:len(part)-1]
			}
		}
		content = content[len(part):]
		begin := len(w.buf)
		w.buf = appendQuoted(w.buf, part)
		w.buf = append(w.buf[:begin], w.buf[begin+1:len(w.buf)-1]...) // without its quotes
		if err := w.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) base64(content []byte) error {
	w.begin(`"content_base64":"`)
	if err := w.flush(); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, w.zstd)
	if _, err := encoder.Write(content); err != nil {
		return err
	}
	return encoder.Close()
}

// stream writes content of any bytes and ends the entry.
func (w *Writer) stream(content io.Reader) error {
	w.begin(`"content_base64":"`)
	if err := w.flush(); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, w.zstd)
	n, err := io.Copy(encoder, ndjson.Until(w.ctx, content))
	if err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	return w.tail(n)
}

// begin begins the content of the entry at hand, once.
func (w *Writer) begin(mark string) {
	if !w.open {
		w.buf = append(w.buf, mark...)
		w.open = true
	}
}

func (w *Writer) tail(bytes int64) error {
	w.begin(`"content":"`)
	w.buf = strconv.AppendInt(append(w.buf, `","bytes":`...), bytes, 10)
	w.buf = append(w.buf, "}\n"...)
	return w.flush()
}

func (w *Writer) flush() error {
	_, err := w.zstd.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *Writer) start() error {
	if w.file != nil {
		return nil
	}
	file, err := w.scope.Create(w.ctx, w.key)
	if err != nil {
		return err
	}
	w.file = file
	w.zstd, err = zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	return err
}

// End says that no line follows, and frees memory that lines need.
func (w *Writer) End() error {
	if w.zstd == nil {
		return nil
	}
	err := w.zstd.Close()
	w.zstd, w.buf = nil, nil
	if err != nil {
		return fmt.Errorf("end quarantine: %w", err)
	}
	return nil
}

// Commit makes the file durable in the place of an earlier one and returns its
// key; "" when no line was refused: then there is no such file any more.
func (w *Writer) Commit() (blob.Key, error) {
	if w.file == nil {
		return "", w.scope.Delete(w.ctx, w.key)
	}
	if err := w.End(); err != nil {
		return "", err
	}
	return w.key, w.file.Commit()
}

// Close leaves nothing behind unless Commit was called.
func (w *Writer) Close() {
	if w.file != nil {
		w.file.Close() //nolint:errcheck // an aborted file has nothing to say
	}
}

// appendQuoted writes text, which is valid UTF-8, as a JSON string.
func appendQuoted(dst, text []byte) []byte {
	dst, err := jsontext.AppendQuote(dst, text)
	if err != nil {
		panic("text that was checked is not UTF-8")
	}
	return dst
}
