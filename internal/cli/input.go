package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// reading opens a file, or standard input for "-", for as long as f runs. shown
// is its name without the folder.
func reading(name string, stdin io.Reader, f func(shown string, src io.Reader) error) error {
	if name == "-" {
		return f("standard input", stdin)
	}
	src, err := os.Open(name)
	if err != nil {
		return problem.Wrap(err, problem.Usage, "an input file cannot be read", "Name files that exist and that you may read.")
	}
	return errors.Join(f(filepath.Base(name), src), src.Close())
}

// damagedInput explains compressed bytes that end too early.
func damagedInput(err error) error {
	if !errors.Is(err, ndjson.ErrDamaged) {
		return err
	}
	return problem.Wrap(err, problem.NotValid, "the compressed bytes of an input file cannot be read to their end",
		"Get the file again: it is damaged or only a part.")
}
