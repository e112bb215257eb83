package bulkdata

import (
	"net/http"
	"strconv"
	"strings"
)

// A contentRange is the part of a file that a 206 carries.
type contentRange struct {
	first, last int64
	size        int64 // of the whole file, -1 when unknown
}

// parseContentRange reads "bytes 500-999/1234", with "*" for an unknown size.
func parseContentRange(text string) (contentRange, bool) {
	unit, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	part, whole, found := strings.Cut(strings.TrimSpace(rest), "/")
	from, to, dashed := strings.Cut(part, "-")
	if !found || !dashed || !strings.EqualFold(unit, "bytes") {
		return contentRange{}, false
	}
	first, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 62)
	last, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 62)
	r := contentRange{first: int64(first), last: int64(last), size: -1}
	if err1 != nil || err2 != nil || last < first {
		return contentRange{}, false
	}
	if whole = strings.TrimSpace(whole); whole == "*" {
		return r, true
	}
	size, err := strconv.ParseUint(whole, 10, 62)
	r.size = int64(size)
	return r, err == nil && last < size
}

// startRest accepts a 206 only if it is what was asked for: uncompressed, from
// the offset on, of the same file. A part that ends before the file does is
// taken, and reading it ends with [*TruncatedError].
func (b *Body) startRest(o OpenOptions, h http.Header) error {
	r, ok := parseContentRange(h.Get("Content-Range"))
	length := r.last - r.first + 1
	switch {
	case !ok, r.first != o.Offset, isEncoded(b.ContentEncoding):
	case b.ETag != "" && b.ETag != o.IfRange:
	case b.Length >= 0 && b.Length != length:
	default:
		b.Offset, b.Length = o.Offset, length
		b.short = r.size >= 0 && r.last+1 < r.size
		return nil
	}
	return &ProtocolError{Op: b.opening.op, Status: http.StatusPartialContent, Reason: RangeInvalid}
}
