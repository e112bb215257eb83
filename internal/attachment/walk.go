package attachment

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
)

// walk calls each for every resource of the file that has documents, in order.
func walk(ctx context.Context, o *Options, each func(line int64, x *resource) error) (err error) {
	file, err := o.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := ndjson.NewReader(file, ndjson.Options{
		MaxLine:  o.MaxLine,
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
		err = walkBlock(ctx, o, block, x, each)
		block.Release()
		if err != nil {
			return err
		}
	}
}

func walkBlock(ctx context.Context, o *Options, b *ndjson.Block, x *extractor, each func(line int64, x *resource) error) error {
	for l := range b.Lines() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if l.Blank() || o.Refused[l.Number] {
			continue
		}
		if found := x.read(l.Bytes); len(found.found) > 0 {
			if err := each(l.Number, found); err != nil {
				return err
			}
		}
	}
	return nil
}
