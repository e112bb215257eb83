package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type exportCommand struct {
	Tenants []string `arg:"" optional:"" help:"The practices; several are exported side by side."`
	All     bool     `help:"Export every configured practice."`
	Resume  bool     `help:"Take up the latest export where it failed instead of starting a new one."`
	wishFlags

	begun map[string]string // the exports that this command began, by tenant
}

// A running export, as the command follows it.
type ref struct{ Tenant, Export string }

// Run requests the exports and watches them until all have ended. Beside a
// bulkhead that is at work it leaves the work to that one.
func (c *exportCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	tenants, err := c.tenants(cfg)
	if err != nil {
		return err
	}
	c.begun = map[string]string{}
	if err := c.check(); err != nil {
		return err
	}
	return g.asking(ctx, cfg, func(a *app.App) error {
		refs, err := c.begin(ctx, a, tenants)
		if err != nil && len(refs) == 0 {
			return err
		}
		_, watched := g.watch(ctx, a, refs)
		return errors.Join(err, watched)
	})
}

func (c *exportCommand) tenants(cfg *config.Config) ([]string, error) {
	if c.All && len(c.Tenants) > 0 {
		return nil, problem.New(problem.Usage, "--all stands beside names of practices", "Give one or the other.")
	}
	if c.All {
		var all []string
		for _, t := range cfg.Tenants {
			all = append(all, t.ID)
		}
		return all, nil
	}
	if len(c.Tenants) == 0 {
		return nil, problem.New(problem.Usage, "no practice is named", "Name one or more tenants, or give --all.")
	}
	for _, id := range c.Tenants {
		if _, err := cfg.Tenant(id); err != nil {
			return nil, err
		}
	}
	slices.Sort(c.Tenants)
	return slices.Compact(c.Tenants), nil
}

func (c *exportCommand) begin(ctx context.Context, a *app.App, tenants []string) (refs []ref, err error) {
	for _, tenant := range tenants {
		id, ok := c.begun[tenant]
		if !ok {
			var failed error
			if id, failed = c.beginOne(ctx, a, tenant); failed != nil {
				err = errors.Join(err, failed)
				continue
			}
			c.begun[tenant] = id
		}
		refs = append(refs, ref{tenant, id})
	}
	return refs, err
}

// beginOne requests an export, or takes up the latest one: one that has not
// ended goes on by itself, so a command that was interrupted is just repeated.
func (c *exportCommand) beginOne(ctx context.Context, a *app.App, tenant string) (string, error) {
	latest, ok, err := a.Store.In(tenant).Latest(ctx)
	if err != nil {
		return "", err
	}
	resumable := ok && (latest.State == life.Failed || latest.State == life.Unknown)
	running := ok && !latest.State.Settled()
	switch {
	case running && latest.Purpose == store.Replay:
		return "", problem.New(problem.Usage, "replay "+latest.ID+" has not ended", "Let it end with bulkhead quarantine replay "+tenant+" --export "+latest.Origin+"; then ask again.").For(tenant)
	case running && c.any():
		return "", problem.New(problem.Usage, fmt.Sprintf("export %s has not ended, and it asks for something else", latest.ID),
			"Let it end first with bulkhead export "+tenant+", or stop it with bulkhead cancel "+tenant+"; then ask again.").For(tenant)
	case running:
		return latest.ID, nil
	case c.Resume && resumable:
		return latest.ID, a.Engine.Resume(ctx, tenant, latest.ID)
	case ok && latest.State == life.Unknown:
		return "", problemOf(latest) // asking once more is for a person to decide
	case c.Resume:
		return "", problem.New(problem.Usage, "no export waits to be resumed", "Start a new one with bulkhead export "+tenant+".").For(tenant)
	}
	return a.Engine.Request(ctx, tenant, c.wish())
}

// problemOf gives the problem with which an export ended, nil when it completed.
func problemOf(x store.Export) error {
	if x.State == life.Completed {
		return nil
	}
	if x.State == life.Cancelled {
		return problem.New(problem.Cancelled, "export "+x.ID+" was cancelled", "Start a new one with bulkhead export "+x.Tenant+".").For(x.Tenant)
	}
	p := problem.New(problem.Code(x.ProblemCode), x.ProblemSummary, x.ProblemRemedy).For(x.Tenant)
	if x.LastError != "" && x.LastError != x.ProblemSummary {
		p.Err = errors.New(x.LastError)
	}
	return p
}

type cancelCommand struct {
	Tenant string `arg:"" help:"The practice."`
}

// Run cancels the practice's latest export.
func (c *cancelCommand) Run(ctx context.Context, g *Globals) error {
	cfg, _, err := g.tenant(c.Tenant)
	if err != nil {
		return err
	}
	return g.asking(ctx, cfg, func(a *app.App) error {
		x, ok, err := a.Store.In(c.Tenant).Latest(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return problem.New(problem.Usage, "there is no export to cancel", "Look with bulkhead status.").For(c.Tenant)
		}
		if err := a.Engine.Cancel(ctx, c.Tenant, x.ID, "command"); err != nil {
			return err
		}
		g.printf("export %s of %s is cancelled; what it brought stays in raw\n", x.ID, c.Tenant)
		return nil
	})
}
