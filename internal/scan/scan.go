// Package scan brings the lines of one NDJSON stream to several goroutines,
// block by block, and lets what they make of a block be put in order again.
// Memory depends on the workers and not on the stream.
//
// It never looks inside a line, drops one or changes one.
//
// Lines are NDJSON as FHIR uses it: https://build.fhir.org/nd-json.html
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Options say how a stream is read. The zero value is the usual way.
type Options struct {
	Workers int // goroutines; 0 means GOMAXPROCS
	MaxLine int // longest line in bytes; 0 means 256 MiB

	// OverLong takes each longer line, as a stream. It is called by the goroutine
	// that reads, before take gets any later line. nil ignores such lines, which
	// are counted all the same.
	OverLong func(ndjson.LongLine) error
	// Finish is called by each worker after its last block, unless the run has
	// ended before. nil is nothing to do.
	Finish func(worker int) error
	// Bug makes the error of a panic; what says what was met without its text,
	// which may quote a line. nil makes one that says that files were only read.
	Bug func(what string) error
}

// workers returns how many goroutines the options mean.
func (o Options) workers() int {
	if o.Workers <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return o.Workers
}

// A Block is some whole lines and their place among the blocks.
type Block struct {
	*ndjson.Block
	turns *turns
	place int64
}

// InTurn calls f once the calls for all earlier blocks have ended. It may be
// called once for each block; a block for which it was not called counts as
// called when take returns. An error ends the run, and f is not called when the
// run has ended.
func (b *Block) InTurn(f func() error) error { return b.turns.take(b.place, f) }

// Totals are what a stream has.
type Totals struct {
	Lines, Bytes int64 // of the text, decompressed
}

// Run reads src, which may be zstd or gzip, and calls take for each block, from
// the goroutine of the worker with that number, from 0. The first error, of
// take, of src or of ctx, ends the run and is returned; the totals are then
// those of what was read. A panic, which is a bug of ours met on one line, ends
// it too and not the process (I9).
func Run(ctx context.Context, o Options, src io.Reader, take func(worker int, b *Block) error) (Totals, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines, err := ndjson.Decompress(ndjson.Until(ctx, src))
	if err != nil {
		return Totals{}, err
	}
	defer lines.Close()
	if o.OverLong == nil {
		o.OverLong = func(ndjson.LongLine) error { return nil }
	}
	reader := ndjson.NewReader(lines, ndjson.Options{MaxLine: o.MaxLine, OverLong: o.OverLong})
	r := &run{ctx: ctx, cancel: cancel, opts: o, take: take, reader: reader, turns: newTurns()}
	stop := context.AfterFunc(ctx, r.turns.end)
	defer stop()
	var all sync.WaitGroup
	for n := range o.workers() {
		all.Go(func() { r.work(n) })
	}
	all.Wait()
	return Totals{Lines: reader.Lines(), Bytes: reader.Bytes()}, context.Cause(ctx)
}

type run struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	opts   Options
	take   func(int, *Block) error
	turns  *turns

	mu     sync.Mutex
	reader *ndjson.Reader
	place  int64 // of the next block
}

// next reads the next block, nil at the end of the stream or of the run. The
// worker that reads a block takes it as well: its bytes are near still.
func (r *run) next() *Block {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return nil
	}
	b, err := r.reader.Next()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			r.cancel(err)
		}
		return nil
	}
	r.place++
	return &Block{b, r.turns, r.place - 1}
}

// work takes blocks until there are no more or the run has ended.
func (r *run) work(n int) {
	for b := r.next(); b != nil; b = r.next() {
		r.survive(func() error {
			defer r.turns.pass(b.place)
			return r.take(n, b)
		})
		b.Release()
	}
	if r.opts.Finish != nil && r.ctx.Err() == nil {
		r.survive(func() error { return r.opts.Finish(n) })
	}
}

// survive turns an error of f, or a panic, into the end of the run.
func (r *run) survive(f func() error) {
	defer func() {
		if met := recover(); met != nil {
			r.cancel(r.bug(met))
		}
	}()
	if err := f(); err != nil {
		r.cancel(err)
	}
}

// bug is the error of a panic, whose text may quote a line (I9).
func (r *run) bug(met any) error {
	what := fmt.Sprintf("%T", met)
	if fault, ok := met.(runtime.Error); ok {
		what = fault.Error()
	}
	if r.opts.Bug != nil {
		return r.opts.Bug(what)
	}
	return problem.New(problem.Internal, "a bug in bulkhead was met: "+what, "Report this; the file was only read.")
}
