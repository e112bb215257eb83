package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// An Anchor is the head of a chain at some time, kept where the chain is not.
// Whoever rewrites a chain, or cuts off its end, must find all of its anchors.
type Anchor struct {
	Time string `json:"time"`
	Head
	// Restored says that the ledger was replaced by a copy then: what the chain
	// had beyond this head was lost, and is known to be.
	Restored bool `json:"restored,omitempty"`
}

// apart is how much time lies between two anchors of a chain.
const apart = 15 * time.Minute

// Anchors keep the heads of the chains in a file that only grows, one JSON
// object a line. Two processes may add to it at the same time.
type Anchors struct {
	Path string
	// Moved gives the heads that have moved since they were last anchored, of
	// chains that were not anchored since a time.
	Moved func(ctx context.Context, since time.Time) ([]Head, error)
	// Anchored notes that heads are in the file.
	Anchored func(ctx context.Context, heads []Head) error
}

// CatchUp anchors the chains that have moved, each at most every quarter of an
// hour.
func (a *Anchors) CatchUp(ctx context.Context) error { return a.since(ctx, time.Now().Add(-apart)) }

// Flush anchors every chain that has moved.
func (a *Anchors) Flush(ctx context.Context) error { return a.since(ctx, time.Now().Add(time.Hour)) }

func (a *Anchors) since(ctx context.Context, since time.Time) error {
	heads, err := a.Moved(ctx, since)
	if err != nil || len(heads) == 0 {
		return err
	}
	now := Instant(time.Now())
	anchors := make([]Anchor, len(heads))
	for i, h := range heads {
		anchors[i] = Anchor{Time: now, Head: h}
	}
	if err := Append(a.Path, anchors); err != nil {
		return err
	}
	return a.Anchored(ctx, heads)
}

// Append adds anchors to a file, which is made if need be. They are durable
// when it returns nil.
func Append(path string, anchors []Anchor) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the anchors of the record: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := lineEnd(f)
	if err != nil {
		return fmt.Errorf("read the anchors of the record: %w", err)
	}
	for _, a := range anchors {
		line, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("write an anchor: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	if _, err := f.Write(text); err != nil { // one write: lines of two processes do not mix
		return fmt.Errorf("write the anchors of the record: %w", err)
	}
	return f.Sync()
}

// lineEnd gives what ends the last line of a file, where a crash cut it off.
func lineEnd(f *os.File) ([]byte, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || end == 0 {
		return nil, err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, end-1); err != nil || last[0] == '\n' {
		return nil, err
	}
	return []byte("\n"), nil
}

// ReadAnchors reads a file of anchors; a file that is not there has none. What
// was lost when the ledger was replaced by a copy is no longer expected: of a
// chain, a later anchor that says so takes the place of those beyond it.
// unreadable counts the lines that are no anchor, such as one that a crash cut.
func ReadAnchors(path string) (anchors []Anchor, unreadable int, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open the anchors of the record: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var a Anchor
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil || a.Seq < 0 || (a.Hash == "" && !a.Restored) {
			unreadable++
			continue
		}
		anchors = append(anchors, a)
	}
	if err := lines.Err(); err != nil {
		return nil, 0, fmt.Errorf("read the anchors of the record: %w", err)
	}
	return standing(anchors), unreadable, nil
}

// standing leaves out the anchors that a restored ledger cannot have.
func standing(anchors []Anchor) []Anchor {
	upTo := map[string]int64{} // of chains that were cut by a restore later in the file
	var kept []Anchor
	for i := len(anchors) - 1; i >= 0; i-- {
		a := anchors[i]
		if most, cut := upTo[a.Tenant]; cut && a.Seq > most {
			continue
		}
		if a.Restored {
			upTo[a.Tenant] = a.Seq
		}
		kept = append(kept, a)
	}
	return kept
}
