package bulkdata

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
)

const (
	// sniffBytes is how much of a file is looked at before it is handed out.
	sniffBytes = 4 << 10
	// freeBytes is how far a file may grow before its ratio is judged.
	freeBytes = 16 << 20
	// slowAfter is how long is waited for a body until its pace is judged.
	slowAfter = 10 * time.Minute
)

// A Body is the content of a file, decompressed. Read it to io.EOF: any other
// end means that the file is not whole. It is not safe for concurrent use.
type Body struct {
	// Offset is where these bytes begin in the file: that of OpenOptions when
	// the server gave the rest, else 0.
	Offset int64
	// Length is the announced number of bytes on the wire, -1 when unknown.
	Length int64
	// ETag, ContentType and ContentEncoding are the answer's own.
	ETag, ContentType, ContentEncoding string
	// AcceptsRanges says that the server claims to serve rests.
	AcceptsRanges bool
	// Deviations are what was tolerated.
	Deviations []Deviation

	opening opening
	limits  Limits
	ctx     context.Context
	cancel  context.CancelCauseFunc
	wire    *wireReader
	decoded *bufio.Reader
	layers  int  // of gzip
	short   bool // the part ends before the file does
	given   int64
	err     error
}

// Read gives decompressed bytes. It fails with [*TruncatedError] when the
// transfer ends early, stalls or hardly moves, and with [*ProtocolError] when
// the compressed bytes are broken or the body goes beyond a limit. Errors are
// final.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.decoded.Read(p)
	b.given += int64(n)
	if b.Offset+b.given > b.limits.FileBytes {
		b.err = b.fail(TooLarge, "")
		return 0, b.err
	}
	if ratio := int64(b.limits.DecompressionRatio); b.layers > 0 && ratio > 0 && b.given > freeBytes && b.given/ratio > b.wire.got {
		b.err = b.fail(RatioExceeded, "")
		return 0, b.err
	}
	if err != nil {
		b.err = b.endOf(err)
	}
	return n, b.err
}

// Close ends the transfer. It may be called more than once.
func (b *Body) Close() error {
	b.wire.watch.Stop()
	b.cancel(nil)
	return b.wire.from.Close()
}

// WireBytes is the number of bytes that came over the wire so far.
func (b *Body) WireBytes() int64 { return b.wire.got }

// DecodedBytes is the number of bytes that Read has given so far.
func (b *Body) DecodedBytes() int64 { return b.given }

// Resumable reports whether, after a break, a rest may be asked for with the
// number of decoded bytes as Offset and ETag as IfRange.
func (b *Body) Resumable() bool {
	return b.layers == 0 && isStrongETag(b.ETag) && (b.AcceptsRanges || b.Offset > 0)
}

// decode sets up decompression and refuses what is no NDJSON where that is due.
func (b *Body) decode() error {
	announced := isEncoded(b.ContentEncoding)
	if announced && b.ContentEncoding != "gzip" && b.ContentEncoding != "x-gzip" {
		return b.fail(EncodingUnknown, toldCoding(b.ContentEncoding))
	}
	b.decoded = bufio.NewReaderSize(b.wire, 64<<10)
	if b.Offset > 0 {
		return nil // the middle of a file has no head to look at
	}
	if announced {
		if err := b.unzip(); err != nil {
			return err
		}
	}
	if !b.opening.lines {
		return nil // an attachment may be a gzip file itself
	}
	if head, _ := b.decoded.Peek(3); bytes.Equal(head, []byte{0x1f, 0x8b, 8}) {
		if announced {
			note(&b.Deviations, GzipTwice)
		} else {
			note(&b.Deviations, GzipUnannounced)
		}
		if err := b.unzip(); err != nil {
			return err
		}
	}
	return b.sniff()
}

// isEncoded reports whether a Content-Encoding changes the bytes.
func isEncoded(encoding string) bool { return encoding != "" && encoding != "identity" }

// unzip puts a gzip layer on top; it reads all members of the stream.
func (b *Body) unzip() error {
	if _, err := b.decoded.Peek(1); err == io.EOF {
		return nil // an empty file need not be an empty gzip stream
	}
	z, err := gzip.NewReader(b.decoded)
	if err != nil {
		return b.endOf(err)
	}
	b.layers++
	b.decoded = bufio.NewReaderSize(z, 64<<10)
	return nil
}

