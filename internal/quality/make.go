package quality

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// An Input is what a summary is made of. Views may be nil, and Before may.
type Input struct {
	Export       store.Export
	Files        []store.File
	Replayed     []store.File // of its replays that completed: lines of Files that were refused at first
	Publications []store.Publication
	Views        *views.Set
	Before       *Summary // of the export before, of the same stream and kind
}

// Make adds up what is known of an export. The error is of a text in the
// ledger that cannot be read.
func Make(in Input) (*Summary, error) {
	s := &Summary{
		Tenant: in.Export.Tenant, Export: in.Export.ID, Mode: in.Export.Mode, TransactionTime: in.Export.TransactionTime,
		ByReason: map[string]int64{},
	}
	findings := map[judge.Finding]int64{}
	filled := map[string]*fill{}
	for _, f := range in.Files {
		if f.Section != string(ingest.Output) || len(f.Summary) == 0 {
			continue
		}
		var of ingest.Summary
		if err := json.Unmarshal(f.Summary, &of); err != nil {
			return nil, fmt.Errorf("read the summary of %s: %w", f.Name, err)
		}
		s.add(&of)
		for _, found := range of.Findings {
			n := found.Lines
			found.Lines = 0
			findings[found] += n
		}
		for _, t := range of.Tables {
			addFilled(filled, t)
		}
	}
	s.Findings = judge.MostFrequent(findings)
	if err := s.addReplayed(in.Replayed); err != nil {
		return nil, err
	}
	if err := s.addReceipt(in.Publications); err != nil {
		return nil, err
	}
	s.setColumns(in.Views, filled)
	s.compare(in.Before)
	s.Questions = ask(s, in.Before)
	return s, nil
}

// add counts one file.
func (s *Summary) add(of *ingest.Summary) {
	s.Lines, s.Blank = s.Lines+of.Lines, s.Blank+of.Blank
	s.Delivered, s.Quarantined = s.Delivered+of.Delivered, s.Quarantined+of.Quarantined
	s.Guide = cmp.Or(s.Guide, of.Guide)
	for reason, n := range of.ByReason {
		s.ByReason[reason] += n
	}
	for _, lines := range of.Types {
		t := s.byType(lines.Type)
		t.Resources += lines.Lines
		t.Verdicts.Add(lines.Verdicts)
		for _, p := range lines.Profiles {
			i := slices.IndexFunc(t.Profiles, func(known judge.ProfileLines) bool { return known.Profile == p.Profile })
			if i < 0 {
				t.Profiles = append(t.Profiles, judge.ProfileLines{Profile: p.Profile})
				i = len(t.Profiles) - 1
			}
			t.Profiles[i].Add(p.Verdicts)
		}
	}
}

// addReplayed counts the resources that replays delivered. The counts of lines
// are settled in the export's own files; whether a line was judged before it was
// refused nobody knows any more, so verdicts stay those of the export itself.
func (s *Summary) addReplayed(files []store.File) error {
	for _, f := range files {
		if f.Section != string(ingest.Output) || len(f.Summary) == 0 {
			continue
		}
		var of ingest.Summary
		if err := json.Unmarshal(f.Summary, &of); err != nil {
			return fmt.Errorf("read the summary of %s: %w", f.Name, err)
		}
		for _, lines := range of.Types {
			s.byType(lines.Type).Resources += lines.Lines
		}
	}
	return nil
}

// addReceipt adds what the first sink did: all sinks took the same delivery.
func (s *Summary) addReceipt(done []store.Publication) error {
	if len(done) == 0 {
		return nil
	}
	var r sink.Receipt
	if err := json.Unmarshal(done[0].Receipt, &r); err != nil {
		return fmt.Errorf("read the receipt of sink %s: %w", done[0].Sink, err)
	}
	for _, c := range r.Types {
		t := s.byType(c.ResourceType)
		t.New, t.Changed, t.Unchanged, t.Double, t.Deleted, t.Withheld = c.New, c.Changed, c.Unchanged, c.Double, c.Deleted, c.Withheld
	}
	for _, l := range r.Links {
		s.Links = append(s.Links, Link(l))
	}
	return nil
}

// A fill counts the rows of a table, and of each column those with a value.
type fill struct {
	rows    int64
	columns map[string]int64
}

func addFilled(all map[string]*fill, t ingest.TableParts) {
	if t.Filled == nil {
		return
	}
	f := all[t.Name]
	if f == nil {
		f = &fill{columns: map[string]int64{}}
		all[t.Name] = f
	}
	f.rows += t.Rows
	for name, n := range t.Filled {
		f.columns[name] += n
	}
}

// setColumns says how well the columns of the main tables are filled.
func (s *Summary) setColumns(set *views.Set, filled map[string]*fill) {
	if set == nil {
		return
	}
	mustSupport := supported(s.Guide)
	for i := range s.Types {
		t := &s.Types[i]
		all := set.For(t.ResourceType)
		if len(all) == 0 || filled[all[0].Name] == nil {
			continue
		}
		f, must := filled[all[0].Name], mustSupport(t.ResourceType)
		for i, c := range all[0].Columns() {
			n := f.columns[c.Name]
			t.Columns = append(t.Columns, Column{
				Name: c.Name, Filled: n, Share: float64(n) / float64(max(f.rows, 1)), MustSupport: views.Supports(must, all[0].Elements(i)),
			})
		}
	}
}

// compare puts the numbers of the export before beside those of this one.
func (s *Summary) compare(before *Summary) {
	if before == nil {
		return
	}
	s.Compared = before.Export
	for _, name := range slices.Sorted(maps.Keys(resources(before))) {
		s.byType(name)
	}
	was := resources(before)
	for i := range s.Types {
		n := was[s.Types[i].ResourceType]
		s.Types[i].Before = &n
	}
}

func resources(s *Summary) map[string]int64 {
	n := map[string]int64{}
	for _, t := range s.Types {
		n[t.ResourceType] = t.Resources
	}
	return n
}

// supported returns what gives the ids of the must-support elements of a type.
func supported(version string) func(resourceType string) []string {
	g, err := uscore.Load(uscore.Version(version))
	if err != nil { // not judged, or by base R4, which has none
		return func(string) []string { return nil }
	}
	return g.MustSupport
}
