package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type disposeCalendarCommand struct {
	Practice string `arg:"" optional:"" help:"The practice (default: all)."`
	Within   int    `default:"90" placeholder:"DAYS" help:"What goes within so many days."`
}

// A goingDate is a line of the calendar, for --json.
type goingDate struct {
	At      string `json:"at"` // RFC 3339, UTC
	Tenant  string `json:"tenant"`
	What    string `json:"what"`
	Exports int    `json:"exports,omitempty"`
	Due     bool   `json:"due"`
	Rule    string `json:"rule"`

	says string
	when time.Time
}

// Run prints what goes when, the next first, and who is under a legal hold. It
// only reads the ledger.
func (c *disposeCalendarCommand) Run(ctx context.Context, g *Globals) (err error) {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	tenants := cfg.Tenants
	if c.Practice != "" {
		t, err := cfg.Tenant(c.Practice)
		if err != nil {
			return err
		}
		tenants = []config.Tenant{*t}
	}
	ledger, err := store.Look(ctx, app.Ledger(cfg))
	if errors.Is(err, store.ErrNoLedger) {
		return c.print(g, nil, nil)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	dates, held, err := c.dates(ctx, ledger, tenants)
	if err != nil {
		return err
	}
	return c.print(g, dates, held)
}

// dates gathers what goes of the practices, the next first, and the practices
// under a legal hold.
func (c *disposeCalendarCommand) dates(ctx context.Context, ledger *store.Store, tenants []config.Tenant) (list []goingDate, held []string, err error) {
	now, k := time.Now(), &disposal.Keeper{Store: ledger}
	for i := range tenants {
		t := &tenants[i]
		if t.Agreement != nil && t.Agreement.LegalHold.Holds() {
			held = append(held, t.ID)
		}
		f, _, err := k.Facts(ctx, t, now)
		if err != nil {
			return nil, nil, err
		}
		for _, d := range disposal.Calendar(f) {
			if d.At.Before(now.AddDate(0, 0, c.Within)) {
				list = append(list, goingDate{
					At: d.At.UTC().Format(time.RFC3339), Tenant: t.ID, What: string(d.What), Exports: d.Exports, Due: d.Due, Rule: string(d.Rule),
					says: disposal.Says(agreement.Disposal{Due: d.Due, Rule: d.Rule, At: d.At}), when: d.At,
				})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b goingDate) int {
		return cmp.Or(a.when.UTC().Truncate(24*time.Hour).Compare(b.when.UTC().Truncate(24*time.Hour)), cmp.Compare(a.Tenant, b.Tenant))
	})
	return list, held, nil
}

func (c *disposeCalendarCommand) print(g *Globals, list []goingDate, held []string) error {
	if g.JSON {
		for _, d := range list {
			if err := g.emit(d); err != nil {
				return err
			}
		}
		return nil
	}
	table := grid{header: []string{"on", "practice", "what", "what becomes of it"}}
	for _, d := range list {
		what := "everything, in the sinks too"
		if d.What != string(agreement.KindDelivered) {
			what = d.What + " of " + some(int64(d.Exports), "export")
		}
		table.add(d.when.UTC().Format(time.DateOnly), d.Tenant, what, d.says)
	}
	if len(list) > 0 {
		table.print(g)
	} else {
		g.printf("nothing goes within %s\n", some(int64(c.Within), "day"))
	}
	for _, id := range held {
		g.printf("%s: a legal hold keeps everything\n", id)
	}
	return nil
}
