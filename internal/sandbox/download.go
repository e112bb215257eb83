package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// download answers a request for an output file at the FHIR server.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request
func (p *PracticeServer) download(x *exchange) {
	e := p.exportAsked(x)
	if e == nil {
		return
	}
	name := x.r.URL.Query().Get("file_name")
	if x.k.Access == AccessRedirect {
		x.Header().Set("Location", e.storageURL(x.k, name))
		x.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	p.serveFile(x, e, name)
}

// serveFile serves an output file, made line by line as it goes.
func (p *PracticeServer) serveFile(x *exchange, e *export, name string) {
	var f *file
	if !e.cancelled.Load() && e.finished(x.k) && e.err == nil {
		f = e.file(name)
	}
	if f == nil {
		x.refuse(http.StatusNotFound, "not-found", "There is no such output file.")
		return
	}
	x.Header().Set("Content-Type", "application/fhir+ndjson")
	part, ok := p.rangeAsked(x, e, f)
	switch {
	case !ok:
		return
	case part.length > 0:
		x.WriteHeader(http.StatusPartialContent)
	case x.k.Gzip && acceptsGzip(x.r):
		serveGzip(x, e, f)
		return
	}
	if x.r.Method == http.MethodHead {
		return
	}
	finish(e.write(x.r.Context(), f, &window{w: x, skip: part.from, left: part.length, whole: part.length == 0}))
}

// errEnough says that a window has all it wants.
var errEnough = errors.New("the part is complete")

// finish ends an answer whose body was written with err. Where the body is not
// what the client was to have, it breaks the connection, so that the client
// does not take what it has for the whole.
func finish(err error) {
	if err != nil && !errors.Is(err, errEnough) && !errors.Is(err, errCut) {
		panic(http.ErrAbortHandler)
	}
}

// serveGzip serves f whole and compressed.
func serveGzip(x *exchange, e *export, f *file) {
	h := x.Header()
	h.Del("Accept-Ranges")
	if tag := h.Get("ETag"); tag != "" {
		h.Set("ETag", strings.TrimSuffix(tag, `"`)+`-gzip"`)
	}
	h.Set("Content-Encoding", "gzip")
	if x.r.Method == http.MethodHead {
		return
	}
	zip, err := gzip.NewWriterLevel(x, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	err = e.write(x.r.Context(), f, zip)
	if err == nil {
		err = zip.Close()
	}
	finish(err)
}

func acceptsGzip(r *http.Request) bool {
	for v := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(v), ";")
		if strings.EqualFold(name, "gzip") && strings.TrimSpace(params) != "q=0" {
			return true
		}
	}
	return false
}

// write writes f's lines to w. It remembers the size of a file that it wrote
// whole.
func (e *export) write(ctx context.Context, f *file, w io.Writer) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	var size int64
	for line, err := range e.lines(ctx, f) {
		if err != nil {
			return err
		}
		buf.Write(line) // bufio keeps the error for WriteByte
		if err := buf.WriteByte('\n'); err != nil {
			return err
		}
		size += int64(len(line)) + 1
	}
	f.mu.Lock()
	f.size = size
	f.mu.Unlock()
	return buf.Flush()
}

// sizeOf returns the length of f, making it once if nobody has.
func (e *export) sizeOf(ctx context.Context, f *file) (int64, error) {
	f.mu.Lock()
	size := f.size
	f.mu.Unlock()
	if size > 0 {
		return size, nil
	}
	if err := e.write(ctx, f, io.Discard); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size, nil
}

// part is a range of a file; length 0 is the whole.
type part struct{ from, length int64 }

// rangeAsked reads the request's Range, and sets the headers that go with it.
// When it returns false it has answered. It knows single ranges; others are
// ignored, as the RFC allows.
// https://www.rfc-editor.org/rfc/rfc9110#section-14.2
func (p *PracticeServer) rangeAsked(x *exchange, e *export, f *file) (part, bool) {
	if !x.k.Ranges {
		return part{}, true
	}
	tag := fmt.Sprintf("%q", e.id+"/"+f.name)
	x.Header().Set("ETag", tag)
	x.Header().Set("Accept-Ranges", "bytes")
	if x.k.Gzip {
		x.Header().Set("Vary", "Accept-Encoding")
	}
	asked := x.r.Header.Get("Range")
	if cond := x.r.Header.Get("If-Range"); asked == "" || (cond != "" && cond != tag) {
		return part{}, true
	}
	size, err := e.sizeOf(x.r.Context(), f)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	one, ok := parseRange(asked, size)
	if !ok {
		return part{}, true
	}
	if one.length <= 0 {
		x.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		x.refuse(http.StatusRequestedRangeNotSatisfiable, "value", "The file is shorter than that.")
		return part{}, false
	}
	x.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", one.from, one.from+one.length-1, size))
	x.Header().Set("Content-Length", strconv.FormatInt(one.length, 10))
	return one, true
}

// parseRange reads one byte range of a file of size bytes. Its length is 0
// when no byte of the file is in it. It reports false for what is no single
// byte range.
func parseRange(s string, size int64) (part, bool) {
	spec, ok := strings.CutPrefix(s, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return part{}, false
	}
	to, err := strconv.ParseInt(last, 10, 64)
	if first == "" { // the last so many bytes
		if err != nil || to < 0 {
			return part{}, false
		}
		to = min(to, size)
		return part{size - to, to}, true
	}
	from, ferr := strconv.ParseInt(first, 10, 64)
	if ferr != nil || from < 0 || (last != "" && (err != nil || to < from)) {
		return part{}, false
	}
	if last == "" || to >= size {
		to = size - 1
	}
	return part{from, max(to-from+1, 0)}, true
}

// window passes on a part of what is written to it.
type window struct {
	w     io.Writer
	skip  int64
	left  int64
	whole bool // no end
}

// Write returns errEnough once the part is complete.
func (v *window) Write(b []byte) (int, error) {
	n := len(b)
	if v.skip >= int64(n) {
		v.skip -= int64(n)
		return n, nil
	}
	b, v.skip = b[v.skip:], 0
	if v.whole {
		_, err := v.w.Write(b)
		return n, err
	}
	b = b[:min(v.left, int64(len(b)))]
	if _, err := v.w.Write(b); err != nil {
		return n, err
	}
	if v.left -= int64(len(b)); v.left == 0 {
		return n, errEnough
	}
	return n, nil
}
