package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// guide is the version by which resources are judged by default.
const guide = string(uscore.V610)

// A duel is one file through two processes; the ratio is that of the second to
// the first.
type duel struct {
	story         string
	input         input
	first, second []string // what the children do; the file's path comes behind
	target        float64  // 0: none is set
}

func duels() []duel {
	off, on := []string{"ingest", ""}, []string{"ingest", guide}
	valid, lines, judged := []string{"valid"}, []string{"bulkhead", "validate", "--us-core", "none"}, []string{"bulkhead", "validate", "--us-core", guide}
	return []duel{
		{"`validate --us-core none` / encoding/json.Valid", plainObservations, valid, lines, 0},
		{"`validate` by US Core " + guide + " / encoding/json.Valid", plainObservations, valid, judged, 0},
		{"`validate` by US Core " + guide + " / `--us-core none`", plainObservations, lines, judged, 0},
		{"ingest: US Core " + guide + " / no rules", plainObservations.of(80), off, on, 1.5},
		{"ingest: US Core " + guide + " / no rules", practiceObservations, off, on, 1.5},
		{"ingest: US Core " + guide + " / no rules", plainEncounters, off, on, 1.5},
		{"ingest: US Core " + guide + " / no rules", practicePatients, off, on, 1.5},
	}
}

// practicePatients have the extensions and slices that US Core asks for.
var practicePatients = input{"Patient", 0, "Patient of the practice"}

// of gives the input with another size in MB.
func (in input) of(mega int64) input { in.mega = mega; return in }

// validation measures what judging resources adds.
func validation(ctx context.Context, o options, c *corpus) (string, error) {
	before := load()
	var rows [][]string
	for _, d := range duels() {
		row, err := d.row(ctx, o, c)
		if err != nil {
			return "", fmt.Errorf("%s, %s: %w", d.story, d.input.story, err)
		}
		rows = append(rows, row)
		fmt.Fprintln(o.out, strings.Join(row, " | "))
	}
	return fmt.Sprintf("Whole processes with one worker, in turns; `validate` is the command; ingest is what an export does with a file: built-in views, staged Parquet, hashes of resources. "+
		"Medians of %d pairs (least – greatest); the ratio is that of each pair.\n\n", o.pairs) +
		table([]string{"second / first", "lines", "MB", "first CPU s", "second CPU s", "CPU ratio", "target"}, rows) +
		fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), nil
}

func (d duel) row(ctx context.Context, o options, c *corpus) ([]string, error) {
	path, err := d.input.path(c, o.scale)
	if err != nil {
		return nil, err
	}
	sides := [][]string{append(d.first, path), append(d.second, path)}
	cpu := make([][]float64, 2)
	for round := range o.pairs + 1 { // the first warms up
		for n := range sides {
			i := (n + round) % 2
			s, err := spend(ctx, 1, sides[i]...)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				cpu[i] = append(cpu[i], s.cpu.Seconds())
			}
		}
	}
	var ratio []float64
	for n := range cpu[0] {
		ratio = append(ratio, cpu[1][n]/cpu[0][n])
	}
	size, err := sizes(path)
	return []string{
		d.story, d.input.story, fmt.Sprintf("%.0f", size[0]), spread(cpu[0], "%.2f"), spread(cpu[1], "%.2f"),
		strong(spread(ratio, "%.2f")), verdict(median(ratio), d.target, 0),
	}, err
}

// ingestFile is a child: it ingests the file args[1], whose name begins with
// its type, by the guide of version args[0] or, when that is empty, by none.
func ingestFile(ctx context.Context, out io.Writer, args []string) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(args[1]), "ingest-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o := ingest.Options{Export: "bench", Workers: 1}
	if o.Views, err = views.Load(); err != nil {
		return err
	}
	if args[0] != "" {
		if o.Guide, err = uscore.Load(uscore.Version(args[0])); err != nil {
			return err
		}
	}
	files, err := blob.OpenLocal(dir)
	if err != nil {
		return err
	}
	defer files.Close()
	if o.Scope, err = files.Tenant(healthy); err != nil {
		return err
	}
	kind, _, _ := strings.Cut(filepath.Base(args[1]), ".")
	name, err := blob.FileName(0, string(ingest.Output), 0, kind)
	if err != nil {
		return err
	}
	s, err := ingest.Run(ctx, o, ingest.Source{
		File: name, Section: ingest.Output, Type: kind,
		Open: func(context.Context) (io.ReadCloser, error) { return os.Open(args[1]) },
	})
	judged := len(s.Types) == 1 && s.Types[0].Verdicts != (judge.Verdicts{})
	if err == nil && (s.Quarantined > 0 || judged != (args[0] != "")) {
		err = fmt.Errorf("%d lines are refused; resources are judged: %v", s.Quarantined, judged)
	}
	fmt.Fprintln(out, s.Delivered) //nolint:errcheck // a closed output ends the parent
	return err
}

// validFile is a child: every line of the file args[0] through json.Valid.
func validFile(_ context.Context, out io.Writer, args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	n := 0
	for ; lines.Scan(); n++ {
		if !json.Valid(lines.Bytes()) {
			return errors.New("line " + strconv.Itoa(n+1) + " is not valid")
		}
	}
	fmt.Fprintln(out, n) //nolint:errcheck // a closed output ends the parent
	return lines.Err()
}
