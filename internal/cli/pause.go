package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// pauseOf are the words that name what a pause is of.
type pauseOf struct {
	Tenant       string `arg:"" optional:"" help:"The practice."`
	Registration string `placeholder:"NAME" help:"Every practice of this registration."`
	All          bool   `help:"Everything."`
}

// of gives what is named; ok is false when nothing is.
func (o pauseOf) of() (p store.Pause, ok bool, err error) {
	named := 0
	if o.Tenant != "" {
		named, p.Scope, p.Object = named+1, store.PauseTenant, o.Tenant
	}
	if o.Registration != "" {
		named, p.Scope, p.Object = named+1, store.PauseRegistration, o.Registration
	}
	if o.All {
		named, p.Scope, p.Object = named+1, store.PauseAll, ""
	}
	if named > 1 {
		return p, false, problem.New(problem.Usage, "a pause is of one practice, of one registration, or of all", "Name one of them.")
	}
	return p, named == 1, nil
}

// sayPause names what a pause is of, for people.
func sayPause(p store.Pause) string {
	switch p.Scope {
	case store.PauseTenant:
		return "practice " + p.Object
	case store.PauseRegistration:
		return "registration " + p.Object
	}
	return "everything"
}

type pauseCommand struct {
	pauseOf
	Reason string `placeholder:"TEXT" help:"Why, for whoever finds it. Nothing of a patient."`
	Until  string `placeholder:"TIME" help:"When it ends by itself: an instant, or a date or 2026-01-31T18:00 on the practice's clock (without one practice, this machine's). Default: when somebody ends it."`
}

// Run pauses what is named, or lists the pauses that are in force.
func (c *pauseCommand) Run(ctx context.Context, g *Globals) error {
	p, named, err := c.of()
	if err != nil {
		return err
	}
	if !named {
		if c.Reason != "" || c.Until != "" {
			return problem.New(problem.Usage, "nothing is named that is to pause", "Name a practice, or give --registration or --all.")
		}
		err := g.looking(ctx, func(_ *config.Config, s *store.Store) error { return g.listPauses(ctx, s) })
		if errors.Is(err, store.ErrNoLedger) {
			g.printf("nothing is paused\n")
			return nil
		}
		return err
	}
	return g.holding(ctx, func(cfg *config.Config, s *store.Store) error {
		p.Reason = c.Reason
		if p.Until, err = untilOf(cfg, p, c.Until); err != nil {
			return err
		}
		if err := schedule.Pausable(cfg, p, time.Now()); err != nil {
			return err
		}
		if p, err = s.Pause(ctx, p); err != nil {
			return err
		}
		if g.JSON {
			return g.emit(shownPause(p))
		}
		g.printf("%s is paused %s: nothing starts, and what runs goes on to the end of the step that it is at\n", sayPause(p), sayUntil(p.Until))
		return nil
	})
}

type unpauseCommand struct {
	pauseOf
	Reason string `placeholder:"TEXT" help:"Why. Nothing of a patient."`
}

// Run ends the pause of what is named.
func (c *unpauseCommand) Run(ctx context.Context, g *Globals) error {
	p, named, err := c.of()
	if err == nil && !named {
		err = problem.New(problem.Usage, "nothing is named whose pause is to end", "Name a practice, or give --registration or --all; bulkhead pause lists the pauses.")
	}
	if err != nil {
		return err
	}
	return g.holding(ctx, func(cfg *config.Config, s *store.Store) error {
		ok, err := s.Unpause(ctx, p.Scope, p.Object, c.Reason)
		if err != nil {
			return err
		}
		if !ok {
			return problem.New(problem.Usage, sayPause(p)+" itself is not paused", "Look at what is with bulkhead pause; the pause of a registration, or of all, is ended as such.")
		}
		left, err := stillPaused(ctx, cfg, s, p)
		if err != nil || g.JSON {
			return err
		}
		g.printf("%s goes on%s\n", sayPause(p), left)
		return nil
	})
}

// stillPaused says what else pauses a practice whose own pause has ended.
func stillPaused(ctx context.Context, cfg *config.Config, s *store.Store, p store.Pause) (string, error) {
	t, err := cfg.Tenant(p.Object)
	if p.Scope != store.PauseTenant || err != nil {
		return "", nil //nolint:nilerr // one that is no longer configured
	}
	pauses, err := s.Pauses(ctx)
	for _, other := range pauses {
		if schedule.Pauses(other, t) {
			return " once " + sayPause(other) + " does, which is paused too", err
		}
	}
	return "", err
}

// holding opens the ledger to write a fact into it, beside a bulkhead that is
// at work or alone.
func (g *Globals) holding(ctx context.Context, f func(cfg *config.Config, s *store.Store) error) (err error) {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	path, open := app.Ledger(cfg), store.Open
	if store.Held(path) {
		open = store.Join
	}
	s, err := open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(cfg, s)
}

// untilOf reads a time that a person gave, on the clock of the practice or of
// this machine where it names no zone.
func untilOf(cfg *config.Config, p store.Pause, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	zone := time.Local
	if t, err := cfg.Tenant(p.Object); err == nil && p.Scope == store.PauseTenant {
		zone = t.Location()
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(form, text, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, problem.New(problem.Usage, fmt.Sprintf("--until %q is no time", text), "Write it as 2026-01-31, 2026-01-31T18:00, or 2026-01-31T18:00:00-05:00.")
}

func sayUntil(t time.Time) string {
	if t.IsZero() {
		return "until somebody ends it"
	}
	return "until " + t.Local().Format("2006-01-02 15:04 MST")
}

// A pauseShown is a pause as --json prints it.
type pauseShown struct {
	Of     string     `json:"of"`
	Object string     `json:"object,omitempty"`
	Reason string     `json:"reason"`
	By     string     `json:"by"`
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until,omitempty"`
}

func shownPause(p store.Pause) pauseShown {
	return pauseShown{Of: p.Scope, Object: p.Object, Reason: p.Reason, By: p.By, Since: p.At, Until: maybe(p.Until)}
}

// heldBack prints what is paused and which servers cannot be reached, if
// anything, below an overview.
func (g *Globals) heldBack(ctx context.Context, s *store.Store) error {
	pauses, err := s.Pauses(ctx)
	if err != nil {
		return err
	}
	circuits, err := s.OpenCircuits(ctx)
	if err != nil {
		return err
	}
	if len(pauses)+len(circuits) > 0 {
		g.printf("\n")
	}
	for _, p := range pauses {
		g.printf("%s is paused by %s since %s, %s: %s\n", sayPause(p), p.By, clock(p.At), sayUntil(p.Until), p.Reason)
	}
	for _, c := range circuits {
		g.printf("%s cannot be reached since %s (%s); it is tried again at %s\n", c.Origin, clock(c.OpenedAt), c.LastError, clock(c.ProbeAt))
	}
	return nil
}

func (g *Globals) listPauses(ctx context.Context, s *store.Store) error {
	pauses, err := s.Pauses(ctx)
	if err != nil {
		return err
	}
	for _, p := range pauses {
		if g.JSON {
			if err := g.emit(shownPause(p)); err != nil {
				return err
			}
			continue
		}
		g.printf("%s is paused by %s since %s, %s: %s\n", sayPause(p), p.By, clock(p.At), sayUntil(p.Until), p.Reason)
	}
	if len(pauses) == 0 && !g.JSON {
		g.printf("nothing is paused\n")
	}
	return nil
}
