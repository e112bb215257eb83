package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// asksEvery is how often a bulkhead at work looks whether somebody waits for it to
// take the files up.
const asksEvery = 500 * time.Millisecond

// takeUp takes the files up whenever somebody asks for it, by SIGHUP or by
// bulkhead config apply, until ctx ends. What cannot be taken up is told, and
// what was in force stays in force.
func (g *Globals) takeUp(ctx context.Context, a *app.App, hup <-chan os.Signal) {
	log := g.logger()
	pace := time.NewTicker(asksEvery)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			if err := g.reload(ctx, a, "", "signal"); err != nil {
				a.Refused(err)
				g.tell(log, err)
			}
		case <-pace.C:
			if err := g.answerReload(ctx, a); err != nil && ctx.Err() == nil {
				log.Error("look for requests to reload", "error", err)
			}
		}
	}
}

// hangups gives the requests to reload that come as SIGHUP. Until stop is called
// none of them ends the process.
func hangups() (_ <-chan os.Signal, stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	return hup, func() { signal.Stop(hup) }
}

// reload reads the files and takes them up. With a digest they must be those
// that have it.
func (g *Globals) reload(ctx context.Context, a *app.App, digest, by string) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	if digest != "" && config.Digest(cfg.Parts()) != digest {
		return problem.New(problem.ConfigInvalid, "the files have changed since they were shown", "Run bulkhead config apply again.")
	}
	d, err := a.Reload(ctx, cfg, by)
	if err != nil {
		return err
	}
	g.logger().Info("took up the configuration", "by", by, "added", d.Count(config.Added), "back", d.Count(config.Thawed),
		"frozen", d.Count(config.Removed), "changed", d.Count(config.Changed))
	return nil
}

// answerReload does what somebody asked for through the ledger.
func (g *Globals) answerReload(ctx context.Context, a *app.App) error {
	r, ok, err := a.Store.OpenReload(ctx)
	if err != nil || !ok {
		return err
	}
	refusal := ""
	if err := g.reload(audit.As(ctx, audit.Identity{Actor: r.By, Source: "local"}), a, r.Digest, r.By); err != nil {
		g.tell(g.logger(), err)
		refusal = problem.Of(err).Summary
	}
	return a.Store.AnswerReload(ctx, r.ID, refusal)
}

func (*Globals) tell(log *slog.Logger, err error) {
	if err == nil {
		return
	}
	p := problem.Of(err)
	log.Error("the configuration was not taken up: what was in force is in force still", "problem", p.Summary, "cause", fmt.Sprint(p.Err), "next", p.Remedy)
}
