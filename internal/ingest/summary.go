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

// commit makes the parts and what is in quarantine visible, once the counts of
// every file add up.
func (r *run) commit() ([]Summary, error) {
	for _, f := range r.files {
		if err := f.summary.addsUp(); err != nil {
			return nil, err
		}
	}
	if err := r.commitFiles(); err != nil {
		return nil, err
	}
	summaries := make([]Summary, len(r.files))
	for i, f := range r.files {
		summaries[i] = f.summary
	}
	summaries[0].Tables = r.tables()
	return summaries, nil
}

// addsUp checks that every line is accounted for (I4).
func (s *Summary) addsUp() error {
	if s.Lines == s.Delivered+s.Quarantined+s.Blank { // I4
		return nil
	}
	return problem.New(problem.CountMismatch,
		fmt.Sprintf("file %s has %d lines, but %d were delivered, %d quarantined and %d blank",
			s.File, s.Lines, s.Delivered, s.Quarantined, s.Blank),
		"Report this: it is a bug in bulkhead. The raw file is kept, and nothing of it was published.")
}

// commitFiles makes parts and quarantine durable side by side: each waits for
// the disk, and the disk can answer them together.
func (r *run) commitFiles() error {
	var parts []*part
	for _, w := range r.workers {
		parts = append(parts, w.parts...)
	}
	failed := make([]error, len(parts)+len(r.files))
	var all sync.WaitGroup
	for i, p := range parts {
		all.Go(func() { failed[i] = p.file.Commit() }) // I3
	}
	for i, f := range r.files {
		all.Go(func() { f.summary.QuarantineKey, failed[len(parts)+i] = f.quarantine.Commit() }) // I3
	}
	all.Wait()
	return cmp.Or(failed...)
}

// tables gives the parts by table.
func (r *run) tables() (list []TableParts) {
	byTable := make(map[string]*TableParts)
	for _, w := range r.workers {
		for _, p := range w.parts {
			addPart(byTable, p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byTable)) {
		list = append(list, *byTable[name])
	}
	return list
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
	deletions, withheld     int64
	latest                  int64
}

func newTally() *tally {
	return &tally{
		refused: map[string]int64{}, entries: map[string]int64{}, types: map[string]int64{},
		issues: map[OutcomeCount]int64{}, parameters: map[string]bool{},
	}
}

// count adds up what the workers saw of a file.
func (r *run) count(f *reading) {
	s, t := &f.summary, newTally()
	if f.overLong > 0 {
		t.refused[quarantine.ReasonOverLong] = f.overLong
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
	s.Mismatched, s.Subsetted, s.OutcomeLines = t.mismatched, t.subsetted, t.outcomeLines
	s.Deletions, s.Withheld = t.deletions, t.withheld
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
