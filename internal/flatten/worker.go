package flatten

import (
	"bytes"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/parquetfile"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// programs are the views by resource type, compiled; views has the numbers of
// a type's views among all. The type "" has the program without views.
type programs map[string]compiled

type compiled struct {
	program *sqlonfhir.Program
	views   []int
}

func compile(views []*sqlonfhir.View) (programs, error) {
	byType := map[string][]int{"": nil}
	for i, v := range views {
		byType[v.Resource] = append(byType[v.Resource], i)
	}
	all := programs{}
	for name, numbers := range byType {
		of := make([]*sqlonfhir.View, len(numbers))
		for i, n := range numbers {
			of[i] = views[n]
		}
		p, err := sqlonfhir.Compile(of...)
		if err != nil {
			return nil, err
		}
		all[name] = compiled{p, numbers}
	}
	return all, nil
}

// A worker takes lines. It belongs to one goroutine at a time.
type worker struct {
	types   map[string]*typeRows
	last    *typeRows // of the line before: most lines are of the same type
	sinks   []rowSink // by view
	memory  parquetfile.Scratch
	counts  Counts
	refused []quarantine.Refusal // of the current block
}

// typeRows writes the rows of one type's views.
type typeRows struct {
	name   []byte
	runner *sqlonfhir.Runner
	sinks  []rowSink
	emits  []func([]sqlonfhir.Value) error
}

// rowSink takes the rows of one view. A row counts once its line is kept.
type rowSink interface {
	add(row []sqlonfhir.Value) error
	keep(length int) error
	drop()
	pending() int   // rows since the last keep
	deliver() error // brings the rows of finished blocks on their way, in the block's turn
	finish() error
}

func newWorker(all programs, outputs []output) *worker {
	w := &worker{types: make(map[string]*typeRows)}
	for _, out := range outputs {
		w.sinks = append(w.sinks, out.sink(&w.memory))
	}
	for name, c := range all {
		t := &typeRows{name: []byte(name), runner: c.program.NewRunner()}
		for _, n := range c.views {
			t.sinks, t.emits = append(t.sinks, w.sinks[n]), append(t.emits, w.sinks[n].add)
		}
		w.types[name] = t
		if w.last == nil || len(c.views) > 0 {
			w.last = t
		}
	}
	return w
}

// line writes the rows of one line and counts it, or says why it is refused.
func (w *worker) line(l ndjson.Line) (reason string, err error) {
	t := w.last
	if err := t.runner.Load(l.Bytes); err != nil {
		return quarantine.SyntaxReason(err), nil
	}
	kind := t.runner.ResourceType()
	if reason := quarantine.ResourceFault(kind, l.Bytes); reason != "" {
		return reason, nil
	}
	if !bytes.Equal(kind, t.name) {
		if t = w.types[string(kind)]; t == nil {
			w.counts.Other++
			return "", nil
		}
		w.last = t
		if err := t.runner.Load(l.Bytes); err != nil {
			return quarantine.SyntaxReason(err), nil
		}
	}
	return w.write(t, len(l.Bytes))
}

// write adds the rows of the loaded line, all of them or none.
func (w *worker) write(t *typeRows, length int) (string, error) {
	for i, emit := range t.emits {
		err := t.runner.Rows(i, emit)
		if err == nil {
			continue
		}
		for _, s := range t.sinks {
			s.drop()
		}
		if reason, ok := rows.Reason(err); ok {
			return reason, nil
		}
		return "", err
	}
	w.counts.Taken++
	for _, s := range t.sinks {
		w.counts.Rows += int64(s.pending())
		if err := s.keep(length); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (w *worker) deliver() error {
	for _, s := range w.sinks {
		if err := s.deliver(); err != nil {
			return err
		}
	}
	return nil
}
