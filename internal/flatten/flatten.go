// Package flatten writes the rows of views over NDJSON to files: without
// tenant, storage or ledger, for a person who has files and a question.
//
// It never changes a value, and never stops at a line that cannot be taken: it
// tells of it and goes on.
//
// Views are ViewDefinitions: https://sql-on-fhir.org/ig/2.0.0/
package flatten

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/scan"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// A Format is a form in which a Flattener writes rows.
type Format string

// The formats.
const (
	Parquet Format = "parquet" // typed columns, zstd
	CSV     Format = "csv"     // RFC 4180 with a header; null is empty, an empty text is ""
	NDJSON  Format = "ndjson"  // one object for each row; null members are written
)

// Options say what a Flattener does. Views, Format and Open are required.
type Options struct {
	Views  []*sqlonfhir.View // of any types, each with its own output
	Format Format

	// Open returns what takes the rows of the view with that number. It is
	// called once for each view, by New. The caller closes it after Close of the
	// Flattener. It is written to by one goroutine at a time.
	Open func(view int) (io.Writer, error)

	// Refused is told of each line that is not taken, without its content, in
	// the order of the lines but for over-long ones. Its error ends Read. When it
	// is nil such lines are only counted.
	Refused func(quarantine.Refusal) error

	// Workers is how many goroutines read lines; 0 means GOMAXPROCS. With several
	// the rows of CSV and NDJSON stand in the order of the lines still, and those
	// of Parquet do within each row group only.
	Workers int
	MaxLine int // longest line in bytes; 0 means 256 MiB
}

// Counts say what became of the lines of a stream. Lines is always Taken +
// Other + Refused + Blank.
type Counts struct {
	Lines   int64 `json:"lines"`
	Taken   int64 `json:"taken"`   // resources of a type that a view has
	Other   int64 `json:"other"`   // resources of other types: no rows, no fault
	Refused int64 `json:"refused"` // lines that are no resource, or at which a view failed
	Blank   int64 `json:"blank"`
	Rows    int64 `json:"rows"` // of all views
	Bytes   int64 `json:"bytes"`
}

// Add adds other counts to c.
func (c *Counts) Add(n Counts) {
	c.Lines += n.Lines
	c.Taken += n.Taken
	c.Other += n.Other
	c.Refused += n.Refused
	c.Blank += n.Blank
	c.Rows += n.Rows
	c.Bytes += n.Bytes
}

// A Flattener writes the rows of views over one stream after the other. Its
// methods belong to one goroutine. It holds a few blocks of lines and, for
// Parquet, one row group for each view and worker.
type Flattener struct {
	opts    Options
	outputs []output
	workers []*worker
	mu      sync.Mutex // around Refused
}

// New compiles the views and opens their outputs. The error may be a
// [*sqlonfhir.DefinitionError].
func New(o Options) (*Flattener, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	f := &Flattener{opts: o}
	programs, err := compile(o.Views)
	if err != nil {
		return nil, err
	}
	for i, v := range o.Views {
		to, err := o.Open(i)
		if err != nil {
			return nil, fmt.Errorf("open output of view %q: %w", v.Name, err)
		}
		out, err := newOutput(o.Format, v, to)
		if err != nil {
			return nil, err
		}
		f.outputs = append(f.outputs, out)
	}
	for range o.Workers {
		f.workers = append(f.workers, newWorker(programs, f.outputs))
	}
	return f, nil
}

// Read writes the rows of one stream: NDJSON, or NDJSON as zstd or gzip. name
// stands in refusals. The counts are those of this stream, also after an error.
func (f *Flattener) Read(ctx context.Context, name string, src io.Reader) (Counts, error) {
	for _, w := range f.workers {
		w.counts = Counts{}
	}
	overLong := int64(0)
	totals, err := scan.Run(ctx, scan.Options{
		Workers: f.opts.Workers, MaxLine: f.opts.MaxLine,
		OverLong: func(l ndjson.LongLine) error {
			overLong++
			return f.refuse(quarantine.Refusal{Reason: quarantine.ReasonOverLong, File: name, Line: l.Number, Offset: l.Offset})
		},
	}, src, func(n int, b *scan.Block) error { return f.take(f.workers[n], name, b) })
	counts := Counts{Refused: overLong}
	for _, w := range f.workers {
		counts.Add(w.counts)
	}
	counts.Lines, counts.Bytes = totals.Lines, totals.Bytes
	if err != nil {
		return counts, fmt.Errorf("read %s: %w", name, err)
	}
	return counts, nil
}

// take writes the rows of a block.
func (f *Flattener) take(w *worker, name string, b *scan.Block) error {
	w.refused = w.refused[:0]
	for l := range b.Lines() {
		if l.Blank() {
			w.counts.Blank++
			continue
		}
		reason, err := w.line(l)
		if err != nil {
			return fmt.Errorf("line %d: %w", l.Number, err)
		}
		if reason != "" {
			w.counts.Refused++
			w.refused = append(w.refused, quarantine.Refuse(reason, name, l))
		}
	}
	if len(w.refused) == 0 && f.opts.Format == Parquet {
		return nil
	}
	return b.InTurn(func() error {
		for _, r := range w.refused {
			if err := f.refuse(r); err != nil {
				return err
			}
		}
		return w.deliver()
	})
}

func (f *Flattener) refuse(r quarantine.Refusal) error {
	if f.opts.Refused == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opts.Refused(r)
}

// Close writes what is held and ends the outputs. An output of Parquet is a
// file only after it.
func (f *Flattener) Close() error {
	var errs []error
	for _, w := range f.workers {
		for _, s := range w.sinks {
			errs = append(errs, s.finish())
		}
	}
	for _, out := range f.outputs {
		errs = append(errs, out.close())
	}
	return errors.Join(errs...)
}
