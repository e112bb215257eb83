package attachment

import (
	"bufio"
	"encoding/base64"
	"errors"
	"io"
	"strconv"
)

// errContent means that a document's content is not what it claims to be. It
// holds nothing of it.
var errContent = errors.New("content is not what it claims to be")

// textReader gives the inside of a JSON string of base64, without its escapes
// and its white space. It ends at the closing quote, or at the end of src when
// bare says that there is none.
type textReader struct {
	src   *bufio.Reader
	bare  bool
	ended bool
	err   error // of src, once it failed
}

// Read gives the next characters.
func (t *textReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && !t.ended {
		n += t.plain(p[n:])
		if n == len(p) {
			break
		}
		c, keep, err := t.next()
		if err != nil {
			t.err = err
			return n, err
		}
		if keep {
			p[n] = c
			n++
		}
	}
	if n == 0 && t.ended {
		return 0, io.EOF
	}
	return n, nil
}

// plain takes what is in the buffer up to the next character that needs a look.
func (t *textReader) plain(p []byte) int {
	ready, _ := t.src.Peek(min(len(p), t.src.Buffered())) // it is there
	n := 0
	for n < len(ready) && ready[n] > ' ' && ready[n] != '"' && ready[n] != '\\' {
		n++
	}
	copy(p, ready[:n])
	_, _ = t.src.Discard(n) // it is there
	return n
}

// next reads one character; keep is false for white space and at the end.
func (t *textReader) next() (c byte, keep bool, err error) {
	c, err = t.src.ReadByte()
	switch {
	case errors.Is(err, io.EOF) && t.bare:
		t.ended = true
		return 0, false, nil
	case errors.Is(err, io.EOF):
		return 0, false, errContent
	case err != nil:
		return 0, false, err
	case c == '"' && !t.bare:
		t.ended = true
		return 0, false, nil
	case c == '\\':
		c, err = t.escape()
	}
	return c, err == nil && c != ' ' && c != '\t' && c != '\r' && c != '\n', err
}

// escape reads what follows a backslash. No character of base64 but the slash
// needs one.
func (t *textReader) escape() (byte, error) {
	c, err := t.src.ReadByte()
	if err != nil {
		return 0, cut(err)
	}
	switch c {
	case '/':
		return c, nil
	case 'n', 'r', 't', 'b', 'f':
		return ' ', nil
	case 'u':
		var digits [4]byte
		if _, err := io.ReadFull(t.src, digits[:]); err != nil {
			return 0, cut(err)
		}
		code, err := strconv.ParseUint(string(digits[:]), 16, 16)
		if err == nil && code < 0x80 {
			return byte(code), nil
		}
	}
	return 0, errContent
}

// cut makes the end of a source errContent where it must not end. The errors
// of a source that broke are kept.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // a transfer that ended early wraps the second, and is another thing
		return errContent
	}
	return err
}

// decodeBase64 gives the bytes of the base64 that from holds. Broken base64 is
// errContent.
func decodeBase64(from *textReader) io.Reader {
	return &decoded{from: from, r: base64.NewDecoder(base64.StdEncoding, from)}
}

// decoded tells broken base64 from a source that broke.
type decoded struct {
	from *textReader
	r    io.Reader
}

// Read gives the next bytes.
func (d *decoded) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	switch {
	case d.from.err != nil:
		return n, d.from.err
	case err == nil || err == io.EOF:
		return n, err
	}
	return n, errContent
}
