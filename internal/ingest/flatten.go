package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
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

// FlattenOptions say what a Flattener does. Views, Format and Open are
// required.
type FlattenOptions struct {
	Views  []*sqlonfhir.View // of any types, each with its own output
	Format Format

	// Open returns what takes the rows of the view with that number. It is
	// called once for each view, by NewFlattener. The caller closes it after
	// Close of the Flattener.
	Open func(view int) (io.Writer, error)

	// Refused is told of each line that is not taken. Its error ends Read.
	// When it is nil such lines are only counted.
	Refused func(quarantine.Refusal) error

	MaxLine int // longest line in bytes; 0 means 256 MiB
}

// FlattenCounts say what became of the lines of a stream. Lines is always
// Taken + Other + Refused + Blank.
type FlattenCounts struct {
	Lines   int64 `json:"lines"`
	Taken   int64 `json:"taken"`   // resources of a type that a view has
	Other   int64 `json:"other"`   // resources of other types: no rows, no fault
	Refused int64 `json:"refused"` // lines that are no resource, or at which a view failed
	Blank   int64 `json:"blank"`
	Rows    int64 `json:"rows"` // of all views
	Bytes   int64 `json:"bytes"`
}

// A Flattener writes the rows of views over NDJSON, in the order of the lines,
// without tenant, storage or ledger. It belongs to one goroutine, and holds
// one block of lines and, for Parquet, one row group for each view.
type Flattener struct {
	opts    FlattenOptions
	types   map[string]*flatType
	last    *flatType // of the line before: most lines are of the same type
	bare    *sqlonfhir.Runner
	outputs []rowSink
	rows    int64 // of finished lines
}

// flatType are the views of one resource type.
type flatType struct {
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
	held() int // rows since the last keep
	close() error
}

// NewFlattener compiles the views and opens their outputs. The error may be a
// [*sqlonfhir.DefinitionError].
func NewFlattener(o FlattenOptions) (*Flattener, error) {
	f := &Flattener{opts: o, types: make(map[string]*flatType)}
	byType := make(map[string][]*sqlonfhir.View)
	for i, v := range o.Views {
		to, err := o.Open(i)
		if err != nil {
			return nil, fmt.Errorf("open output of view %q: %w", v.Name, err)
		}
		sink, err := newRowSink(o.Format, v, to)
		if err != nil {
			return nil, err
		}
		t := f.types[v.Resource]
		if t == nil {
			t = &flatType{name: []byte(v.Resource)}
			f.types[v.Resource] = t
		}
		t.sinks = append(t.sinks, sink)
		t.emits = append(t.emits, sink.add)
		f.outputs = append(f.outputs, sink)
		byType[v.Resource] = append(byType[v.Resource], v)
	}
	for name, t := range f.types {
		p, err := sqlonfhir.Compile(byType[name]...)
		if err != nil {
			return nil, err
		}
		t.runner = p.NewRunner()
		f.last = t
	}
	p, err := sqlonfhir.Compile()
	if err != nil {
		return nil, err
	}
	f.bare = p.NewRunner()
	return f, nil
}

// Read writes the rows of one stream: NDJSON, or NDJSON as zstd or gzip. name
// stands in refusals. The counts are those of this stream, also after an error.
func (f *Flattener) Read(ctx context.Context, name string, src io.Reader) (FlattenCounts, error) {
	var n FlattenCounts
	lines, err := decode(src)
	if err != nil {
		return n, fmt.Errorf("read %s: %w", name, err)
	}
	defer lines.Close()
	reader := ndjson.NewReader(contextReader{ctx, lines}, ndjson.Options{
		MaxLine: f.opts.MaxLine,
		OverLong: func(l ndjson.LongLine) error {
			n.Refused++
			return f.refuse(name, quarantine.ReasonOverLong, ndjson.Line{Number: l.Number, Offset: l.Offset})
		},
	})
	before := f.rows
	for err == nil {
		var b *ndjson.Block
		if b, err = reader.Next(); err == nil {
			err = f.block(name, b, &n)
			b.Release()
		}
	}
	n.Lines, n.Bytes, n.Rows = reader.Lines(), reader.Bytes(), f.rows-before
	if errors.Is(err, io.EOF) {
		return n, nil
	}
	return n, fmt.Errorf("read %s: %w", name, err)
}

func (f *Flattener) block(name string, b *ndjson.Block, n *FlattenCounts) error {
	for l := range b.Lines() {
		if l.Blank() {
			n.Blank++
			continue
		}
		reason, other, err := f.line(l)
		switch {
		case err != nil:
			return fmt.Errorf("line %d: %w", l.Number, err)
		case reason != "":
			n.Refused++
			if err := f.refuse(name, reason, l); err != nil {
				return err
			}
		case other:
			n.Other++
		default:
			n.Taken++
		}
	}
	return nil
}

// line writes the rows of one line, or says why it is refused, or that no view
// is of its type.
func (f *Flattener) line(l ndjson.Line) (reason string, other bool, err error) {
	t := f.last
	runner := f.bare
	if t != nil {
		runner = t.runner
	}
	if err := runner.Load(l.Bytes); err != nil {
		return jsonReason(err), false, nil
	}
	kind := runner.ResourceType()
	if reason := resourceFault(kind, l.Bytes); reason != "" {
		return reason, false, nil
	}
	if t == nil || !bytes.Equal(kind, t.name) {
		if t = f.types[string(kind)]; t == nil {
			return "", true, nil
		}
		f.last = t
		if err := t.runner.Load(l.Bytes); err != nil {
			return jsonReason(err), false, nil
		}
	}
	reason, err = f.write(t, len(l.Bytes))
	return reason, false, err
}

// write adds the rows of the loaded line, all of them or none.
func (f *Flattener) write(t *flatType, length int) (string, error) {
	for i, emit := range t.emits {
		err := t.runner.Rows(i, emit)
		if err == nil {
			continue
		}
		for _, s := range t.sinks {
			s.drop()
		}
		if m, ok := errors.AsType[*rows.Misfit](err); ok {
			return quarantine.ReasonView + m.View + "." + m.Column, nil
		}
		if reason, ok := viewReason(err); ok {
			return reason, nil
		}
		return "", err
	}
	for _, s := range t.sinks {
		f.rows += int64(s.held())
		if err := s.keep(length); err != nil {
			return "", err
		}
	}
	return "", nil
}

// resourceFault says what is wrong with a line as a resource of any type. A
// resource without an id can be flattened.
func resourceFault(resourceType, line []byte) string {
	switch {
	case resourceType == nil && bytes.TrimLeft(line, " \t\r")[0] != '{':
		return quarantine.ReasonNoObject
	case resourceType == nil:
		return quarantine.ReasonNoType
	case !fhir.IsTypeName(string(resourceType)):
		return quarantine.ReasonBadType
	}
	return ""
}

func (f *Flattener) refuse(name, reason string, l ndjson.Line) error {
	if f.opts.Refused == nil {
		return nil
	}
	return f.opts.Refused(quarantine.Refusal{Reason: reason, File: name, Line: l.Number, Offset: l.Offset, Bytes: int64(len(l.Bytes))})
}

// Close writes what is held and ends the outputs. An output of Parquet is a
// file only after it.
func (f *Flattener) Close() error {
	var errs []error
	for _, s := range f.outputs {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
