package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

type quarantineReplayCommand struct {
	Tenant string `arg:"" help:"The practice."`
	Export string `placeholder:"ID" xor:"which" required:"" help:"Take the refused lines of this export again."`
	All    bool   `xor:"which" required:"" help:"Take those of every export again, the oldest first."`
	Reason string `placeholder:"REASON" help:"Only lines refused for it, or for its family, such as view_error."`
	DryRun bool   `help:"Say how many lines would pass now, and change nothing."`

	begun map[string]string // the replays that this command began, by origin
}

// Run takes refused lines again: what passes is delivered, what is refused
// again stays in quarantine with its new reason. A replay that was interrupted
// goes on; beside a bulkhead that is at work it leaves the work to that one.
func (c *quarantineReplayCommand) Run(ctx context.Context, g *Globals) error {
	cfg, t, err := g.tenant(c.Tenant)
	if err != nil {
		return err
	}
	if c.DryRun {
		return g.looking(ctx, func(_ *config.Config, s *store.Store) error { return c.rehearse(ctx, g, cfg, t, s) })
	}
	c.begun = map[string]string{}
	return g.asking(ctx, cfg, func(a *app.App) error {
		if a.Joined {
			if _, err := fmt.Fprintln(g.streams.Err, "it judges by the configuration and the views with which it was started: restart it first if they have changed since"); err != nil {
				return err
			}
		}
		if err := c.finishLatest(ctx, g, a); err != nil {
			return err
		}
		origins, err := c.origins(ctx, cfg, t, a.Store)
		if err != nil {
			return err
		}
		c.sayNothing(g, origins)
		for _, origin := range origins {
			if err := c.one(ctx, g, a, origin); err != nil {
				return err
			}
		}
		return nil
	})
}

// finishLatest lets a replay that has not ended come to its end first. One that
// has failed is left as it is: the lines of its export are taken again anew,
// by what the rules are now, and those of others need not wait for it.
func (c *quarantineReplayCommand) finishLatest(ctx context.Context, g *Globals, a *app.App) error {
	x, ok, err := a.Store.In(c.Tenant).Latest(ctx)
	if err != nil || !ok || x.Purpose != store.Replay || x.State.Over() {
		return err
	}
	c.begun[x.Origin] = x.ID
	return c.watch(ctx, g, a, x.ID)
}

// origins gives the exports that are meant: with --all those that have lines
// to be taken again.
func (c *quarantineReplayCommand) origins(ctx context.Context, cfg *config.Config, t *config.Tenant, s *store.Store) ([]string, error) {
	if c.Export != "" {
		return []string{c.Export}, nil
	}
	refused, err := s.In(t.ID).Refused(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range refused {
		if slices.Contains(ids, r.Export.ID) || r.Export.State != life.Completed {
			continue
		}
		_, _, err := export.Order{Config: cfg, Tenant: t}.Replay(ctx, s.In(t.ID), c.retake(r.Export.ID))
		if p, ok := errors.AsType[*problem.Problem](err); ok && p.Code == problem.Usage {
			continue // nothing of it can be taken again
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, r.Export.ID)
	}
	return ids, nil
}

// sayNothing says that there is nothing to do, if so.
func (c *quarantineReplayCommand) sayNothing(g *Globals, origins []string) bool {
	nothing := len(origins)+len(c.begun) == 0
	if nothing && !g.JSON {
		g.printf("nothing of %s can be taken again; see what is refused, and why, with bulkhead quarantine list %[1]s\n", c.Tenant)
	}
	return nothing
}

func (c *quarantineReplayCommand) retake(origin string) export.Retake {
	return export.Retake{Origin: origin, Reason: c.Reason, By: "command"}
}

// one replays one export, unless this command has done so.
func (c *quarantineReplayCommand) one(ctx context.Context, g *Globals, a *app.App, origin string) error {
	if _, done := c.begun[origin]; done {
		return nil
	}
	id, err := a.Engine.Replay(ctx, c.Tenant, c.retake(origin))
	if err != nil {
		return err
	}
	c.begun[origin] = id
	return c.watch(ctx, g, a, id)
}

func (c *quarantineReplayCommand) watch(ctx context.Context, g *Globals, a *app.App, id string) error {
	if _, err := g.watch(ctx, a, []ref{{c.Tenant, id}}); err != nil {
		return err
	}
	return c.told(ctx, g, a, id)
}

// A replayed is what came of a replay.
type replayed struct {
	Tenant    string           `json:"tenant"`
	Replay    string           `json:"replay"`
	Export    string           `json:"export"`
	Lines     int64            `json:"lines"`
	Delivered int64            `json:"delivered"`
	Again     int64            `json:"refused_again"`
	Remaining map[string]int64 `json:"in_quarantine"` // of the files that were replayed
}

// told says what came of a replay.
func (c *quarantineReplayCommand) told(ctx context.Context, g *Globals, a *app.App, id string) error {
	x, err := a.Store.In(c.Tenant).Export(ctx, id)
	if err != nil {
		return err
	}
	files, err := a.Store.In(c.Tenant).Files(ctx, id)
	if err != nil {
		return err
	}
	r := replayed{Tenant: c.Tenant, Replay: id, Export: x.Origin, Remaining: map[string]int64{}}
	for _, f := range files {
		r.Lines, r.Delivered, r.Again = r.Lines+f.Lines, r.Delivered+f.Delivered, r.Again+f.Quarantined
		var remaining map[string]int64
		if err := json.Unmarshal(f.Remaining, &remaining); err != nil {
			return fmt.Errorf("read what remains of %s: %w", f.Name, err)
		}
		for reason, n := range remaining {
			r.Remaining[reason] += n
		}
	}
	if g.JSON {
		return g.emit(r)
	}
	g.printf("export %s: %s taken again, %s delivered, %s refused again\n", r.Export, some(r.Lines, "refused line"), wording.Count(r.Delivered), wording.Count(r.Again))
	if len(r.Remaining) > 0 {
		g.printf("in quarantine still: %s; see bulkhead quarantine list %s\n", reasons(r.Remaining), c.Tenant)
	}
	return nil
}

// rehearse says what replays would come to.
func (c *quarantineReplayCommand) rehearse(ctx context.Context, g *Globals, cfg *config.Config, t *config.Tenant, s *store.Store) (err error) {
	origins, err := c.origins(ctx, cfg, t, s)
	if err != nil {
		return err
	}
	if c.sayNothing(g, origins) {
		return nil
	}
	stage, err := app.OpenStage(cfg, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	for _, origin := range origins {
		r, err := stage.Rehearse(ctx, t, c.retake(origin))
		if err != nil {
			return err
		}
		if g.JSON {
			if err := g.emit(r); err != nil {
				return err
			}
			continue
		}
		g.printf("export %s: of %s %s would pass now, %s would be refused again", r.Origin, some(r.Lines, "refused line"), wording.Count(r.Pass), wording.Count(r.Again))
		if len(r.Reasons) > 0 {
			g.printf(": %s", reasons(r.Reasons))
		}
		g.printf("\n")
	}
	if !g.JSON {
		g.printf("nothing was changed; the same without --dry-run delivers what passes\n")
	}
	return nil
}
