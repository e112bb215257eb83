package sandbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"iter"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"
)

// A sequence yields lines without newlines. A line is valid until the next one
// is asked for.
type sequence = iter.Seq2[[]byte, error]

// outputLines yields the resources of the output file f as the client shall
// see them.
func (e *export) outputLines(ctx context.Context, f *file) sequence {
	return func(yield func([]byte, error) bool) {
		left := e.damageOf(f)
		first := f.index == 0 && f.query.Shard == 0
		for line, err := range e.repeated(ctx, f) {
			if err != nil {
				yield(nil, err)
				return
			}
			line = e.dress(f.kind, line)
			if first && e.k.BigLine > 0 && e.k.odd(f.kind) {
				line, first = swollen(line, e.k.BigLine<<20), false
			}
			if !yield(left.apply(line), nil) {
				return
			}
		}
	}
}

// swollen returns a resource made longer than n bytes by what it contains,
// which compresses as badly as an image does.
func swollen(line []byte, n int) []byte {
	noise := make([]byte, n*3/4+3)
	rand.NewChaCha8([32]byte{}).Read(noise) // never fails
	var b bytes.Buffer
	b.WriteString(`[{"resourceType":"Binary","id":"bulk","contentType":"application/octet-stream","data":"`)
	b.WriteString(base64.StdEncoding.EncodeToString(noise))
	b.WriteString(`"}]`)
	return with(line, "contained", b.String())
}

// repeated yields f's resources and, after them, those that another file of
// the type has as well.
func (e *export) repeated(ctx context.Context, f *file) sequence {
	own := e.chosen(ctx, f.query)
	if e.k.Dup == 0 || !e.k.odd(f.kind) {
		return own
	}
	return func(yield func([]byte, error) bool) {
		for line, err := range own {
			if !yield(line, err) || err != nil {
				return
			}
		}
		other := f.query
		if other.Shards > 1 {
			other.Shard = (other.Shard + 1) % other.Shards
		}
		for line, err := range e.chosen(ctx, other) {
			if (err != nil || drawn("dup", f.kind, stringOf(line, "id"), e.k.Dup)) && (!yield(line, err) || err != nil) {
				return
			}
		}
	}
}

// chosen yields the practice's resources that q asks for and that belong to
// the export: the cohort's, without what is hidden or said to be deleted.
func (e *export) chosen(ctx context.Context, q Query) sequence {
	if !e.backfills(q.Type) {
		return e.belonging(ctx, q, func(string) bool { return true })
	}
	return func(yield func([]byte, error) bool) {
		whole := q
		whole.Since = time.Time{}
		for _, part := range []sequence{
			e.belonging(ctx, q, func(patient string) bool { return !e.isNew(patient) }),
			e.belonging(ctx, whole, e.isNew),
		} {
			for line, err := range part {
				if !yield(line, err) || err != nil {
					return
				}
			}
		}
	}
}

func (e *export) belonging(ctx context.Context, q Query, patients func(id string) bool) sequence {
	limited, backfills := e.limited(q.Type), e.backfills(q.Type)
	return func(yield func([]byte, error) bool) {
		for line, err := range e.p.cfg.Source.Open(ctx, q) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if limited && !e.has(q.Type, line) || backfills && !patients(patientOf(q.Type, line)) {
				continue
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// limited reports whether anything decides which resources of type t are
// exported.
func (e *export) limited(t string) bool {
	return e.ofCohort(t) || e.wish.filtered(t) || len(e.gone[t]) > 0 || (t == "Observation" && len(e.results) > 0)
}

func (e *export) ofCohort(t string) bool {
	return e.cohort.Member != nil && !slices.Contains(e.k.Admin, t)
}

// has reports whether a resource of type t belongs to the export.
func (e *export) has(t string, line []byte) bool {
	switch {
	case e.ofCohort(t) && !e.cohort.Member(patientOf(t, line)), !e.wish.keeps(t, line):
		return false
	case len(e.gone[t]) > 0 && e.gone[t][stringOf(line, "id")]:
		return false
	case t == "Observation" && len(e.results) > 0 && e.results[stringOf(line, "id")]:
		return e.asksAllOf(line)
	}
	return true
}

// asksAllOf reports whether the export has every type that a resource refers
// to.
func (e *export) asksAllOf(line []byte) bool {
	for _, m := range reference.FindAllSubmatch(line, -1) {
		if !slices.Contains(e.types, string(m[2])) {
			return false
		}
	}
	return true
}

var resultReference = regexp.MustCompile(`"Observation/([^"/]+)"`)

// findResults notes the observations that reports name as their results.
func (e *export) findResults(ctx context.Context) error {
	e.results = map[string]bool{}
	q := Query{Type: "DiagnosticReport", Until: e.bound()}
	if !slices.Contains(e.p.cfg.Source.Types(), q.Type) {
		return nil
	}
	for line, err := range e.p.cfg.Source.Open(ctx, q) {
		if err != nil {
			return err
		}
		for _, m := range resultReference.FindAllSubmatch(line, -1) {
			e.results[string(m[1])] = true
		}
	}
	return nil
}

// patientOf returns the id of the patient that a resource belongs to: its own,
// or that of the first reference to a Patient; "" when there is none.
func patientOf(resourceType string, line []byte) string {
	if resourceType == "Patient" {
		return stringOf(line, "id")
	}
	_, rest, ok := bytes.Cut(line, []byte(`"Patient/`))
	if !ok {
		return ""
	}
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(id)
}

// deletionsPerLine is how many deletions share one transaction Bundle.
const deletionsPerLine = 100

// deletions yields transaction Bundles that name what went away.
func (e *export) deletions(ctx context.Context) sequence {
	return func(yield func([]byte, error) bool) {
		var entries []any
		for _, t := range e.types {
			for ref, err := range e.p.cfg.Source.Deleted(ctx, Query{Type: t, Since: e.since, Until: e.bound()}) {
				if err != nil {
					yield(nil, err)
					return
				}
				entries = append(entries, deletion(e, ref, false))
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

// inventedPerLine is how many resources said to be deleted share a Bundle.
const inventedPerLine = 3

// inventions yields transaction Bundles for what is said to be deleted: every
// other entry names its resource by an absolute URL. The first Bundle has an
// entry besides that is no deletion.
func (e *export) inventions() sequence {
	return func(yield func([]byte, error) bool) {
		for i := 0; i < len(e.invented); i += inventedPerLine {
			var entries []any
			for j, ref := range e.invented[i:min(i+inventedPerLine, len(e.invented))] {
				entries = append(entries, deletion(e, ref, (i+j)%2 == 1))
			}
			if i == 0 {
				entries = append(entries, map[string]any{
					"request": map[string]string{"method": "PUT", "url": "Patient/put"},
				})
			}
			if !yield(bundle(entries)) {
				return
			}
		}
	}
}

func deletion(e *export, ref Ref, absolute bool) map[string]any {
	url := ref.Type + "/" + longer(ref.ID, e.k.LongID)
	if absolute {
		url = e.p.base + "/" + url
	}
	return map[string]any{"request": map[string]string{"method": "DELETE", "url": url}}
}

func bundle(entries []any) ([]byte, error) {
	return json.Marshal(map[string]any{"resourceType": "Bundle", "type": "transaction", "entry": entries})
}
