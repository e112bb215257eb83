package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A file is one file that a manifest lists: a way to make its lines, not bytes.
type file struct {
	name   string
	kind   string // resource type; empty where lines are of no one type
	index  int    // among the type's files
	number int    // among the manifest's files, from 1
	query  Query  // of an output file
	count  int    // resources; -1 when nobody has counted
	next   *file  // where the last block goes on
	path   string // of a prepared file, whose bytes these are; empty for one that is made

	severities map[string]int // of issues, in a file of OperationOutcomes

	lines func(context.Context) sequence
	use   fileUse

	mu    sync.Mutex
	sizes map[int]int64 // bytes, by version
	sum   string        // SHA-256 in hex, once somebody has asked
}

// file returns a file of e by its name, or nil; none before e is prepared.
func (e *export) file(name string) *file {
	select {
	case <-e.prepared:
		name, _, _ = strings.Cut(name, ticketMark)
		return e.named[name]
	default:
		return nil
	}
}

// all returns the files that the manifest lists, in its order.
func (e *export) all() []*file { return slices.Concat(e.files, e.deleted, e.outcomes) }

// bound is the time that nothing in e is newer than.
func (e *export) bound() time.Time {
	if !e.wish.until.IsZero() && e.wish.until.Before(e.until) {
		return e.wish.until
	}
	return e.until
}

// lay works out which files e has.
func (e *export) lay(ctx context.Context) error {
	e.plain = e.isPlain()
	for _, step := range []func(context.Context) error{e.layInvented, e.layOutput, e.layDeleted, e.layOutcomes} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	e.named = map[string]*file{}
	for i, f := range e.all() {
		f.number = i + 1
		if e.named[f.name] == nil {
			e.named[f.name] = f
		}
	}
	return nil
}

func (e *export) layOutput(ctx context.Context) error {
	if e.k.Empty {
		return nil
	}
	if e.k.HideMembers && slices.Contains(e.types, "Observation") {
		if err := e.findResults(ctx); err != nil {
			return err
		}
	}
	if e.k.Organized || e.wish.organizeBy == "Patient" {
		return e.layOrganized(ctx)
	}
	for _, t := range e.types {
		if err := e.layType(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return nil
}

// layType cuts the resources of type t into files, leaving out empty ones
// unless a number of files is asked for.
func (e *export) layType(ctx context.Context, t string) error {
	src := e.p.cfg.Source
	if !slices.Contains(src.Types(), t) {
		return nil
	}
	if e.layPrepared(t) {
		return nil
	}
	q := Query{Type: t, Since: e.since, Until: e.bound()}
	size := q
	if e.backfills(t) {
		size.Since = time.Time{}
	}
	n, exact, err := src.Size(ctx, size)
	if err != nil || n == 0 {
		return err
	}
	q.Shards = 1
	if e.k.FilesPer > 0 {
		q.Shards = (n + e.k.FilesPer - 1) / e.k.FilesPer
	}
	if e.k.FilesPerType > 0 {
		q.Shards = e.k.FilesPerType
	}
	index := 0
	for q.Shard = range q.Shards {
		f := &file{kind: t, index: index, query: q, name: fmt.Sprintf("%s-%d.ndjson", t, index+1)}
		f.lines = func(ctx context.Context) sequence { return e.outputLines(ctx, f) }
		if f.count = n; q.Shards > 1 || !exact || !e.sized(t) {
			if f.count, err = e.count(ctx, f); err != nil {
				return err
			}
		}
		if f.count != 0 || e.k.FilesPerType > 0 {
			e.files = append(e.files, f)
			index++
		}
	}
	return nil
}

// sized reports whether the source's own count of type t is what e exports.
func (e *export) sized(t string) bool {
	return !e.limited(t) && !e.backfills(t) && (e.k.Dup == 0 || !e.k.odd(t))
}

// count returns how many lines f has, or -1 when it has some and the number is
// not worth reading them for.
func (e *export) count(ctx context.Context, f *file) (int, error) {
	if e.sized(f.kind) {
		n, exact, err := e.p.cfg.Source.Size(ctx, f.query)
		if err != nil || exact {
			return n, err
		}
	}
	n := 0
	for _, err := range e.repeated(ctx, f) {
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

// layInvented chooses what is said to be deleted: the first observations, or
// the first resources of the last type where there are none.
func (e *export) layInvented(ctx context.Context) error {
	if e.k.Deleted == 0 || len(e.types) == 0 {
		return nil
	}
	t := e.types[len(e.types)-1]
	if slices.Contains(e.types, "Observation") {
		t = "Observation"
	}
	chosen := map[string]bool{}
	for line, err := range e.chosen(ctx, Query{Type: t, Until: e.bound()}) {
		if err != nil {
			return err
		}
		id := stringOf(line, "id")
		e.invented = append(e.invented, Ref{t, id})
		chosen[id] = true
		if len(e.invented) == e.k.Deleted {
			break
		}
	}
	e.gone = map[string]map[string]bool{t: chosen}
	return nil
}

// layDeleted makes the files of deletions, if there are any: one of what the
// practice knows to be gone, one of what is said to be.
func (e *export) layDeleted(ctx context.Context) error {
	if e.k.Deletions && !e.since.IsZero() {
		if err := e.layBundles(ctx, e.deletions); err != nil {
			return err
		}
	}
	if len(e.invented) == 0 {
		return nil
	}
	return e.layBundles(ctx, func(context.Context) sequence { return e.inventions() })
}

func (e *export) layBundles(ctx context.Context, lines func(context.Context) sequence) error {
	f := &file{name: fmt.Sprintf("deleted-%d.ndjson", len(e.deleted)+1), lines: lines}
	for _, err := range lines(ctx) {
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
