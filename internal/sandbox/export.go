package sandbox

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// An export is one that a practice's server has accepted. What is fixed by
// kick-off is never written again; mu guards the rest.
type export struct {
	p        *PracticeServer
	id       string
	level    Level
	group    string // the id that the request named
	cohort   Group
	client   string
	request  string // the URL of the kick-off
	types    []string
	since    time.Time
	until    time.Time // transactionTime
	accepted time.Time // real time
	k        Knobs     // what decides the files' bytes
	wish     wish

	prepared  chan struct{} // closed when files, deleted and err are set
	files     []*file
	deleted   []*file
	err       error
	cancelled atomic.Bool
}

// A file is one output file: a query, not bytes.
type file struct {
	name  string
	kind  string // resource type; empty for deletions
	index int    // among the type's files
	query Query
	count int // resources; -1 when nobody has counted

	mu   sync.Mutex
	size int64 // bytes; 0 when unknown
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// admit takes e in, unless an export of the same thing forbids it: then it
// returns that one.
func (p *PracticeServer) admit(k Knobs, e *export) *export {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, other := range p.exports {
		if other.expired() {
			delete(p.exports, id)
			continue
		}
		if k.Duplicate != DuplicateAllowed && other.level == e.level && other.group == e.group && other.holdsSlot(k) {
			return other
		}
	}
	e.accepted, e.until, e.k = time.Now(), p.s.clock.now(), k
	e.prepared = make(chan struct{})
	p.exports[e.id] = e
	return nil
}

// find returns the export id if client may see it.
func (p *PracticeServer) find(id, client string) *export {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.exports[id]
	if e == nil || e.client != client || e.expired() {
		return nil
	}
	return e
}

// holdsSlot reports whether e keeps others of its group out.
func (e *export) holdsSlot(k Knobs) bool {
	return !e.cancelled.Load() && (k.SlotUntilDelete || !e.finished(k))
}

// finished reports whether e's manifest can be had.
func (e *export) finished(k Knobs) bool {
	if k.Stuck || e.elapsed() < k.Takes {
		return false
	}
	select {
	case <-e.prepared:
		return true
	default:
		return false
	}
}

// elapsed is how long e has been running, in the sandbox's time.
func (e *export) elapsed() time.Duration {
	return time.Duration(float64(time.Since(e.accepted)) * e.p.s.clock.scale)
}

func (e *export) expired() bool {
	return e.k.Expiry > 0 && e.elapsed() > e.k.Takes+e.k.Expiry
}

func (e *export) statusURL() string {
	return e.p.base + "/$export-poll-location?job_id=" + url.QueryEscape(e.id)
}

func (e *export) fileURL(f *file) string {
	return e.p.base + "/bulkdata/download?job_id=" + url.QueryEscape(e.id) + "&file_name=" + url.QueryEscape(f.name)
}

func (e *export) file(name string) *file {
	for _, list := range [][]*file{e.files, e.deleted} {
		if i := slices.IndexFunc(list, func(f *file) bool { return f.name == name }); i >= 0 {
			return list[i]
		}
	}
	return nil
}

// prepare works out, beside the requests, which files e has.
func (e *export) prepare() {
	e.p.s.working.Go(func() {
		defer close(e.prepared)
		e.err = e.lay(e.p.s.ctx)
	})
}

func (e *export) lay(ctx context.Context) error {
	for _, t := range e.types {
		if err := e.layType(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	if !e.k.Deletions || e.since.IsZero() {
		return nil
	}
	return e.layDeleted(ctx)
}

// layType cuts the resources of type t into files, leaving out empty ones.
func (e *export) layType(ctx context.Context, t string) error {
	src := e.p.cfg.Source
	if !slices.Contains(src.Types(), t) {
		return nil
	}
	q := Query{Type: t, Since: e.since, Until: e.until}
	n, exact, err := src.Size(ctx, q)
	if err != nil || n == 0 {
		return err
	}
	q.Shards = 1
	if e.k.FilesPer > 0 {
		q.Shards = (n + e.k.FilesPer - 1) / e.k.FilesPer
	}
	for q.Shard = range q.Shards {
		f := &file{kind: t, index: len(e.filesOf(t)), query: q}
		f.name = fmt.Sprintf("%s-%d.ndjson", t, f.index+1)
		if f.count = n; q.Shards > 1 || !exact || e.limited(t) {
			if f.count, err = e.count(ctx, f); err != nil {
				return err
			}
		}
		if f.count != 0 {
			e.files = append(e.files, f)
		}
	}
	return nil
}

func (e *export) filesOf(t string) []*file {
	return slices.DeleteFunc(slices.Clone(e.files), func(f *file) bool { return f.kind != t })
}

// count returns how many lines f has, or -1 when it has some and the number is
// not worth reading them for.
func (e *export) count(ctx context.Context, f *file) (int, error) {
	if !e.limited(f.kind) {
		n, exact, err := e.p.cfg.Source.Size(ctx, f.query)
		if err != nil || exact {
			return n, err
		}
	}
	n := 0
	for _, err := range e.lines(ctx, f) {
		if err != nil {
			return 0, err
		}
		n++
		if e.k.Count == CountNone {
			return -1, nil
		}
	}
	return n, nil
}

// layDeleted makes the file of deletions, if there are any.
func (e *export) layDeleted(ctx context.Context) error {
	f := &file{name: "deleted-1.ndjson"}
	for _, err := range e.deletions(ctx) {
		if err != nil {
			return err
		}
		f.count++
	}
	if f.count > 0 {
		e.deleted = append(e.deleted, f)
	}
	return nil
}
