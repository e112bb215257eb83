package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

type qualityCommand struct {
	Tenant  string `arg:"" help:"The practice."`
	Export  string `placeholder:"ID" help:"One of its exports (default: the last complete one)."`
	Columns bool   `help:"How well each column of each type's main table is filled."`
	Limit   int    `default:"15" help:"How many findings to list."`
}

// Run prints what the resources of an export are worth. It only reads, so it
// may be used beside a bulkhead that works.
func (c *qualityCommand) Run(ctx context.Context, g *Globals) error {
	err := g.looking(ctx, func(cfg *config.Config, s *store.Store) error {
		if _, err := cfg.Tenant(c.Tenant); err != nil {
			return err
		}
		id, err := c.export(ctx, s)
		if err != nil {
			return err
		}
		set, err := views.Load(cfg.Views...)
		if err != nil {
			return err
		}
		summary, err := (&quality.Keeper{Store: s, Views: set}).Of(ctx, c.Tenant, id)
		if err != nil {
			return err
		}
		if g.JSON {
			return g.emit(summary)
		}
		c.print(g, summary)
		return nil
	})
	if errors.Is(err, store.ErrNoLedger) {
		return c.none()
	}
	return err
}

// export gives the export that is meant.
func (c *qualityCommand) export(ctx context.Context, s *store.Store) (string, error) {
	if c.Export != "" {
		x, err := s.In(c.Tenant).Export(ctx, c.Export)
		return x.ID, err
	}
	list, err := s.In(c.Tenant).Exports(ctx, 1000)
	if err != nil {
		return "", err
	}
	for _, x := range list {
		if x.State == life.Completed && x.Purpose == store.Delivery {
			return x.ID, nil
		}
	}
	return "", c.none()
}

func (c *qualityCommand) none() error {
	return problem.New(problem.Usage, "no export of "+c.Tenant+" is complete yet", "Run bulkhead export "+c.Tenant+".")
}

func (c *qualityCommand) print(g *Globals, s *quality.Summary) {
	g.printf("%s, %s export %s", s.Tenant, s.Mode, s.Export)
	if s.TransactionTime != "" {
		g.printf(" as of %s", s.TransactionTime)
	}
	g.printf("\n%s lines: %s delivered, %s refused, %s blank\n", wording.Count(s.Lines), wording.Count(s.Delivered), wording.Count(s.Quarantined), wording.Count(s.Blank))
	c.types(g, s)
	if c.Columns {
		columns(g, s)
	}
	g.findings(s.Findings, c.Limit)
	links(g, s)
	for _, q := range s.Questions {
		about := q.About
		if about != "" {
			about += ": "
		}
		g.printf("\n! %s%s\n  %s\n", about, q.Says, q.Remedy)
	}
	if len(s.Questions) == 0 {
		g.printf("\nnothing that a person should look at\n")
	}
}

func (c *qualityCommand) types(g *Globals, s *quality.Summary) {
	table := grid{
		header: []string{"type", "delivered", "before", "double", "conform", "warnings", "errors", "no profile"},
		right:  map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true},
	}
	for _, t := range s.Types {
		before := ""
		if t.Before != nil {
			before = wording.Count(*t.Before)
		}
		v := t.Verdicts
		table.add(t.ResourceType, wording.Count(t.Resources), before, wording.Count(t.Double), wording.Count(v.Conform), wording.Count(v.Warnings), wording.Count(v.Errors), wording.Count(v.NoProfile))
	}
	g.printf("\n")
	table.print(g)
	if s.Guide != "" {
		g.printf("judged by %s, resources that were refused for their profile too\n", quality.GuideName(s.Guide))
	}
	if s.Compared != "" {
		g.printf("before: export %s\n", s.Compared)
	}
	if s.Quarantined > 0 {
		g.printf("refused because: %s\n", reasons(s.ByReason))
	}
}

// columns lists the columns that are not filled in every row.
func columns(g *Globals, s *quality.Summary) {
	table := grid{header: []string{"type", "column", "filled", "share", "must support"}, right: map[int]bool{2: true, 3: true}}
	for _, t := range s.Types {
		for _, c := range t.Columns {
			must := ""
			if c.MustSupport {
				must = "yes"
			}
			table.add(t.ResourceType, c.Name, wording.Count(c.Filled), fmt.Sprintf("%.1f %%", 100*c.Share), must)
		}
	}
	g.printf("\n")
	table.print(g)
}

// findings lists up to most kinds of findings.
func (g *Globals) findings(list []judge.Finding, most int) {
	if len(list) == 0 {
		return
	}
	table := grid{header: []string{"", "rule", "element", "resources", "profile"}, right: map[int]bool{3: true}}
	for _, f := range list[:min(len(list), most)] {
		table.add(f.Severity, f.Rule, f.Path, wording.Count(f.Lines), short(f))
	}
	g.printf("\n")
	table.print(g)
	if more := len(list) - most; more > 0 {
		g.printf("and %d more kinds: --limit\n", more)
	}
}

// short is the last part of a profile's URL.
func short(f judge.Finding) string { return f.Profile[strings.LastIndexByte(f.Profile, '/')+1:] }

// links lists the references that lead to nothing.
func links(g *Globals, s *quality.Summary) {
	table := grid{header: []string{"references from", "to", "links", "lead to nothing"}, right: map[int]bool{2: true, 3: true}}
	for _, l := range s.Links {
		if l.Missing > 0 {
			table.add(l.From, l.To, wording.Count(l.Links), wording.Count(l.Missing))
		}
	}
	if len(table.rows) > 0 {
		g.printf("\n")
		table.print(g)
	}
}
