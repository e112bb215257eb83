// Package validate checks NDJSON files of a person's own: every line as strict
// JSON and as a resource, and every resource by the rules of US Core. It needs
// no server, ledger or storage, and reads only.
//
// What it calls a fault is what ingest would refuse; what it calls broken is a
// rule of a profile. No text of it holds a line's content.
//
// The rules are package uscore's: https://hl7.org/fhir/us/core/
package validate

import (
	"context"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/scan"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// Options say how lines are checked. The zero value checks JSON and resources
// only.
type Options struct {
	Guide   *uscore.Guide // the rules; nil for none
	Workers int           // goroutines; 0 means GOMAXPROCS
	MaxLine int           // longest line in bytes; 0 means 256 MiB

	// Refused is told of each line that is no resource, and Broken of each issue
	// of each resource, in the order of the lines but for over-long ones. Their
	// errors end Read. nil: such are only counted.
	Refused func(quarantine.Refusal) error
	Broken  func(Broken) error
}

// Broken is one rule that one resource breaks.
type Broken struct {
	File         string `json:"file"`
	Line         int64  `json:"line"` // from 1
	ResourceType string `json:"resource_type"`
	Severity     string `json:"severity"`
	Rule         string `json:"rule"` // see uscore.Issue
	Path         string `json:"path"` // element id
	Profile      string `json:"profile"`
}

// A Report sums up all streams. Lines is always Resources + Refused + Blank.
type Report struct {
	Guide     string           `json:"us_core,omitempty"` // version of the rules
	Files     int              `json:"files"`
	Lines     int64            `json:"lines"`
	Blank     int64            `json:"blank"`
	Resources int64            `json:"resources"`
	Refused   int64            `json:"refused"` // lines that are no resource
	ByReason  map[string]int64 `json:"by_reason,omitempty"`
	Bytes     int64            `json:"bytes"`
	Verdicts  judge.Verdicts   `json:"verdicts,omitzero"`
	Types     []Type           `json:"types,omitempty"`    // in alphabetical order
	Findings  []judge.Finding  `json:"findings,omitempty"` // the most frequent first; at most 100 kinds
}

// Type counts the resources of one type.
type Type struct {
	ResourceType string               `json:"resource_type"`
	Resources    int64                `json:"resources"`
	Verdicts     judge.Verdicts       `json:"verdicts,omitzero"`
	Profiles     []judge.ProfileLines `json:"profiles,omitempty"`
}

// A Validator checks one stream after the other. Its methods belong to one
// goroutine.
type Validator struct {
	opts    Options
	plans   *plans
	workers []*worker
	mu      sync.Mutex // around Refused and Broken
	report  Report
}

// New makes a validator.
func New(o Options) *Validator {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	v := &Validator{opts: o, plans: &plans{guide: o.Guide, made: map[string]*plan{}}}
	v.report.ByReason = map[string]int64{}
	if o.Guide != nil {
		v.report.Guide = string(o.Guide.Version())
	}
	for range o.Workers {
		v.workers = append(v.workers, &worker{validator: v, types: map[string]*typeLines{}, refused: map[string]int64{}})
	}
	return v
}

// Read checks one stream: NDJSON, or NDJSON as zstd or gzip. name stands in
// what is told.
func (v *Validator) Read(ctx context.Context, name string, src io.Reader) error {
	totals, err := scan.Run(ctx, scan.Options{
		Workers: v.opts.Workers, MaxLine: v.opts.MaxLine,
		OverLong: func(l ndjson.LongLine) error {
			v.report.ByReason[quarantine.ReasonOverLong]++
			return v.tell(quarantine.Refusal{Reason: quarantine.ReasonOverLong, File: name, Line: l.Number, Offset: l.Offset})
		},
	}, src, func(n int, b *scan.Block) error { return v.workers[n].take(name, b) })
	v.report.Files++
	v.report.Lines += totals.Lines
	v.report.Bytes += totals.Bytes
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

func (v *Validator) tell(r quarantine.Refusal) error {
	if v.opts.Refused == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.opts.Refused(r)
}

// Report sums up what was read so far.
func (v *Validator) Report() Report {
	r := v.report
	r.ByReason = maps.Clone(r.ByReason)
	counts, judged := map[string]int64{}, judge.Totals{}
	for _, w := range v.workers {
		r.Blank += w.blank
		for reason, n := range w.refused {
			r.ByReason[reason] += n
		}
		for name, t := range w.types {
			counts[name] += t.lines
			judged.Add(name, t.judge)
		}
	}
	for _, n := range r.ByReason {
		r.Refused += n
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] == 0 {
			continue
		}
		t := Type{ResourceType: name, Resources: counts[name]}
		t.Verdicts, t.Profiles = judged.Of(name)
		r.Types = append(r.Types, t)
		r.Resources += t.Resources
		r.Verdicts.Add(t.Verdicts)
	}
	r.Findings = judged.Findings()
	return r
}
