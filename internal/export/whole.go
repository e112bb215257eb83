package export

import (
	"bytes"
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// tries is how often a file that does not look whole is fetched. After that it
// is taken as it is, and everybody is told.
const tries = 3

// A tail looks at a file as it passes: how many lines it has and how it ends.
// A transfer without a length may end early and look like a success.
type tail struct {
	newlines int64
	last     byte // the last byte that is no white space
	open     bool // bytes follow the last newline
}

// Write looks at p. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.newlines += int64(bytes.Count(p, []byte{'\n'}))
	if kept := bytes.TrimRight(p, " \t\r\n"); len(kept) > 0 {
		t.last = kept[len(kept)-1]
	}
	if len(p) > 0 {
		t.open = p[len(p)-1] != '\n'
	}
	return len(p), nil
}

func (t *tail) lines() int64 {
	if t.open {
		return t.newlines + 1
	}
	return t.newlines
}

// short says in what way the file, whose bytes have that SHA-256, does not look
// whole, or nil.
func (t *tail) short(file store.File, sum string) error {
	switch {
	case file.Checksum != "" && file.Checksum != sum:
		return fmt.Errorf("output file %s is not the one whose checksum the manifest tells", file.Name)
	case t.last != 0 && t.last != '}':
		return fmt.Errorf("output file %s ends in the middle of a line", file.Name)
	case file.Expected > t.lines():
		return fmt.Errorf("output file %s has %d lines, the manifest promised %d", file.Name, t.lines(), file.Expected)
	}
	return nil
}
