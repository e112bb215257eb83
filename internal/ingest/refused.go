package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strconv"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
)

// refusalHead finds the number of the line in what quarantine.head writes.
var refusalHead = regexp.MustCompile(`^\{"reason":"[^"]*","file":"[^"]*","line":([0-9]+),`)

// RefusedLines gives the numbers of the lines of an output file that are in
// quarantine; none when no line was refused. It reads no content into memory.
func RefusedLines(ctx context.Context, scope *blob.Scope, export, file string) (_ map[int64]bool, err error) {
	key, err := scope.QuarantineKey(export, file)
	if err != nil {
		return nil, err
	}
	raw, err := scope.Open(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	text, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	defer text.Close()
	lines := bufio.NewReaderSize(contextReader{ctx, text}, 64<<10)
	refused := map[int64]bool{}
	for begins := true; ; {
		part, more, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return refused, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read quarantine: %w", err)
		}
		if begins {
			found := refusalHead.FindSubmatch(part)
			if found == nil {
				return nil, damaged(errors.New("a line of the quarantine has another form"))
			}
			number, err := strconv.ParseInt(string(found[1]), 10, 64)
			if err != nil {
				return nil, damaged(err)
			}
			refused[number] = true
		}
		begins = !more
	}
}