// sniff refuses an HTML page and an OperationOutcome in place of the file.
func (b *Body) sniff() error {
	head, err := b.decoded.Peek(sniffBytes)
	if err != nil && err != io.EOF {
		return b.endOf(err)
	}
	whole := err == io.EOF
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if bytes.HasPrefix(text, []byte("<")) {
		return b.fail(ContentTypeUnexpected, "the body is HTML or XML")
	}
	if isBinary(text) {
		return b.fail(ContentTypeUnexpected, "the body is binary")
	}
	if b.opening.outcomes {
		return nil
	}
	lines := bytes.Count(bytes.TrimRight(text, "\r\n"), []byte("\n"))
	alone := whole && (lines == 0 || jsontext.Value(text).IsValid())
	if (alone || b.isSingleJSON()) && resourceType(text) == "OperationOutcome" {
		refused := b.fail(OutcomeNotData, "")
		refused.Outcome, _ = ParseOperationOutcome(text)
		return refused
	}
	return nil
}

// isBinary reports whether no line of text begins as JSON and the bytes are no
// text either.
func isBinary(text []byte) bool {
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t\r\n"), []byte("{")) {
			return false
		}
	}
	whole := text[:max(0, len(text)-utf8.UTFMax)] // the last character may be cut
	return bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(whole)
}

// isSingleJSON reports whether the content type is that of one resource.
func (b *Body) isSingleJSON() bool {
	media, _, _ := strings.Cut(b.ContentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "application/json" || media == "application/fhir+json"
}

// resourceType finds the member resourceType of the object that text begins
// with, as far as text goes.
func resourceType(text []byte) string {
	d := seekMember(text, "resourceType")
	if d == nil {
		return ""
	}
	value, err := d.ReadToken()
	if err != nil {
		return ""
	}
	return value.String()
}

func (b *Body) fail(reason Reason, detail string) *ProtocolError {
	return &ProtocolError{Op: b.opening.op, Status: http.StatusOK, Reason: reason, Detail: detail}
}

// endOf gives io.EOF only for the end of a whole file.
func (b *Body) endOf(err error) error {
	switch {
	case b.wire.over != "":
		return b.fail(b.wire.over, "")
	case b.wire.err != nil && !b.wire.ended:
		return &TruncatedError{Got: b.wire.got, Want: b.Length, Err: endOf(b.ctx, b.wire.err)}
	case errors.Is(err, io.EOF) && !b.short && (b.Length < 0 || b.wire.got == b.Length):
		return io.EOF
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &TruncatedError{Got: b.wire.got, Want: b.Length, Err: io.ErrUnexpectedEOF}
	}
	return b.fail(EncodingBroken, "")
}

// A wireReader counts bytes and ends a transfer that stalls, or hardly moves.
type wireReader struct {
	from   io.ReadCloser
	watch  *time.Timer
	limits Limits
	got    int64
	waited time.Duration // for the server, since the beginning
	judged time.Duration // of that, when the pace was judged last
	paced  int64         // what had come by then
	err    error
	ended  bool   // err is io.EOF itself; an error that wraps it is a broken connection
	over   Reason // the limit that it went beyond, empty for none
}

// Read lets the stall timer run only while it waits for the server.
func (w *wireReader) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	began := time.Now()
	w.watch.Reset(w.limits.StallTimeout)
	n, err := w.from.Read(p)
	w.watch.Stop()
	w.got += int64(n)
	w.waited += time.Since(began)
	w.err, w.ended = err, err == io.EOF
	if err == nil {
		w.err = w.judge()
	}
	return n, w.err
}

// judge ends a transfer that goes beyond a limit, or moves by hardly anything.
func (w *wireReader) judge() error {
	switch {
	case w.got > w.limits.FileBytes: // also of what decodes to nothing
		w.over = TooLarge
		return errBeyond
	case w.waited > w.limits.FileTime:
		w.over = TooSlow
		return errBeyond
	}
	if w.waited-w.judged < slowAfter {
		return nil
	}
	if w.got-w.paced < w.limits.SlowBytes {
		return errSlow
	}
	w.judged, w.paced = w.waited, w.got
	return nil
}
