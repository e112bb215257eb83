package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/validate"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

type validateCommand struct {
	Files   []string `arg:"" help:"NDJSON files, plain, .gz or .zst; - is standard input."`
	USCore  string   `name:"us-core" enum:"3.1.1,6.1.0,7.0.0,8.0.0,r4,none" default:"6.1.0" help:"The version of US Core: 3.1.1, 6.1.0, 7.0.0, 8.0.0; r4 for base FHIR R4 only, none for lines only."`
	Lines   bool     `help:"Print each broken rule of each resource, as one JSON object a line, instead of the summary."`
	Most    int      `default:"20" placeholder:"N" help:"How many refused lines to name on standard error."`
	Workers int      `placeholder:"N" help:"How many goroutines read lines (default: one for each processor)."`
}

// Run checks the files and prints what they are worth. It exits with the status
// of not_valid when a line is no resource or a resource breaks a rule.
func (c *validateCommand) Run(ctx context.Context, g *Globals) error {
	defer collectLess(c.Workers)()
	o := validate.Options{Workers: c.Workers, Refused: c.refusals(g)}
	if c.USCore != config.NoGuide {
		var err error
		if o.Guide, err = uscore.Load(uscore.Version(c.USCore)); err != nil {
			return err
		}
	}
	if c.Lines {
		o.Broken = func(b validate.Broken) error { return g.emit(b) }
	}
	v := validate.New(o)
	for _, name := range c.Files {
		err := reading(name, g.streams.In, func(shown string, src io.Reader) error { return damagedInput(v.Read(ctx, shown, src)) })
		if err != nil {
			return err
		}
	}
	r := v.Report()
	switch {
	case c.Lines:
	case g.JSON:
		if err := g.emit(r); err != nil {
			return err
		}
	default:
		c.print(g, &r)
	}
	if r.Refused == 0 && r.Verdicts.Errors == 0 {
		return nil
	}
	return problem.New(problem.NotValid, fmt.Sprintf("%s are refused, and %s of %s break a rule",
		some(r.Refused, "line"), wording.Count(r.Verdicts.Errors), some(r.Resources, "resource")),
		"See the reasons above; docs/refusals.md and docs/us-core.md explain them. --lines names every resource.")
}

// refusals names refused lines on standard error, so many at most.
func (c *validateCommand) refusals(g *Globals) func(quarantine.Refusal) error {
	told := 0
	return func(r quarantine.Refusal) error {
		told++
		var err error
		switch {
		case told <= c.Most:
			_, err = fmt.Fprintf(g.streams.Err, "refused: %s\n", r)
		case told == c.Most+1:
			_, err = fmt.Fprintln(g.streams.Err, "refused: more such lines are only counted (--most)")
		}
		return err
	}
}

func (c *validateCommand) print(g *Globals, r *validate.Report) {
	g.printf("%s, %s: %s, %s refused, %s blank\n", some(int64(r.Files), "file"), some(r.Lines, "line"),
		some(r.Resources, "resource"), wording.Count(r.Refused), wording.Count(r.Blank))
	if r.Refused > 0 {
		g.printf("refused because: %s\n", reasons(r.ByReason))
	}
	table := grid{
		header: []string{"type", "resources", "conform", "warnings", "errors", "no profile"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true},
	}
	for _, t := range r.Types {
		v := t.Verdicts
		table.add(t.ResourceType, wording.Count(t.Resources), wording.Count(v.Conform), wording.Count(v.Warnings), wording.Count(v.Errors), wording.Count(v.NoProfile))
	}
	if len(table.rows) > 0 {
		g.printf("\n")
		table.print(g)
	}
	if r.Guide != "" {
		g.printf("judged by %s\n", quality.GuideName(r.Guide))
	}
	g.findings(r.Findings, len(r.Findings))
}
