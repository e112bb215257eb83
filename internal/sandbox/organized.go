package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
)

// A placed line is a resource and its type.
type placed struct {
	kind string
	line []byte
}

// layOrganized arranges the export in a block for each patient: a header line,
// the patient, the patient's record, and what of the practice it refers to,
// again in every block. A file that is full goes on in the next one, where the
// block's header is repeated. Other than plain files, these are kept in memory.
// https://build.fhir.org/ig/HL7/bulk-data/export.html#bulk-data-output-file-organization
func (e *export) layOrganized(ctx context.Context) error {
	blocks, shared, err := e.sort(ctx)
	if err != nil {
		return err
	}
	var now *file
	var lines [][]byte
	finish := func() {
		if now != nil {
			kept := lines
			now.lines = func(context.Context) sequence { return sequenceOf(kept) }
			e.files = append(e.files, now)
		}
	}
	begin := func(id string) {
		i := len(e.files)
		now, lines = &file{name: fmt.Sprintf("Patient-%d.ndjson", i+1), index: i}, nil
		lines = append(lines, e.header(id))
	}
	most := cmp.Or(e.k.FilesPer, 1<<62)
	for _, b := range blocks {
		record := append(b.record, shared.referredTo(b.record)...)
		if now == nil || now.count >= most {
			finish()
			begin(b.id)
		} else {
			lines = append(lines, e.header(b.id))
		}
		for _, r := range record {
			if now.count >= most {
				before := now
				finish()
				begin(b.id)
				before.next = now
			}
			lines = append(lines, bytes.Clone(e.dress(r.kind, r.line)))
			now.count++
		}
	}
	finish()
	return nil
}

// header returns the line that opens the block of a patient.
func (e *export) header(id string) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":"Patient/%s"}}]}`,
		longer(id, e.k.LongID))
}

type block struct {
	id     string
	record []placed
}

// practiceRecords are the resources that belong to no patient, by reference.
type practiceRecords map[string]placed

// referredTo returns those that lines refer to, in the order of their names.
func (s practiceRecords) referredTo(lines []placed) []placed {
	names := map[string]bool{}
	for _, l := range lines {
		for _, m := range reference.FindAllSubmatch(l.line, -1) {
			names[string(m[2])+"/"+string(m[3])] = true
		}
	}
	var found []placed
	for name := range names {
		if r, ok := s[name]; ok {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b placed) int { return bytes.Compare(a.line, b.line) })
	return found
}

// sort reads the whole export: what belongs to a patient by patient, each
// patient first, and what belongs to the practice.
func (e *export) sort(ctx context.Context) ([]*block, practiceRecords, error) {
	var blocks []*block
	of := map[string]*block{}
	shared := practiceRecords{}
	types := slices.Clone(e.types)
	slices.SortStableFunc(types, func(a, b string) int { return cmp.Compare(b2i(a != "Patient"), b2i(b != "Patient")) })
	for _, t := range types {
		if !slices.Contains(e.p.cfg.Source.Types(), t) {
			continue
		}
		for line, err := range e.chosen(ctx, Query{Type: t, Since: e.since, Until: e.bound()}) {
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", t, err)
			}
			r := placed{t, bytes.Clone(line)}
			id := patientOf(t, line)
			if id == "" || slices.Contains(e.k.Admin, t) {
				shared[t+"/"+stringOf(line, "id")] = r
				continue
			}
			b := of[id]
			if b == nil {
				b = &block{id: id}
				of[id] = b
				blocks = append(blocks, b)
			}
			b.record = append(b.record, r)
		}
	}
	return blocks, shared, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
