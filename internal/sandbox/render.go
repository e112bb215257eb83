package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
)

// A rendering is a file as bytes: its lines in the form that the knobs ask
// for, in one of the versions that the file goes through.
type rendering struct {
	e       *export
	f       *file
	version int
	// outcome puts an OperationOutcome after the first line.
	outcome bool
}

// writeTo writes the bytes. They are the same every time.
func (r rendering) writeTo(ctx context.Context, w io.Writer) error {
	if r.prepared() {
		return r.copyTo(w)
	}
	out := &lineWriter{w: bufio.NewWriterSize(w, 64<<10), eol: "\n", version: r.version}
	if k := r.e.k.ContentKnobs; k.odd(r.f.kind) {
		out.k = k
		if k.EOL == EOLCRLF {
			out.eol = "\r\n"
		}
	}
	if out.k.BOM {
		out.w.WriteString("\ufeff") // bufio keeps the error for the lines
	}
	for line, err := range r.f.lines(ctx) {
		if err != nil {
			return err
		}
		if err := out.line(line); err != nil {
			return err
		}
		if r.outcome && out.n == 1 {
			out.line(outcomeLine(errorIssue))
		}
	}
	if out.n > 0 && !out.k.NoFinalEOL {
		out.w.WriteString(out.eol)
	}
	return out.w.Flush()
}

// size returns how many bytes r has, making them once if nobody has.
func (r rendering) size(ctx context.Context) (int64, error) {
	r.f.mu.Lock()
	size, ok := r.f.sizes[r.version]
	r.f.mu.Unlock()
	if ok {
		return size, nil
	}
	size, err := r.measure(ctx)
	if err != nil {
		return 0, err
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.f.sizes == nil {
		r.f.sizes = map[int]int64{}
	}
	r.f.sizes[r.version] = size
	return size, nil
}

func (r rendering) measure(ctx context.Context) (int64, error) {
	if r.prepared() {
		fi, err := os.Stat(r.f.path)
		if err != nil {
			return 0, err
		}
		return fi.Size(), nil
	}
	n := &meter{w: io.Discard}
	err := r.writeTo(ctx, n)
	return n.n, err
}

// checksum returns the SHA-256 of r's bytes in hex.
func (r rendering) checksum(ctx context.Context) (string, error) {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.f.sum != "" {
		return r.f.sum, nil
	}
	h := sha256.New()
	if err := r.writeTo(ctx, h); err != nil {
		return "", err
	}
	r.f.sum = hex.EncodeToString(h.Sum(nil))
	return r.f.sum, nil
}

// meter counts what is written through it.
type meter struct {
	w io.Writer
	n int64
}

func (m *meter) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.n += int64(n)
	return n, err
}

// A lineWriter writes lines and what stands between them. The end of a line is
// written when the next one comes.
type lineWriter struct {
	w       *bufio.Writer
	k       ContentKnobs
	eol     string
	version int
	n       int // lines so far
}

// line writes one line of a file.
func (o *lineWriter) line(line []byte) error {
	if o.n > 0 {
		o.w.WriteString(o.eol)
	}
	if o.k.BlankLines > 0 && o.n%o.k.BlankLines == 0 {
		o.w.WriteString(o.eol)
	}
	o.n++
	switch {
	case o.version > 0 && len(line) > 0 && line[0] == '{':
		// The same resource in other bytes, so that the two versions do not fit together.
		o.w.WriteByte('{')
		for range o.version {
			o.w.WriteByte(' ')
		}
		o.w.Write(line[1:])
	case o.n <= o.k.SplitLine:
		half := len(line) / 2
		o.w.Write(line[:half])
		o.w.WriteString(o.eol)
		o.w.Write(line[half:])
	case o.n <= o.k.SplitLine+o.k.PrettyLine:
		var pretty bytes.Buffer
		if json.Indent(&pretty, line, "", "  ") == nil {
			line = pretty.Bytes()
		}
		o.w.Write(line)
	default:
		o.w.Write(line)
	}
	_, err := o.w.Write(nil) // what went wrong before
	return err
}
