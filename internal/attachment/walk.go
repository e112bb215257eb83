package attachment

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
)

// A walk goes through the resources of a file that have documents, in order.
type walk struct {
	*Options
	behind int64 // the number of the last line that is left out
	each   func(line int64, x *resource) error
}

func (w *walk) run(ctx context.Context) (err error) {
	file, err := w.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := ndjson.NewReader(file, ndjson.Options{
		MaxLine:  w.MaxLine,
		OverLong: func(ndjson.LongLine) error { return nil }, // ingest has refused it
	})
	x := newExtractor()
	for {
		block, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read output file: %w", err)
		}
		err = w.block(ctx, block, x)
		block.Release()
		if err != nil {
			return err
		}
	}
}

func (w *walk) block(ctx context.Context, b *ndjson.Block, x *extractor) error {
	for l := range b.Lines() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if l.Number <= w.behind || l.Blank() || w.Refused.Has(l.Number) {
			continue
		}
		if found := x.read(l.Bytes); len(found.found) > 0 {
			if err := w.each(l.Number, found); err != nil {
				return err
			}
		}
	}
	return nil
}
