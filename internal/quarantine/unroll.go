package quarantine

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
)

// A Selection is the entries of a quarantine that are meant: those of one
// output file whose reason is, or begins with, Reason.
type Selection struct {
	Scope  *blob.Scope
	Export string // that holds the quarantine
	File   string
	Reason string // empty: every reason
}

// Holds reports whether a reason is meant by a wanted one: "view_error" means
// "view_error:patient.birth_date", and the empty text means every reason.
func Holds(reason, wanted string) bool {
	rest, found := bytes.CutPrefix([]byte(reason), []byte(wanted))
	return found && (wanted == "" || len(rest) == 0 || rest[0] == ':' || rest[0] == '.' || wanted[len(wanted)-1] == ':')
}

// bom stands at the beginning of what Unroll writes: a reader passes over one,
// so none of the first line is taken for it, nor for the mark of a compression.
var bom = []byte("\xef\xbb\xbf")

// waiting is how many bytes of lines are held until lines before them come.
const waiting = 64 << 20

// Unroll writes the selected lines as they were received, each on the line of
// its number: all other lines are empty. It returns how many it wrote. Memory
// depends on their number, not on their length: a quarantine so out of order
// that too much would have to wait is read again.
func (s Selection) Unroll(ctx context.Context, to io.Writer) (int64, error) {
	u := unrolling{to: to, most: waiting, held: map[int64][]byte{}}
	for e, err := range s.entries(ctx) {
		if err != nil {
			return 0, err
		}
		u.lines = append(u.lines, e.Line)
	}
	slices.Sort(u.lines)
	if _, err := to.Write(bom); err != nil {
		return 0, err
	}
	for u.next < len(u.lines) {
		for e, err := range s.entries(ctx) {
			if err == nil {
				err = u.take(e)
			}
			if err != nil {
				return 0, err
			}
		}
	}
	return int64(len(u.lines)), nil
}

// entries are the selected ones.
func (s Selection) entries(ctx context.Context) func(yield func(*Entry, error) bool) {
	return func(yield func(*Entry, error) bool) {
		for e, err := range Entries(ctx, s.Scope, s.Export, s.File) {
			if (err != nil || Holds(e.Reason, s.Reason)) && !yield(e, err) {
				return
			}
		}
	}
}

// An unrolling is a Selection being written.
type unrolling struct {
	to    io.Writer
	lines []int64 // sorted
	next  int     // of lines, to be written
	at    int64   // newlines written
	most  int
	held  map[int64][]byte
	bytes int // in held
}

// take writes the entry when it is the next one, with all that waited for it,
// or lets it wait.
func (u *unrolling) take(e *Entry) error {
	switch {
	case u.next == len(u.lines) || e.Line < u.lines[u.next] || u.held[e.Line] != nil:
		return nil
	case e.Line > u.lines[u.next]:
		return u.hold(e)
	}
	if err := u.write(e.Line, e); err != nil {
		return err
	}
	for u.next < len(u.lines) {
		line, ok := u.held[u.lines[u.next]]
		if !ok {
			return nil
		}
		delete(u.held, u.lines[u.next])
		u.bytes -= len(line)
		if err := u.write(u.lines[u.next], bytes.NewReader(line)); err != nil {
			return err
		}
	}
	return nil
}

func (u *unrolling) hold(e *Entry) error {
	line, err := io.ReadAll(io.LimitReader(e, int64(u.most-u.bytes)+1))
	if err != nil || u.bytes+len(line) > u.most {
		return err // it comes again
	}
	u.held[e.Line] = line
	u.bytes += len(line)
	return nil
}

var newlines = bytes.Repeat([]byte{'\n'}, 4096)

func (u *unrolling) write(number int64, line io.Reader) error {
	for u.at < number-1 {
		n, err := u.to.Write(newlines[:min(number-1-u.at, int64(len(newlines)))])
		u.at += int64(n)
		if err != nil {
			return err
		}
	}
	if _, err := io.Copy(u.to, line); err != nil {
		return err
	}
	u.next++
	u.at++
	_, err := u.to.Write(newlines[:1])
	return err
}
