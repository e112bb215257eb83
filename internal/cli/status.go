package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/exportlog"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type statusCommand struct {
	Tenant string `arg:"" optional:"" help:"One practice, with its latest exports."`
	Export string `placeholder:"ID" help:"One export, with its timeline and its files."`
	Events bool   `help:"With --export, its event log as other bulk data clients write it: one JSON object a line."`
	Limit  int    `default:"10" help:"How many exports of the practice to list."`
	Watch  bool   `help:"Go on looking, once a second, until it is interrupted."`
	Plain  bool   `help:"With --watch, write a line for each change, also on a terminal."`
}

// A standing is one line of the overview.
type standing struct {
	Tenant       string     `json:"tenant"`
	Name         string     `json:"name"`
	Frozen       bool       `json:"frozen,omitempty"`
	Export       string     `json:"export,omitempty"`
	State        life.State `json:"state,omitempty"`
	Mode         string     `json:"mode,omitempty"`
	RequestedAt  *time.Time `json:"requested_at,omitempty"`
	EndedAt      *time.Time `json:"ended_at,omitempty"`
	WaitingUntil *time.Time `json:"waiting_until,omitempty"`
	NextPollAt   *time.Time `json:"next_poll_at,omitempty"`
	Progress     string     `json:"progress,omitempty"`
	Retries      int64      `json:"retries"`
	Problem      string     `json:"problem,omitempty"`
	Code         string     `json:"code,omitempty"`
	Next         string     `json:"next,omitempty"`
}

func standingOf(t store.Tenant, x store.Export) standing {
	return standing{
		Tenant: t.ID, Name: t.Name, Frozen: t.Frozen, Export: x.ID, State: x.State, Mode: kindOf(x),
		RequestedAt: maybe(x.RequestedAt), EndedAt: maybe(x.EndedAt), WaitingUntil: maybe(x.WaitingUntil), NextPollAt: maybe(x.NextPollAt),
		Progress: x.Progress, Retries: x.RetryCount, Problem: x.ProblemSummary, Code: x.ProblemCode, Next: x.ProblemRemedy,
	}
}

func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Run prints the overview, a practice, or an export. It only reads, so it may
// be used beside a bulkhead that works.
func (c *statusCommand) Run(ctx context.Context, g *Globals) error {
	if c.Export != "" && c.Tenant == "" {
		return problem.New(problem.Usage, "--export needs the practice's name", "Give it: bulkhead status TENANT --export ID.")
	}
	if c.Events && c.Export == "" {
		return problem.New(problem.Usage, "--events needs an export", "Give it: bulkhead status TENANT --export ID --events.")
	}
	if c.Watch {
		if c.Export != "" {
			return problem.New(problem.Usage, "--watch is for all practices, or for one", "Give bulkhead status --watch, or bulkhead status TENANT --watch.")
		}
		return g.watchStatus(ctx, c.Tenant, c.Plain)
	}
	err := g.looking(ctx, func(cfg *config.Config, s *store.Store) error {
		tenants, err := s.Tenants(ctx)
		if err != nil {
			return err
		}
		if c.Tenant == "" {
			return g.overview(ctx, s, tenants)
		}
		for _, t := range tenants {
			if t.ID == c.Tenant {
				return c.tenant(ctx, g, s, t)
			}
		}
		t, err := cfg.Tenant(c.Tenant)
		switch {
		case err != nil:
			return err
		case g.JSON:
			return g.emit(standing{Tenant: t.ID, Name: t.Name})
		}
		g.printf("%s has had no export yet\n", t.ID)
		return nil
	})
	if errors.Is(err, store.ErrNoLedger) {
		return g.beforeTheFirst()
	}
	return err
}

// beforeTheFirst lists the configured practices while there is no ledger.
func (g *Globals) beforeTheFirst() error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	table := grid{header: []string{"tenant", "name", "state"}}
	for _, t := range cfg.Tenants {
		if g.JSON {
			if err := g.emit(standing{Tenant: t.ID, Name: t.Name}); err != nil {
				return err
			}
			continue
		}
		table.add(t.ID, t.Name, "never exported")
	}
	if !g.JSON {
		table.print(g)
	}
	return nil
}

