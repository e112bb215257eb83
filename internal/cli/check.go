package cli

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
)

type checkCommand struct {
	Tenant string `arg:"" help:"The practice whose server is tried."`
}

// Run prints a verdict and a next step for each thing that an export needs.
func (c *checkCommand) Run(ctx context.Context, g *Globals) error {
	cfg, t, err := g.tenant(c.Tenant)
	if err != nil {
		return err
	}
	connections, err := export.NewConnections(cfg, nil)
	if err != nil {
		return err
	}
	findings := connections.Probe(ctx, t)
	table := grid{header: []string{"what", "verdict", "detail"}}
	for _, f := range findings {
		if g.JSON {
			if err := g.emit(f); err != nil {
				return err
			}
			continue
		}
		table.add(f.Subject, string(f.Verdict), f.Detail)
		if f.Next != "" {
			table.add("", "", "→ "+f.Next)
		}
	}
	if !g.JSON {
		table.print(g)
	}
	return export.Problem(findings)
}
