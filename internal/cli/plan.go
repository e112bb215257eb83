package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// wishFlags are the flags that change what one export asks for.
type wishFlags struct {
	Full  bool     `help:"Ask for everything and remove what the practice no longer has."`
	Since string   `placeholder:"INSTANT" help:"Ask for what changed since this time instead of since the last export."`
	Until string   `placeholder:"INSTANT" help:"Ask only for what changed before this time."`
	Type  []string `short:"t" placeholder:"TYPE" help:"Ask for these resource types instead of the configured ones."`
	Group string   `placeholder:"ID" help:"Export this group instead of the configured one."`
}

func (w wishFlags) wish() export.Wish {
	return export.Wish{Full: w.Full, Since: w.Since, Until: w.Until, Types: w.Type, Group: w.Group, By: "command"}
}

// any reports whether something other than the configured export is asked for.
func (w wishFlags) any() bool {
	return w.Full || w.Since != "" || w.Until != "" || len(w.Type) > 0 || w.Group != ""
}

// check refuses flags that contradict each other.
func (w wishFlags) check() error {
	if w.Full && w.Since != "" {
		return problem.New(problem.Usage, "--full and --since contradict each other", "Give one of them: a full export asks for everything.")
	}
	for _, t := range w.Type {
		if !fhir.IsTypeName(t) {
			return problem.New(problem.Usage, fmt.Sprintf("--type %q is no name of a resource type", t), "Write it as FHIR does, such as Patient or DiagnosticReport.")
		}
	}
	return nil
}

type planCommand struct {
	Tenant string `arg:"" help:"The practice."`
	wishFlags
}

// A plan is what an export would do.
type plan struct {
	Tenant            string            `json:"tenant"`
	Mode              string            `json:"mode"`
	Since             string            `json:"since,omitempty"`
	Method            string            `json:"method"`
	URL               string            `json:"url"`
	Headers           map[string]string `json:"headers"`
	Scopes            []string          `json:"scopes,omitempty"`
	Agreement         string            `json:"agreement"`
	Allowed           bool              `json:"allowed"`
	Rule              string            `json:"rule"` // that decided
	Purposes          []string          `json:"purposes,omitempty"`
	Sinks             []string          `json:"sinks"`
	RequestsPerMinute int               `json:"requests_per_minute,omitempty"`
	Downloads         int               `json:"downloads_at_once"`
	PollEvery         string            `json:"poll_every"`
	Next              nextStart         `json:"next"`
	Kept              string            `json:"kept"`           // how long what an export leaves is kept
	Goes              []string          `json:"goes,omitempty"` // what is here and goes next, by area
}

// Run prints the plan. It sends nothing.
func (c *planCommand) Run(ctx context.Context, g *Globals) error {
	cfg, t, err := g.tenant(c.Tenant)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	intent, err := intentOf(ctx, cfg, t, c.wish())
	if err != nil {
		return err
	}
	p, err := planOf(cfg, t, intent)
	if err != nil {
		return err
	}
	if p.Next, err = nextOf(ctx, cfg, t); err != nil {
		return err
	}
	p.Kept = disposal.Clocks(t.Agreement)
	if p.Goes, err = forecast(ctx, cfg, t); err != nil {
		return err
	}
	verdict := export.Decide(cfg, t, agreement.AtKickoff, intent, time.Now())
	p.Allowed, p.Rule, p.Purposes = verdict.Permit, string(verdict.Rule), t.Purposes
	if verdict.Permit {
		p.Agreement = t.Agreement.Reference + " permits it"
	} else {
		p.Agreement = verdict.Problem.Summary
	}
	if g.JSON {
		if err := g.emit(p); err != nil {
			return err
		}
	} else {
		g.printPlan(t, p, intent)
	}
	if !verdict.Permit {
		return verdict.Problem
	}
	return nil
}

// intentOf reads the watermark, if there is a ledger, and plans by it.
func intentOf(ctx context.Context, cfg *config.Config, t *config.Tenant, w export.Wish) (store.Intent, error) {
	order := export.Order{Config: cfg, Tenant: t, Wish: w}
	ledger, err := store.Look(ctx, app.Ledger(cfg))
	if errors.Is(err, store.ErrNoLedger) {
		return order.Plan(store.Watermark{}, false) // the first export
	}
	if err != nil {
		return store.Intent{}, err
	}
	defer ledger.Close() //nolint:errcheck // it was only read
	return order.Next(ctx, ledger.In(t.ID))
}

// forecast says what of a practice is here and goes next; nothing without a
// ledger.
func forecast(ctx context.Context, cfg *config.Config, t *config.Tenant) ([]string, error) {
	ledger, err := store.Look(ctx, app.Ledger(cfg))
	if errors.Is(err, store.ErrNoLedger) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer ledger.Close() //nolint:errcheck // it was only read
	f, _, err := (&disposal.Keeper{Store: ledger}).Facts(ctx, t, time.Now())
	return disposal.Forecast(disposal.Look(f)), err
}

func planOf(cfg *config.Config, t *config.Tenant, i store.Intent) (plan, error) {
	connections, err := export.NewConnections(cfg, nil)
	if err != nil {
		return plan{}, err
	}
	client, err := connections.Keyless(t)
	if err != nil {
		return plan{}, err
	}
	request, err := client.Plan(export.RequestOf(i))
	if err != nil {
		return plan{}, err
	}
	p := plan{
		Tenant: t.ID, Mode: i.Mode, Since: i.Since, Method: request.Method, URL: request.URL, Headers: map[string]string{},
		Sinks:             i.Sinks,
		RequestsPerMinute: cfg.RequestsPerMinute(t), Downloads: cfg.Downloads(t), PollEvery: cfg.Profile(t).Poll.Default.String(),
	}
	for name := range request.Header {
		p.Headers[name] = request.Header.Get(name)
	}
	if _, ok := cfg.Registration(t); ok {
		p.Scopes = cfg.Scopes(t, i.Types)
	}
	return p, nil
}

func (g *Globals) printPlan(t *config.Tenant, p plan, i store.Intent) {
	g.printf("tenant     %s\nmode       %s", p.Tenant, p.Mode)
	if p.Since != "" {
		g.printf(" since %s", p.Since)
	}
	g.printf("\nrequest    %s %s\n", p.Method, p.URL)
	for _, name := range []string{"Accept", "Prefer"} {
		if v := p.Headers[name]; v != "" {
			g.printf("           %s: %s\n", name, v)
		}
	}
	g.printf("types      %d: %s\n", len(i.Types), strings.Join(i.Types, " "))
	if len(p.Scopes) > 0 {
		g.printf("scopes     %s\n", strings.Join(p.Scopes, " "))
	} else {
		g.printf("scopes     none: the server is open\n")
	}
	g.printf("agreement  %s (rule: %s)\n", p.Agreement, p.Rule)
	if len(p.Purposes) > 0 {
		g.printf("purposes   %s\n", strings.Join(p.Purposes, ", "))
	}
	g.printf("sinks      %s\n", strings.Join(p.Sinks, ", "))
	g.printf("kept       %s\n", p.Kept)
	for _, line := range p.Goes {
		g.printf("           %s\n", line)
	}
	g.printf("requests   kick-off 1, polls every %s or as told, one for each output file (%d at once), token calls as tokens expire", p.PollEvery, p.Downloads)
	if p.RequestsPerMinute > 0 {
		g.printf("; at most %d a minute", p.RequestsPerMinute)
	}
	g.printf("\n")
	g.printNext(t, p.Next)
	g.printf("nothing was sent\n")
}