func (g *Globals) overview(ctx context.Context, s *store.Store, tenants []store.Tenant) error {
	table := grid{header: []string{"tenant", "name", "state", "since", "mode", "retries", "holds", "problem"}, right: map[int]bool{5: true}}
	for _, t := range tenants {
		x, _, err := s.In(t.ID).Latest(ctx)
		if err != nil {
			return err
		}
		if g.JSON {
			if err := g.emit(standingOf(t, x)); err != nil {
				return err
			}
			continue
		}
		held, err := holds(ctx, s, t)
		if err != nil {
			return err
		}
		table.add(t.ID, t.Name, stateOf(t, x), clock(x.StateAt), kindOf(x), fmt.Sprint(x.RetryCount), held, x.ProblemSummary)
	}
	if !g.JSON {
		table.print(g)
		if err := g.heldBack(ctx, s); err != nil {
			return err
		}
		return g.alertsBelow(ctx, s, "")
	}
	return nil
}

// alertsBelow says below an overview, or below a practice's exports, how many
// alerts nobody has taken on, if there are any.
func (g *Globals) alertsBelow(ctx context.Context, s *store.Store, tenant string) error {
	list, err := s.OpenAlerts(ctx)
	if err != nil {
		return err
	}
	n := int64(0)
	for _, a := range list {
		if (tenant == "" || a.Tenant == tenant) && a.AbsentAt.IsZero() && !a.AckUntil.After(time.Now()) {
			n++
		}
	}
	if n > 0 {
		g.printf("\n%s that nobody has taken on: %s\n", some(n, "alert"), strings.TrimSpace("bulkhead alerts list "+tenant))
	}
	return nil
}

// holds says as of when the practice's records are here.
func holds(ctx context.Context, s *store.Store, t store.Tenant) (string, error) {
	x, ok, err := s.In(t.ID).LatestCompleted(ctx)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "nothing", nil
	case x.TransactionTime == "":
		return "data of an unknown time", nil
	}
	return "data of " + x.TransactionTime, nil
}

func stateOf(t store.Tenant, x store.Export) string {
	switch {
	case t.Frozen:
		return "frozen"
	case x.ID == "":
		return "never exported"
	}
	return string(x.State)
}

func (c *statusCommand) tenant(ctx context.Context, g *Globals, s *store.Store, t store.Tenant) error {
	if c.Events {
		return g.eventLog(ctx, s, t, c.Export)
	}
	if c.Export != "" {
		return g.one(ctx, s, t, c.Export)
	}
	exports, err := s.In(t.ID).Exports(ctx, c.Limit)
	if err != nil {
		return err
	}
	table := grid{header: []string{"export", "mode", "state", "requested", "ended", "retries", "problem"}, right: map[int]bool{5: true}}
	for _, x := range exports {
		if g.JSON {
			if err := g.emit(standingOf(t, x)); err != nil {
				return err
			}
			continue
		}
		table.add(x.ID, kindOf(x), string(x.State), clock(x.RequestedAt), clock(x.EndedAt), fmt.Sprint(x.RetryCount), x.ProblemSummary)
	}
	if g.JSON {
		return nil
	}
	g.printf("%s  %s  %s\n", t.ID, t.Name, t.FHIRBaseURL)
	if t.Frozen {
		g.printf("frozen: the configuration in force does not name it; its data stays\n")
	}
	g.printf("\n")
	table.print(g)
	if len(exports) > 0 && exports[0].ProblemRemedy != "" {
		g.printf("\nnext:   %s\nto act: %s\n", exports[0].ProblemRemedy, problem.Code(exports[0].ProblemCode).Kind().Text)
	}
	return g.alertsBelow(ctx, s, t.ID)
}

// eventLog prints what has happened to an export up to now.
func (g *Globals) eventLog(ctx context.Context, s *store.Store, t store.Tenant, id string) error {
	if _, err := s.In(t.ID).Export(ctx, id); err != nil {
		return err
	}
	items, err := s.In(t.ID).Log(ctx, id)
	if err != nil {
		return err
	}
	return exportlog.Print(g.streams.Out, id, items)
}

// one prints an export with its timeline and what it brought.
func (g *Globals) one(ctx context.Context, s *store.Store, t store.Tenant, id string) error {
	x, err := s.In(t.ID).Export(ctx, id)
	if err != nil {
		return err
	}
	entries, err := s.In(t.ID).Timeline(ctx, id)
	if err != nil {
		return err
	}
	if g.JSON {
		if err := g.emit(standingOf(t, x)); err != nil {
			return err
		}
		return g.report(ctx, s, []store.Export{x})
	}
	g.printf("%s  %s  %s export, %s\n", t.ID, x.ID, kindOf(x), x.State)
	if x.ProblemSummary != "" {
		g.printf("problem: %s\nnext:    %s\n", x.ProblemSummary, x.ProblemRemedy)
	}
	g.printf("\n")
	for _, e := range entries {
		g.printf("%s  %-16s %s\n", e.At.Local().Format("2006-01-02 15:04:05.000"), e.Kind, e.Detail)
	}
	return g.report(ctx, s, []store.Export{x})
}
