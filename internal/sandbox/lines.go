package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"slices"
)

// lines yields the lines of f, without newlines, as the client shall see them:
// the cohort's, with the damage that was asked for.
func (e *export) lines(ctx context.Context, f *file) iter.Seq2[[]byte, error] {
	if f.kind == "" {
		return e.deletions(ctx)
	}
	bad := damage{}
	for _, b := range e.k.Bad {
		if b.Type == f.kind && b.File == f.index {
			bad = damage{b.Broken, b.WrongType, b.NoID}
		}
	}
	limited := e.limited(f.kind)
	return func(yield func([]byte, error) bool) {
		left := bad
		for line, err := range e.p.cfg.Source.Open(ctx, f.query) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if limited && !e.has(f.kind, line) {
				continue
			}
			if !yield(left.apply(line), nil) {
				return
			}
		}
	}
}

// limited reports whether the cohort, or a filter, decides what of type t is
// exported.
func (e *export) limited(t string) bool {
	return e.ofCohort(t) || e.wish.filtered(t)
}

func (e *export) ofCohort(t string) bool {
	return e.cohort.Member != nil && !slices.Contains(e.k.Admin, t)
}

// has reports whether a resource of type t belongs to the export.
func (e *export) has(t string, line []byte) bool {
	return (!e.ofCohort(t) || e.cohort.Member(patientOf(t, line))) && e.wish.keeps(t, line)
}

// patientOf returns the id of the patient that a resource belongs to: its own,
// or that of the first reference to a Patient; "" when there is none.
func patientOf(resourceType string, line []byte) string {
	mark := []byte(`"Patient/`)
	if resourceType == "Patient" {
		mark = []byte(`"id":"`)
	}
	_, rest, ok := bytes.Cut(line, mark)
	if !ok {
		return ""
	}
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(id)
}

// damage is how many lines are still to be spoilt, in each way.
type damage struct{ broken, wrongType, noID int }

// apply spoils line if any damage is left, one way after the other.
func (d *damage) apply(line []byte) []byte {
	switch {
	case d.broken > 0:
		d.broken--
		return append(slices.Clone(line[:len(line)/2]), ` <cut`...)
	case d.wrongType > 0:
		d.wrongType--
		return bytes.Replace(line, []byte(`"resourceType":"`), []byte(`"resourceType":"Not`), 1)
	case d.noID > 0:
		d.noID--
		return bytes.Replace(line, []byte(`"id":`), []byte(`"noid":`), 1)
	}
	return line
}

// deletionsPerLine is how many deletions share one transaction Bundle.
const deletionsPerLine = 100

// deletions yields transaction Bundles that name what went away.
func (e *export) deletions(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var entries []any
		for _, t := range e.types {
			for ref, err := range e.p.cfg.Source.Deleted(ctx, Query{Type: t, Since: e.since, Until: e.until}) {
				if err != nil {
					yield(nil, err)
					return
				}
				entries = append(entries, map[string]any{
					"request": map[string]string{"method": "DELETE", "url": ref.Type + "/" + ref.ID},
				})
				if len(entries) == deletionsPerLine {
					if !yield(bundle(entries)) {
						return
					}
					entries = nil
				}
			}
		}
		if len(entries) > 0 {
			yield(bundle(entries))
		}
	}
}

func bundle(entries []any) ([]byte, error) {
	return json.Marshal(map[string]any{"resourceType": "Bundle", "type": "transaction", "entry": entries})
}
