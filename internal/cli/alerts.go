package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

type alertsCommand struct {
	List alertsListCommand `cmd:"" default:"withargs" help:"List what needs somebody now."`
	Ack  alertsAckCommand  `cmd:"" help:"Say that somebody has taken alerts on: they are not told again until a time."`
	Test alertsTestCommand `cmd:"" help:"Send a test message on each route, or on one."`
}

type alertsListCommand struct {
	Tenant string `arg:"" optional:"" help:"Only this practice."`
	All    bool   `help:"Those too that were over in the last week."`
}

// A shownAlert is one alert as --json prints it.
type shownAlert struct {
	ID         int64      `json:"id"`
	Tenant     string     `json:"tenant,omitempty"`
	Kind       string     `json:"kind"`
	Object     string     `json:"object,omitempty"`
	Severity   string     `json:"severity"`
	Party      string     `json:"who_must_act"`
	Code       string     `json:"code,omitempty"`
	Summary    string     `json:"summary"`
	Remedy     string     `json:"next"`
	Since      *time.Time `json:"since,omitempty"`
	OpenedAt   *time.Time `json:"opened_at,omitempty"`
	ToldAt     *time.Time `json:"told_at,omitempty"`
	OverSince  *time.Time `json:"over_since,omitempty"`
	TakenBy    string     `json:"acknowledged_by,omitempty"`
	QuietUntil *time.Time `json:"quiet_until,omitempty"`
	Note       string     `json:"note,omitempty"`
}

func showAlert(a store.Alert) shownAlert {
	return shownAlert{
		ID: a.ID, Tenant: a.Tenant, Kind: a.Kind, Object: a.Object, Severity: a.Severity, Party: a.Party, Code: a.Code, Summary: a.Summary, Remedy: a.Remedy,
		Since: maybe(a.Since), OpenedAt: maybe(a.OpenedAt), ToldAt: maybe(a.ToldAt), OverSince: maybe(a.AbsentAt),
		TakenBy: a.AckBy, QuietUntil: maybe(a.AckUntil), Note: a.AckNote,
	}
}

// Run lists alerts, the worst first. It only reads.
func (c *alertsListCommand) Run(ctx context.Context, g *Globals) error {
	return g.looking(ctx, func(cfg *config.Config, s *store.Store) error {
		if c.Tenant != "" {
			if err := known(ctx, cfg, s, c.Tenant); err != nil {
				return err
			}
		}
		read := s.OpenAlerts
		if c.All {
			read = func(ctx context.Context) ([]store.Alert, error) {
				return s.Alerts(ctx, time.Now().Add(-7*24*time.Hour))
			}
		}
		list, err := read(ctx)
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(a store.Alert) bool { return c.Tenant != "" && a.Tenant != c.Tenant })
		slices.SortStableFunc(list, func(x, y store.Alert) int {
			severities := config.Severities()
			return cmp.Or(cmp.Compare(slices.Index(severities, y.Severity), slices.Index(severities, x.Severity)), x.Since.Compare(y.Since))
		})
		return c.print(g, list)
	})
}

func (c *alertsListCommand) print(g *Globals, list []store.Alert) error {
	for _, a := range list {
		if g.JSON {
			if err := g.emit(showAlert(a)); err != nil {
				return err
			}
			continue
		}
		g.printf("%d  %s  %s  %s\n    %s\n", a.ID, a.Severity, a.Kind, orHouse(a.Tenant), a.Summary)
		g.printf("    since %s; who must act: %s%s\n    next: %s\n", clock(a.Since), a.Party, standingOfAlert(a), a.Remedy)
	}
	if len(list) == 0 && !g.JSON {
		g.printf("nothing needs anybody now\n")
	}
	return nil
}

func orHouse(tenant string) string {
	if tenant == "" {
		return "(no practice)"
	}
	return tenant
}

func standingOfAlert(a store.Alert) string {
	switch {
	case !a.ClosedAt.IsZero():
		return "; over since " + clock(a.AbsentAt)
	case !a.AbsentAt.IsZero():
		return "; its cause is gone since " + clock(a.AbsentAt)
	case a.AckBy != "" && a.AckUntil.After(time.Now()):
		text := fmt.Sprintf("; taken on by %s, quiet until %s", a.AckBy, clock(a.AckUntil))
		if a.AckNote != "" {
			text += ": " + a.AckNote
		}
		return text
	}
	return ""
}

type alertsAckCommand struct {
	IDs  []int64         `arg:"" name:"id" help:"The numbers of the alerts, as alerts list shows them."`
	For  config.Duration `default:"3d" placeholder:"TIME" help:"How long they are not told again, such as 12h or 3d."`
	By   string          `placeholder:"NAME" help:"Who has taken them on (default: the user who runs this)."`
	Note string          `placeholder:"TEXT" help:"What is being done about them. Nothing of a patient."`
}

// Run records who has taken alerts on, also beside a bulkhead at work.
func (c *alertsAckCommand) Run(ctx context.Context, g *Globals) (err error) {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	path := app.Ledger(cfg)
	open := store.Open
	if _, missing := os.Stat(path); missing != nil {
		open = store.Look // which says that there is no ledger
	} else if store.Held(path) {
		open = store.Join
	}
	s, err := open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	list, err := s.OpenAlerts(ctx)
	if err != nil {
		return err
	}
	ack := store.Ack{By: c.By, Until: time.Now().Add(c.For.Std()), Note: c.Note}
	if ack.By == "" {
		ack.By = "somebody"
		if u, err := user.Current(); err == nil {
			ack.By = u.Username
		}
	}
	for _, id := range c.IDs {
		tenant := ""
		if i := slices.IndexFunc(list, func(a store.Alert) bool { return a.ID == id }); i >= 0 {
			tenant = list[i].Tenant
		}
		if err := s.In(tenant).Acknowledge(audit.As(ctx, audit.Person()), id, ack); err != nil {
			return err
		}
		g.printf("alert %d is taken on by %s, quiet until %s\n", id, ack.By, clock(ack.Until))
	}
	return nil
}

type alertsTestCommand struct {
	Route string `arg:"" optional:"" help:"The route's name."`
}

// Run sends a test message on each route and says which did not take it.
func (c *alertsTestCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	if g.Log == "none" {
		g.Log = "info" // a route to the log shows itself
	}
	sender := alert.NewSender(nil, func() *config.Config { return cfg }, alert.Post, g.logger())
	var failed []error
	tried := 0
	for _, r := range cfg.Alerts.Routes {
		if c.Route != "" && c.Route != r.Name {
			continue
		}
		tried++
		if err := cmp.Or(alert.Check(r), sender.Try(ctx, r.Name)); err != nil {
			failed = append(failed, fmt.Errorf("route %s: %w", r.Name, err))
			continue
		}
		g.printf("route %s took the test message\n", r.Name)
	}
	if tried == 0 {
		return problem.New(problem.Usage, "there is no alert route "+c.Route, "The configuration names them under alerts.routes.")
	}
	if len(failed) > 0 {
		return problem.Wrap(errors.Join(failed...), problem.ConfigInvalid, "not every alert route takes messages",
			"Correct the addresses in the files or variables that the routes name; docs/alerts.md shows their form.")
	}
	return nil
}
