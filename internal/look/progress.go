package look

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Progress is how far an export is: its stages, its files by type, and how
// they came over time.
type Progress struct {
	Phases []Phase     `json:"phases"`
	Types  []TypeFiles `json:"types,omitempty" doc:"Output files by section and type."`
	Files  FileSums    `json:"files"`
	From   time.Time   `json:"from,omitzero" doc:"When files began to come; the first span of time begins then."`
	Span   float64     `json:"span_seconds,omitempty" doc:"How long each span of time is."`
	Bytes  []int64     `json:"bytes_in,omitempty" doc:"Bytes of NDJSON that were stored in each span."`
	Lines  []int64     `json:"lines_in,omitempty" doc:"Lines that were ingested in each span."`

	spells []Spell
	until  time.Time // the end of the last span
}

// FileSums are output files in numbers. The description of the API shows the
// members of an embedded type only when the type is exported.
type FileSums struct {
	Listed      int64 `json:"listed"`
	Stored      int64 `json:"stored" doc:"Verified and durable."`
	Ingested    int64 `json:"ingested"`
	Failed      int64 `json:"failed"`
	Moving      int64 `json:"in_hand" doc:"Being downloaded or ingested now."`
	Bytes       int64 `json:"bytes" doc:"Of NDJSON."`
	WireBytes   int64 `json:"wire_bytes" doc:"As they travelled."`
	Lines       int64 `json:"lines"`
	Delivered   int64 `json:"delivered"`
	Quarantined int64 `json:"quarantined"`
}

func (s *FileSums) add(p store.Pulse) {
	s.Listed += p.Files
	if p.Stored >= 0 {
		s.Stored += p.Files
	}
	if p.Ingested >= 0 {
		s.Ingested += p.Files
	}
	s.Failed += p.Failed
	s.Moving += p.Moving
	s.Bytes += p.Bytes
	s.WireBytes += p.WireBytes
	s.Lines += p.Lines
	s.Delivered += p.Delivered
	s.Quarantined += p.Quarantined
}

// TypeFiles are the output files of one section and type in numbers.
type TypeFiles struct {
	Section      string `json:"section" enum:"output,deleted,error"`
	ResourceType string `json:"type"`
	FileSums
}

// spansDrawn is into how many spans of time an export is cut.
const spansDrawn = 60

// ProgressOf reads how far an export is, in one look at its moves and one at its
// files, however many there are.
func (rd *Reader) ProgressOf(ctx context.Context, x store.Export, moves []store.Moved, now time.Time) (Progress, error) {
	spells := SpellsOf(x, moves, now)
	p := Progress{Phases: phasesOf(x, spells), spells: spells}
	began, until := fileTimes(spells)
	if began.IsZero() { // its timeline may be gone, and its files are not
		began, until = x.RequestedAt, x.EndedAt
	}
	if until.IsZero() {
		return p, nil
	}
	width := max(until.Sub(began)/spansDrawn, 10*time.Millisecond)
	pulses, err := rd.Store.In(x.Tenant).Pulse(ctx, x.ID, began, width)
	if err != nil {
		return p, err
	}
	p.From, p.Span, p.until = began, width.Seconds(), until
	p.Bytes, p.Lines = make([]int64, spansDrawn), make([]int64, spansDrawn)
	for _, pulse := range pulses {
		p.Files.add(pulse)
		p.byType(pulse.Section, pulse.ResourceType).add(pulse)
		if pulse.Stored >= 0 {
			p.Bytes[min(pulse.Stored, spansDrawn-1)] += pulse.Bytes
		}
		if pulse.Ingested >= 0 {
			p.Lines[min(pulse.Ingested, spansDrawn-1)] += pulse.Lines
		}
	}
	slices.SortFunc(p.Types, func(a, b TypeFiles) int {
		return cmp.Or(-cmp.Compare(a.Section, b.Section), cmp.Compare(a.ResourceType, b.ResourceType)) // output first
	})
	return p, nil
}

func (p *Progress) byType(section, resourceType string) *FileSums {
	for i := range p.Types {
		if p.Types[i].Section == section && p.Types[i].ResourceType == resourceType {
			return &p.Types[i].FileSums
		}
	}
	p.Types = append(p.Types, TypeFiles{Section: section, ResourceType: resourceType})
	return &p.Types[len(p.Types)-1].FileSums
}

// fileTimes gives from when to when an export had to do with output files; the
// zero time when it has not had any.
func fileTimes(spells []Spell) (began, until time.Time) {
	for _, s := range spells {
		switch s.State {
		case life.Downloading, life.Ingesting:
			if began.IsZero() {
				began = s.From
			}
			until = s.To
		case life.Requested, life.KickingOff, life.Waiting, life.Unknown, life.Polling, life.Publishing,
			life.Completed, life.Gone, life.Failed, life.Denied, life.Cancelled:
		}
	}
	return began, until
}

// in gives how long the export was in the stages of some states.
func (p Progress) in(states ...life.State) time.Duration {
	took := time.Duration(0)
	for _, s := range p.spells {
		if slices.Contains(states, s.State) {
			took += s.To.Sub(s.From)
		}
	}
	return took
}

// BytesPerSecond is how quickly bytes came while files were downloaded; 0 when
// it cannot be said.
func (p Progress) BytesPerSecond() int64 { return perSecond(p.Files.Bytes, p.in(life.Downloading)) }

// LinesPerSecond is how quickly lines were read, from the first file's coming to
// the last one's end.
func (p Progress) LinesPerSecond() int64 {
	return perSecond(p.Files.Lines, p.in(life.Downloading, life.Ingesting))
}

func perSecond(n int64, in time.Duration) int64 {
	if in < time.Millisecond {
		return 0
	}
	return int64(float64(n) / in.Seconds())
}

// Until is the end of what charts show.
func (p Progress) Until() time.Time { return p.until }
