package ingest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
)

// commit makes the parts and the quarantine visible and sums up, once the
// counts add up.
func (r *run) commit() (Summary, error) {
	s := Summary{File: r.src.File, Lines: r.totals.Lines, Bytes: r.totals.Bytes}
	r.count(&s)
	if s.Lines != s.Delivered+s.Quarantined+s.Blank { // I4
		return Summary{}, problem.New(problem.CountMismatch,
			fmt.Sprintf("file %s has %d lines, but %d were delivered, %d quarantined and %d blank",
				s.File, s.Lines, s.Delivered, s.Quarantined, s.Blank),
			"Report this: it is a bug in bulkhead. The raw file is kept, and nothing of it was published.")
	}
	key, err := r.quarantine.Commit()
	if err != nil {
		return Summary{}, err
	}
	s.QuarantineKey = key
	if err := r.commitParts(); err != nil {
		return Summary{}, err
	}
	byTable := make(map[string]*TableParts)
	for _, w := range r.workers {
		for _, p := range w.parts {
			addPart(byTable, p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byTable)) {
		s.Tables = append(s.Tables, *byTable[name])
	}
	return s, nil
}

// commitParts makes the parts durable side by side: each waits for the disk,
// and the disk can answer them together.
func (r *run) commitParts() error {
	var parts []*part
	for _, w := range r.workers {
		parts = append(parts, w.parts...)
	}
	failed := make([]error, len(parts))
	var all sync.WaitGroup
	for i, p := range parts {
		all.Go(func() { failed[i] = p.file.Commit() }) // I3
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func addPart(byTable map[string]*TableParts, p *part) {
	name := p.table.Table().Name
	t := byTable[name]
	if t == nil {
		t = &TableParts{Name: name}
		byTable[name] = t
	}
	t.Rows += p.table.Written()
	t.addFilled(p.table)
	t.Parts = append(t.Parts, Part{Key: p.key, Rows: p.table.Written(), Bytes: p.file.Size()})
}

// addFilled adds one part of the main table of a type.
func (t *TableParts) addFilled(w *rows.Writer) {
	if of := w.Table(); of.ResourceType == "" || of.Name != fhir.SnakeCase(of.ResourceType) {
		return
	}
	if t.Filled == nil {
		t.Filled = map[string]int64{}
	}
	addAll(t.Filled, w.Filled())
}

// A tally adds up what the workers saw.
type tally struct {
	refused, entries, types map[string]int64
	judged                  judge.Totals
	issues                  map[OutcomeCount]int64
	parameters              map[string]bool
	outcomeLines            int64
	mismatched, subsetted   int64
	deletions, latest       int64
}

func newTally() *tally {
	return &tally{
		refused: map[string]int64{}, entries: map[string]int64{}, types: map[string]int64{},
		issues: map[OutcomeCount]int64{}, parameters: map[string]bool{},
	}
}

// count adds up what the workers saw.
func (r *run) count(s *Summary) {
	t := newTally()
	if r.overLong > 0 {
		t.refused[quarantine.ReasonOverLong] = r.overLong
	}
	for _, w := range r.workers {
		s.Delivered += w.delivered
		s.Headers += w.headers
		s.Blank += w.blank + w.headers
		addAll(t.refused, w.refused)
		w.taker.report(t)
	}
	for _, n := range t.refused {
		s.Quarantined += n
	}
	if len(t.refused) > 0 {
		s.ByReason = t.refused
	}
	if len(t.entries) > 0 {
		s.EntriesRefused = t.entries
	}
	for _, name := range slices.Sorted(maps.Keys(t.types)) {
		lines := TypeLines{Type: name, Lines: t.types[name]}
		lines.Verdicts, lines.Profiles = t.judged.Of(name)
		s.Types = append(s.Types, lines)
	}
	if s.Findings = t.judged.Findings(); r.opts.Guide != nil && t.judged.Any("") {
		s.Guide = string(r.opts.Guide.Version())
	}
	s.Mismatched, s.Subsetted, s.OutcomeLines, s.Deletions = t.mismatched, t.subsetted, t.outcomeLines, t.deletions
	s.Outcomes, s.Parameters = sortedIssues(t.issues), slices.Sorted(maps.Keys(t.parameters))
	if t.latest > 0 {
		s.MaxLastUpdated = time.UnixMicro(t.latest).UTC()
	}
}

func addAll[K comparable](sum, more map[K]int64) {
	for k, n := range more {
		sum[k] += n
	}
}

func sortedIssues(issues map[OutcomeCount]int64) []OutcomeCount {
	var all []OutcomeCount
	for k, n := range issues {
		k.Count = n
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b OutcomeCount) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Code, b.Code))
	})
	return all
}
