// Bench measures what is claimed of Bulkhead: that a practice's export is as
// fast beside sick practices as alone, and what ingesting a line costs. Both
// sides of a comparison are measured in one run, in turns, and the figures
// are written to RESULTS.md with the machine and its load.
//
// It never asserts a figure: a busy machine is not a broken Bulkhead. It uses
// no network but loopback, and invented people only.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
)

// options are what the command line says.
type options struct {
	parts    string
	patients int
	rounds   int
	pairs    int
	scale    float64
	results  string
	load     loads
	out      io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // main begins it
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == childWord {
		status := runChild(ctx, os.Args[2:])
		stop()
		os.Exit(status) //nolint:forbidigo,gocritic // this is main
	}
	o := options{out: os.Stdout}
	flag.StringVar(&o.parts, "parts", "flatten,parse,validate,isolation,ingest", "what to measure, with commas between; load is "+strings.Join(loadParts, ","))
	o.load.flags()
	flag.IntVar(&o.patients, "patients", 600, "how many patients the healthy practice has")
	flag.IntVar(&o.rounds, "rounds", 4, "how often each side is measured")
	flag.IntVar(&o.pairs, "pairs", 5, "how many pairs of processes are compared")
	flag.Float64Var(&o.scale, "size", 1, "how large files of lines are; 1 is 250 MB of Observations and 80 MB of others")
	flag.StringVar(&o.results, "results", "bench/RESULTS.md", "the file that takes the figures; empty for none")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:forbidigo,gocritic // this is main
	}
}

// A part measures one thing and tells it as a section of RESULTS.md.
type part func(ctx context.Context, o options, c *corpus) (string, error)

var parts = map[string]part{
	"flatten": flattening, "large": largeFile, "parse": parsing, "validate": validation, "isolation": isolation, "ingest": ingestion,
	"load-small": loadSmall, "load-large": loadLarge, "load-many": loadMany, "load-day": loadDay, "load-idle": loadIdle,
}

// run measures the parts asked for, in their order, and writes each into
// RESULTS.md as soon as it is measured. The other sections stay as they are.
func run(ctx context.Context, o options) error {
	names := strings.Split(strings.ReplaceAll(","+o.parts+",", ",load,", ","+strings.Join(loadParts, ",")+","), ",")
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	for _, name := range names {
		if parts[name] == nil {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	dir, err := os.MkdirTemp(o.load.folder, "bulkhead-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := &corpus{dir: dir}
	if !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(loadParts, name) }) {
		return measureAll(ctx, o, c, names)
	}
	fmt.Fprintf(o.out, "making %d patients\n", o.patients)
	if c, err = newCorpus(dir, o.patients); err != nil {
		return fmt.Errorf("make the records: %w", err)
	}
	fmt.Fprintf(o.out, "%d resources of %d types, %.1f MB\n", c.lines, len(corpusTypes), mega(c.bytes))
	return measureAll(ctx, o, c, names)
}

// measureAll measures the named parts.
func measureAll(ctx context.Context, o options, c *corpus, names []string) error {
	for _, name := range slices.Compact(names) {
		text, err := parts[name](ctx, o, c)
		if err != nil {
			return fmt.Errorf("measure %s: %w", name, err)
		}
		fmt.Fprintf(o.out, "\n%s\n", text)
		if o.results == "" {
			continue
		}
		if err := writeResults(ctx, o.results, map[string]string{name: text}); err != nil {
			return err
		}
	}
	return nil
}
