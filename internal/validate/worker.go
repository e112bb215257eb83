package validate

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/scan"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// maxTypes bounds the different types of all streams; FHIR has about 160.
const maxTypes = 300

// plans are compiled once for all workers.
type plans struct {
	guide *uscore.Guide
	mu    sync.Mutex
	made  map[string]*plan
}

// A plan is what the lines of one type are put through.
type plan struct {
	program *sqlonfhir.Program
	rules   *uscore.Rules // nil without a guide
}

func (p *plans) of(resourceType string) (*plan, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.made[resourceType]; known != nil {
		return known, nil
	}
	made := &plan{}
	var err error
	made.program, err = sqlonfhir.CompileWith(sqlonfhir.Options{Also: func(s *tape.Shape) {
		if p.guide != nil {
			made.rules = p.guide.Want(resourceType, s)
		}
	}})
	p.made[resourceType] = made
	return made, err
}

// A worker takes lines. It belongs to one goroutine at a time.
type worker struct {
	validator *Validator
	types     map[string]*typeLines
	last      *typeLines // of the line before: most lines are of the same type
	blank     int64
	refused   map[string]int64

	told []told // of the current block
}

// told is what is told of one line: a refusal, or what it breaks.
type told struct {
	refusal quarantine.Refusal
	broken  []Broken
}

// typeLines are the lines of one type.
type typeLines struct {
	name   []byte
	runner *sqlonfhir.Runner
	judge  *judge.Judge // nil without a guide
	lines  int64
}

func (w *worker) typeOf(name string) (*typeLines, error) {
	if t := w.types[name]; t != nil || len(w.types) >= maxTypes {
		return t, nil
	}
	p, err := w.validator.plans.of(name)
	if err != nil {
		return nil, err
	}
	t := &typeLines{name: []byte(name), runner: p.program.NewRunner(), judge: judge.New(p.rules)}
	w.types[name] = t
	return t, nil
}

// take checks a block.
func (w *worker) take(name string, b *scan.Block) error {
	w.told = w.told[:0]
	for l := range b.Lines() {
		if l.Blank() {
			w.blank++
			continue
		}
		reason, err := w.line(name, l)
		if err != nil {
			return fmt.Errorf("line %d: %w", l.Number, err)
		}
		if reason != "" {
			w.refused[reason]++
			w.told = append(w.told, told{refusal: quarantine.Refuse(reason, name, l)})
		}
	}
	if len(w.told) == 0 {
		return nil
	}
	return b.InTurn(w.tell)
}

// tell tells of the lines of the block.
func (w *worker) tell() error {
	v := w.validator
	for i := range w.told {
		t := &w.told[i]
		if t.refusal.Reason != "" {
			if err := v.tell(t.refusal); err != nil {
				return err
			}
		}
		for _, b := range t.broken {
			if err := v.opts.Broken(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// line counts one line, or says what is wrong with it.
func (w *worker) line(name string, l ndjson.Line) (string, error) {
	t := w.last
	if t == nil {
		var err error
		if t, err = w.typeOf("Resource"); err != nil {
			return "", err
		}
	}
	if err := t.runner.Load(l.Bytes); err != nil {
		return quarantine.SyntaxReason(err), nil
	}
	kind := t.runner.ResourceType()
	if reason := quarantine.ResourceFault(kind, l.Bytes); reason != "" {
		return reason, nil
	}
	if !bytes.Equal(kind, t.name) {
		other, err := w.typeOf(string(kind))
		switch {
		case err != nil:
			return "", err
		case other == nil:
			return quarantine.ReasonBadType, nil
		}
		t, w.last = other, other
		if err := t.runner.Load(l.Bytes); err != nil {
			return quarantine.SyntaxReason(err), nil
		}
	}
	if reason := quarantine.IDFault(t.runner.ID()); reason != "" {
		return reason, nil
	}
	t.lines++
	w.check(t, name, l)
	return "", nil
}

// check applies the rules to the loaded line.
func (w *worker) check(t *typeLines, name string, l ndjson.Line) {
	if t.judge == nil {
		return
	}
	verdict := t.judge.Check(t.runner.Tape())
	if w.validator.opts.Broken == nil || len(verdict.Issues) == 0 {
		return
	}
	broken := make([]Broken, len(verdict.Issues))
	for i, issue := range verdict.Issues {
		broken[i] = Broken{
			File: name, Line: l.Number, ResourceType: string(t.name),
			Severity: issue.Severity.String(), Rule: issue.Rule, Path: issue.Path, Profile: issue.Profile,
		}
	}
	w.told = append(w.told, told{broken: broken})
}
