package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// sourceFile is what stands in table.SourceFile of the rows of src.
func sourceFile(o *Options, src *Source) string {
	return cmp.Or(src.Origin, o.Export) + "/" + src.File
}

// output names the failures of the stream of an output file.
type output struct{ io.Reader }

func (o output) Read(p []byte) (int, error) {
	n, err := o.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read output file: %w", err)
	}
	return n, err
}

// told makes damage a problem, and leaves every other error as it is.
func told(err error) error {
	if !errors.Is(err, ndjson.ErrDamaged) {
		return err
	}
	return fmt.Errorf("read output file: %w", damaged(err))
}

func damaged(err error) error {
	return problem.Wrap(err, problem.StorageDamaged, "a file's compressed bytes cannot be read to their end",
		"Check the disk of the storage folder, then export the practice again; the damaged file is not used.")
}
