package ingest

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/parquetfile"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/scan"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A worker takes the lines of some blocks and holds the parts they give. Until
// its work is done it belongs to one goroutine.
type worker struct {
	run    *run
	file   *reading // of which the lines are
	part   int      // number of its part of each table
	taker  lineTaker
	tables []*rows.Writer
	parts  []*part
	memory parquetfile.Scratch

	delivered, blank, headers int64            // lines of the file
	refused                   map[string]int64 // by reason

	read int // bytes of lines since the memory was looked at
}

const (
	// reliefEvery is how many bytes of lines are read between two looks at what
	// all tables hold together.
	reliefEvery = 4 << 20
	// maxHeld is what they may hold: a file of mixed types fills many tables.
	maxHeld = 40 << 20
)

// part is the file of one table.
type part struct {
	table *rows.Writer
	key   blob.Key
	file  *blob.Writer
}

func newWorker(r *run, n int) (*worker, error) {
	w := &worker{run: r, part: n}
	taker, err := newTaker(r.opts, r.first, w.table)
	w.taker = taker
	return w, err
}

// begin makes the lines that come next those of another file.
func (w *worker) begin(f *reading, sourceFile []byte) {
	w.file, w.refused = f, make(map[string]int64)
	w.delivered, w.blank, w.headers = 0, 0, 0
	w.taker.begin(sourceFile)
}

// table is a newTable.
func (w *worker) table(t table.Table, constant map[string]string) *rows.Writer {
	var to *rows.Writer
	to = rows.NewWriter(rows.Options{
		Table: t, Constant: constant, MaxRows: w.run.opts.RowGroupRows,
		Open: func() (io.Writer, error) { return w.create(to) }, Scratch: &w.memory,
	})
	w.tables = append(w.tables, to)
	return to
}

// create begins the worker's part of a table.
func (w *worker) create(t *rows.Writer) (io.Writer, error) {
	o := w.run.opts
	key, err := o.Scope.StagedKey(o.Export, t.Table().Name, w.run.first.File, w.part)
	if err != nil {
		return nil, err
	}
	file, err := o.Scope.Create(w.run.ctx, key)
	if err != nil {
		return nil, err
	}
	w.parts = append(w.parts, &part{t, key, file})
	return file, nil
}

// finish ends the worker's tables.
func (w *worker) finish() error {
	for _, t := range w.tables {
		if err := t.Finish(); err != nil {
			return err
		}
	}
	return context.Cause(w.run.ctx)
}

func (w *worker) take(b *scan.Block) error {
	for l := range b.Lines() {
		if l.Blank() {
			w.blank++
			continue
		}
		v, err := w.taker.take(l)
		if err != nil {
			return fmt.Errorf("line %d: %w", l.Number, err)
		}
		switch {
		case v.framing:
			w.headers++
		case v.refused != "":
			w.refused[v.refused]++
			if err := w.file.quarantine.Add(v.refused, l); err != nil {
				return err
			}
		default:
			w.delivered++
		}
		if err := w.relieve(len(l.Bytes)); err != nil {
			return err
		}
	}
	return context.Cause(w.run.ctx)
}

// relieve writes the largest tables when all together hold too much.
func (w *worker) relieve(length int) error {
	if w.read += length; w.read < reliefEvery || len(w.tables) < 2 {
		return nil
	}
	w.read = 0
	held := 0
	for _, t := range w.tables {
		held += t.Size()
	}
	for held > maxHeld {
		largest := slices.MaxFunc(w.tables, func(a, b *rows.Writer) int { return a.Size() - b.Size() })
		held -= largest.Size()
		if err := largest.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) close() {
	for _, p := range w.parts {
		p.file.Close()
	}
}
