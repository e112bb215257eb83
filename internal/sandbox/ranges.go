package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// part is a range of a file; length 0 is the whole.
type part struct{ from, length int64 }

// rangeAsked reads the request's Range, and sets the headers that go with it.
// When it returns false it has answered. It knows single ranges; others are
// ignored, as the RFC allows.
// https://www.rfc-editor.org/rfc/rfc9110#section-14.2
func rangeAsked(x *exchange, r rendering) (part, bool) {
	if !x.k.Ranges {
		return part{}, true
	}
	tag := fmt.Sprintf("%q", r.e.id+"/"+r.f.name)
	if r.version > 0 {
		tag = fmt.Sprintf("%q", fmt.Sprintf("%s/%s/%d", r.e.id, r.f.name, r.version))
	}
	x.Header().Set("ETag", tag)
	x.Header().Set("Accept-Ranges", "bytes")
	if x.k.Gzip || x.k.Enc != EncDefault {
		x.Header().Set("Vary", "Accept-Encoding")
	}
	asked := x.r.Header.Get("Range")
	if cond := x.r.Header.Get("If-Range"); asked == "" || (cond != "" && cond != tag) {
		return part{}, true
	}
	size, err := r.size(x.r.Context())
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
