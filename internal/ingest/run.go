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

// Run is Unit for one file.
func Run(ctx context.Context, o Options, src Source) (Summary, error) {
	s, err := Unit(ctx, o, src)
	if err != nil {
		return Summary{}, err
	}
	return s[0], nil
}

// Unit reads output files, one after the other, and returns what became of the
// lines of each. Their rows share the parts, which have the name of the first;
// each file has its own quarantine. When it returns nil every part and every
// quarantine is durable (I3) and the counts of each file add up (I4). Running
// the same files again replaces what an earlier run left and gives the same
// Summaries but for the parts, whose number and sizes depend on the workers.
//
// When it returns an error, or ctx ends, no part is visible. Only a process
// that dies while it commits leaves whole parts; they belong to no Summary, and
// the next run of the files removes them.
//
// Problems: StorageFull, StorageUnwritable, StorageDamaged, CountMismatch.
func Unit(ctx context.Context, o Options, files ...Source) ([]Summary, error) {
	o = withDefaults(o)
	if err := clearFormer(ctx, &o, files); err != nil {
		return nil, err
	}
	r, err := newRun(ctx, &o, files)
	if err != nil {
		return nil, err
	}
	defer r.close()
	for i := range files {
		if err := r.read(&files[i], i == len(files)-1); err != nil {
			return nil, err
		}
	}
	s, err := r.commit()
	if err != nil {
		// A context that has ended must not keep what was committed.
		o.First = false
		return nil, errors.Join(err, clearFormer(context.WithoutCancel(ctx), &o, files))
	}
	return s, nil
}

func withDefaults(o Options) Options {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return o
}

// clearFormer removes what earlier runs of the files left.
func clearFormer(ctx context.Context, o *Options, files []Source) error {
	if o.First {
		return nil
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.File
	}
	if err := o.Scope.DeleteFiles(ctx, blob.Staged, o.Export, names...); err != nil {
		return fmt.Errorf("clear staged parts: %w", err)
	}
	if err := o.Scope.DeleteFiles(ctx, blob.Quarantine, o.Export, names...); err != nil {
		return fmt.Errorf("clear quarantine: %w", err)
	}
	return nil
}

// lineTaker takes the lines of one section. It belongs to one worker.
type lineTaker interface {
	// begin says of which file, as table.SourceFile has it, the next lines are,
	// and forgets what was seen of the file before.
	begin(file []byte)
	// take adds the rows of a line, or says what else it is. An error ends the
	// run.
	take(ndjson.Line) (verdict, error)
	// report adds what was seen of the file to its summary.
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
		return newDeletionLines(o, tables), nil
	case Errors:
		return &outcomeLines{newOutcomeScan()}, nil
	}
	return nil, fmt.Errorf("section %q is not known", src.Section)
}

// run is a unit on its way.
type run struct {
	ctx     context.Context
	opts    *Options
	first   *Source
	workers []*worker
	files   []*reading
}

// A reading is one file on its way.
type reading struct {
	quarantine *quarantine.Writer
	overLong   int64
	summary    Summary
}

func newRun(ctx context.Context, o *Options, files []Source) (*run, error) {
	r := &run{ctx: ctx, opts: o, first: &files[0]}
	for n := range o.Workers {
		w, err := newWorker(r, n)
		if err != nil {
			return nil, err
		}
		r.workers = append(r.workers, w)
	}
	return r, nil
}

// read brings every line of a file to a worker, waits for all of them, and sums
// up. With the last file the tables end.
func (r *run) read(src *Source, last bool) error {
	raw, err := src.Open(r.ctx)
	if err != nil {
		return fmt.Errorf("open output file: %w", err)
	}
	defer raw.Close()
	f := &reading{summary: Summary{File: src.File}}
	if f.quarantine, err = quarantine.NewWriter(r.ctx, r.opts.Scope, r.opts.Export, src.File); err != nil {
		return err
	}
	r.files = append(r.files, f)
	for _, w := range r.workers {
		w.begin(f, []byte(sourceFile(r.opts, src)))
	}
	o := scan.Options{Workers: r.opts.Workers, MaxLine: r.opts.MaxLine, OverLong: f.refuseLong, Bug: bugIn(src.File)}
	if last {
		o.Finish = func(n int) error { return r.workers[n].finish() }
	}
	totals, err := scan.Run(r.ctx, o, output{raw}, func(n int, b *scan.Block) error { return r.workers[n].take(b) })
	if err != nil {
		return told(err)
	}
	f.summary.Lines, f.summary.Bytes = totals.Lines, totals.Bytes
	r.count(f)
	return f.quarantine.End()
}

// bugIn gives the problem of a panic on one line of a file: the process and the
// other practices go on.
func bugIn(file string) func(what string) error {
	return func(what string) error {
		return problem.New(problem.Internal, "ingest met a bug in bulkhead at output file "+file+": "+what,
			"Report this; the file is kept in raw, and the export can be resumed with a bulkhead that has the bug fixed.")
	}
}

func (f *reading) refuseLong(l ndjson.LongLine) error {
	f.overLong++
	return f.quarantine.AddLong(l)
}

// close removes what was not committed.
func (r *run) close() {
	for _, w := range r.workers {
		w.close()
	}
	for _, f := range r.files {
		f.quarantine.Close()
	}
}
