package sqlonfhir

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Run evaluates one view over NDJSON and calls emit for each row, with the
// number of its line from 1. It is made for small inputs and for trying views
// out; a service keeps a [Runner] and reads lines itself. Blank lines are
// skipped, and resources of other types give no rows. The first line that
// cannot be read or evaluated ends the run; its error names the line. The row
// and its values are valid until emit returns. An error of emit is returned as
// it is.
func Run(view *View, ndjson io.Reader, emit func(line int, row []Value) error) error {
	program, err := Compile(view)
	if err != nil {
		return err
	}
	runner := program.NewRunner()
	lines := bufio.NewReader(ndjson)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read line %d: %w", n, err)
		}
		last := err != nil
		if len(bytes.TrimSpace(line)) > 0 {
			if err := runner.one(line, n, emit); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

func (r *Runner) one(line []byte, n int, emit func(int, []Value) error) error {
	err := r.Load(line)
	var stopped error
	if err == nil {
		err = r.Rows(0, func(row []Value) error {
			stopped = emit(n, row)
			return stopped
		})
	}
	if err == nil || stopped != nil {
		return stopped
	}
	return fmt.Errorf("line %d: %w", n, err)
}
