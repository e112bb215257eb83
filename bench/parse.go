package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/bulkhead-fhir/bulkhead/tape"
)

// parsed are the files whose lines are only parsed, with their views, and the
// first so many MB of them.
var parsed = []contest{
	{input: plainObservations, view: "observation22"},
	{input: plainEncounters, view: "encounter21"},
}

const mostParsed = 48 << 20

// A parser takes one line.
type parser struct {
	name string
	take func(line []byte) error
}

// parsers are the ways to parse a line; the first two are the baselines of the
// ratios.
func parsers(view *sqlonfhir.View) ([]parser, error) {
	program, err := sqlonfhir.Compile(view)
	if err != nil {
		return nil, err
	}
	runner := program.NewRunner()
	rows := 0
	emit := func([]sqlonfhir.Value) error { rows++; return nil }
	var alone tape.Tape
	fields := decodeEncounter
	if view.Resource == "Observation" {
		fields = decodeObservation
	}
	decoder := jsontext.NewDecoder(new(bytes.Buffer))
	return []parser{
		{"encoding/json.Valid", func(line []byte) error {
			if !json.Valid(line) {
				return errors.New("not valid")
			}
			return nil
		}},
		{"encoding/json into a struct of the columns", fields},
		{"encoding/json into any", func(line []byte) error {
			var v any
			return json.Unmarshal(line, &v)
		}},
		{"jsontext, every token (strict UTF-8, no duplicate names)", func(line []byte) error { return tokens(decoder, line) }},
		{"tape.Parse, nothing wanted", func(line []byte) error { return alone.Parse(line, nil) }},
		{"tape.Parse of what the view wants", runner.Load},
		{extraction, func(line []byte) error {
			if err := runner.Load(line); err != nil {
				return err
			}
			return runner.Rows(0, emit)
		}},
	}, nil
}

// extraction is the way that has the target.
const extraction = "validate and extract: tape.Parse and the view's row"

// tokens reads a whole text token by token.
func tokens(d *jsontext.Decoder, line []byte) error {
	d.Reset(bytes.NewReader(line))
	for {
		_, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// parseWays is a child: for the view args[0] and the lines of the file
// args[1] it says, for each of args[2] rounds and each parser in turns, the
// CPU nanoseconds taken.
func parseWays(ctx context.Context, out io.Writer, args []string) error {
	text, err := viewFiles.ReadFile("views/" + args[0] + ".json")
	if err != nil {
		return err
	}
	view, err := sqlonfhir.Parse(text)
	if err != nil {
		return err
	}
	list, err := parsers(view)
	if err != nil {
		return err
	}
	rounds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	text, err = head(args[1], mostParsed)
	if err != nil {
		return err
	}
	for round := range rounds + 1 { // the first warms up
		for n := range list {
			i := (n + round) % len(list)
			took, err := measure(func() error { return parseAll(ctx, list[i], text) })
			if err != nil {
				return fmt.Errorf("%s: %w", list[i].name, err)
			}
			if round > 0 {
				fmt.Fprintln(out, i, took.cpu.Nanoseconds(), len(text)) //nolint:errcheck // a closed output ends the parent
			}
		}
	}
	return nil
}

func parseAll(ctx context.Context, p parser, text []byte) error {
	for line := range bytes.Lines(text) {
		if err := p.take(line[:len(line)-1]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// head gives whole lines of the beginning of a file.
func head(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most))
	return text[:bytes.LastIndexByte(text, '\n')+1], err
}

// parsing measures the parsers on one processor.
func parsing(ctx context.Context, o options, c *corpus) (string, error) {
	before := load()
	var b strings.Builder
	for _, p := range parsed {
		path, err := p.input.path(c, o.scale)
		if err != nil {
			return "", err
		}
		s, err := spend(ctx, 1, "parse", p.view, path, strconv.Itoa(o.rounds))
		if err != nil {
			return "", err
		}
		section, err := tellParsing(p, s.said)
		if err != nil {
			return "", err
		}
		b.WriteString(section)
	}
	return fmt.Sprintf("Lines in memory, one line at a time, on one processor (the garbage collector's share is counted). The view has 21 columns. "+
		"Medians of %d rounds in turns (least – greatest); ratios of CPU are of one round each.\n", o.rounds) + b.String() +
		fmt.Sprintf("\nLoad average %s before, %s after.\n", before, load()), nil
}

// tellParsing writes the table of one file from what the child said.
func tellParsing(p contest, said string) (string, error) {
	text, err := viewFiles.ReadFile("views/" + p.view + ".json")
	if err != nil {
		return "", err
	}
	view, err := sqlonfhir.Parse(text)
	if err != nil {
		return "", err
	}
	list, err := parsers(view)
	if err != nil {
		return "", err
	}
	cpu, size := make([][]float64, len(list)), 0
	for line := range strings.Lines(said) {
		var i, ns int
		if _, err := fmt.Sscan(line, &i, &ns, &size); err != nil {
			return "", err
		}
		cpu[i] = append(cpu[i], float64(ns)/1e9)
	}
	var rows [][]string
	for i, w := range list {
		var speed, valid, fields []float64
		for n, s := range cpu[i] {
			speed = append(speed, float64(size)/1e9/s)
			valid, fields = append(valid, s/cpu[0][n]), append(fields, s/cpu[1][n])
		}
		said := ""
		if w.name == extraction && p.input.kind == "Observation" {
			said = "at least 1 GB/s: " + atLeast(median(speed), 1)
		}
		rows = append(rows, []string{w.name, spread(speed, "%.2f"), spread(valid, "%.2f"), spread(fields, "%.2f"), said})
	}
	return fmt.Sprintf("\n%s, %.1f MB:\n\n", p.input.story, mega(int64(size))) +
		table([]string{"way", "GB per CPU s", "CPU ratio to json.Valid", "CPU ratio to the struct", "target"}, rows), nil
}

func atLeast(value, target float64) string {
	if value >= target {
		return "met"
	}
	return "**missed**"
}
