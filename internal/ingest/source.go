package ingest

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// sourceFile is what stands in table.SourceFile of the rows of src.
func sourceFile(o *Options, src *Source) string {
	return cmp.Or(src.Origin, o.Export) + "/" + src.File
}

// decode returns the NDJSON of a stream of ours that may be zstd or gzip.
// Closing it does not close src.
func decode(src io.Reader) (io.ReadCloser, error) {
	text, err := ndjson.Decompress(src)
	if err != nil {
		return nil, told(err)
	}
	return decoded{text}, nil
}

type decoded struct{ io.ReadCloser }

func (d decoded) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	return n, told(err)
}

// told makes damage a problem, and leaves every other error as it is.
func told(err error) error {
	if !errors.Is(err, ndjson.ErrDamaged) {
		return err
	}
	return damaged(err)
}

func damaged(err error) error {
	return problem.Wrap(err, problem.StorageDamaged, "a file's compressed bytes cannot be read to their end",
		"Check the disk of the storage folder, then export the practice again; the damaged file is not used.")
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
