package quarantine

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// untilQuote gives the bytes before the next quote, and leaves the quote.
type untilQuote struct {
	src   *bufio.Reader
	ended bool
}

func (r *untilQuote) Read(p []byte) (int, error) {
	if r.ended || len(p) == 0 {
		return 0, r.end()
	}
	got, err := peek(r.src, len(p))
	if err != nil {
		return 0, err
	}
	if i := bytes.IndexByte(got, '"'); i >= 0 {
		got, r.ended = got[:i], true
	}
	return r.give(p, got)
}

func (r *untilQuote) give(p, got []byte) (int, error) {
	n := copy(p, got)
	_, err := r.src.Discard(n)
	if err == nil && n == 0 {
		err = r.end()
	}
	return n, err
}

func (r *untilQuote) end() error {
	if r.ended {
		return io.EOF
	}
	return nil
}

// unquoting gives the text of a JSON string whose first quote was read, and
// leaves its last one.
type unquoting struct {
	src   *bufio.Reader
	rest  [utf8.UTFMax]byte // of a character that did not fit
	held  []byte            // what rest holds
	ended bool
}

func (r *unquoting) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.held) > 0 {
		n := copy(p, r.held)
		r.held = r.held[n:]
		return n, nil
	}
	if r.ended {
		return 0, io.EOF
	}
	got, err := peek(r.src, len(p))
	if err != nil {
		return 0, err
	}
	if i := bytes.IndexAny(got, `"\`); i >= 0 {
		got = got[:i]
	}
	if len(got) == 0 {
		return r.special(p)
	}
	n := copy(p, got)
	_, err = r.src.Discard(n)
	return n, err
}

// special reads an escape, or meets the last quote.
func (r *unquoting) special(p []byte) (int, error) {
	head, err := r.src.Peek(1)
	if err != nil {
		return 0, err
	}
	if head[0] == '"' {
		r.ended = true
		return 0, io.EOF
	}
	char, length, err := escape(r.src)
	if err != nil {
		return 0, err
	}
	if _, err := r.src.Discard(length); err != nil {
		return 0, err
	}
	r.held = utf8.AppendRune(r.rest[:0], char)
	n := copy(p, r.held)
	r.held = r.held[n:]
	return n, nil
}

// escape reads the escape at which src stands, without passing it.
func escape(src *bufio.Reader) (char rune, length int, err error) {
	two, err := src.Peek(2)
	if err != nil {
		return 0, 0, cutOff(err)
	}
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), two[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2, nil
	}
	six, err := src.Peek(6)
	if err != nil {
		return 0, 0, cutOff(err)
	}
	code, err := strconv.ParseUint(string(six[2:]), 16, 16)
	if err != nil || six[1] != 'u' {
		return 0, 0, errForm
	}
	return rune(code), 6, nil // the writer escapes no surrogates
}

// peek gives at least one byte and at most n, without passing them.
func peek(src *bufio.Reader, n int) ([]byte, error) {
	if _, err := src.Peek(1); err != nil {
		return nil, cutOff(err)
	}
	return src.Peek(min(n, src.Buffered()))
}

// cutOff tells the end of an entry that has none from the end of a file.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// wholeRunes gives how many bytes of text are whole characters.
func wholeRunes(text []byte) int {
	for back := 1; back <= min(utf8.UTFMax, len(text)); back++ {
		if at := len(text) - back; utf8.RuneStart(text[at]) {
			if utf8.FullRune(text[at:]) {
				return len(text)
			}
			return at
		}
	}
	return len(text)
}
