package ingest

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/scan"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// Run reads one output file and returns what became of its lines. When it
// returns nil every part and the quarantine are durable (I3) and the counts
// add up (I4). Running the same file again replaces what an earlier run left
// and gives the same Summary but for the parts, whose number and sizes depend
// on the workers.
//
// When it returns an error, or ctx ends, no part of the file is visible. Only
// a process that dies while it commits leaves whole parts; they belong to no
// Summary, and the next Run removes them.
//
// Problems: StorageFull, StorageUnwritable, StorageDamaged, CountMismatch.
func Run(ctx context.Context, o Options, src Source) (Summary, error) {
	o = withDefaults(o)
	if err := clearFormer(ctx, &o, &src); err != nil {
		return Summary{}, err
	}
	r, err := newRun(ctx, &o, &src)
	if err != nil {
		return Summary{}, err
	}
	defer r.close()
	if err := r.read(); err != nil {
		return Summary{}, err
	}
	s, err := r.commit()
	if err != nil {
		// A context that has ended must not keep what was committed.
		o.First = false
		return Summary{}, errors.Join(err, clearFormer(context.WithoutCancel(ctx), &o, &src))
	}
	return s, nil
}

func withDefaults(o Options) Options {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return o
}

// clearFormer removes what an earlier run of the file left.
func clearFormer(ctx context.Context, o *Options, src *Source) error {
	if o.First {
		return nil
	}
	if err := o.Scope.DeleteFile(ctx, blob.Staged, o.Export, src.File); err != nil {
		return fmt.Errorf("clear staged parts: %w", err)
	}
	if err := o.Scope.DeleteFile(ctx, blob.Quarantine, o.Export, src.File); err != nil {
		return fmt.Errorf("clear quarantine: %w", err)
	}
	return nil
}

// lineTaker takes the lines of one section. It belongs to one worker.
type lineTaker interface {
	// take adds the rows of a line, or says what else it is. An error ends the
	// run.
	take(ndjson.Line) (verdict, error)
	// report adds what was seen to the summary.
	report(*tally)
}

// A verdict is what a line is. The zero value is content that was taken.
type verdict struct {
	refused string // the reason, or empty
	framing bool   // a header line: no content
}

func refusal(reason string) verdict { return verdict{refused: reason} }

// newTable makes the writer of one of the worker's tables. constant gives the
// text of the columns that have the same one in every row.
type newTable func(t table.Table, constant map[string]string) *rows.Writer

func newTaker(o *Options, src *Source, tables newTable) (lineTaker, error) {
	switch src.Section {
	case Output:
		return newResourceLines(o, src, tables)
	case Deleted:
		return newDeletionLines(o, src, tables), nil
	case Errors:
		return &outcomeLines{newOutcomeScan()}, nil
	}
	return nil, fmt.Errorf("section %q is not known", src.Section)
}

// run is one file on its way.
type run struct {
	ctx        context.Context
	opts       *Options
	src        *Source
	workers    []*worker
	quarantine *quarantine.Writer
	totals     scan.Totals
	overLong   int64
}

func newRun(ctx context.Context, o *Options, src *Source) (*run, error) {
	r := &run{ctx: ctx, opts: o, src: src}
	q, err := quarantine.NewWriter(ctx, o.Scope, o.Export, src.File)
	if err != nil {
		return nil, err
	}
	r.quarantine = q
	for n := range o.Workers {
		w, err := newWorker(r, n)
		if err != nil {
			return nil, err
		}
		r.workers = append(r.workers, w)
	}
	return r, nil
}

// read brings every line of the source to a worker and waits for all of them.
func (r *run) read() error {
	raw, err := r.src.Open(r.ctx)
	if err != nil {
		return fmt.Errorf("open output file: %w", err)
	}
	defer raw.Close()
	r.totals, err = scan.Run(r.ctx, scan.Options{
		Workers: r.opts.Workers, MaxLine: r.opts.MaxLine, OverLong: r.refuseLong, Bug: bug,
		Finish: func(n int) error { return r.workers[n].finish() },
	}, output{raw}, func(n int, b *scan.Block) error { return r.workers[n].take(b) })
	return told(err)
}

// bug is the problem of a panic on one practice's line: the process and the
// other practices go on.
func bug(what string) error {
	return problem.New(problem.Internal, "ingest met a bug in bulkhead: "+what,
		"Report this with the name of the output file; the file is kept in raw, and the export can be resumed with a bulkhead that has the bug fixed.")
}

func (r *run) refuseLong(l ndjson.LongLine) error {
	r.overLong++
	return r.quarantine.AddLong(l)
}

// close removes what was not committed.
func (r *run) close() {
	for _, w := range r.workers {
		w.close()
	}
	r.quarantine.Close()
}
