package cli

import (
	"context"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

type rosterCommand struct {
	Tenant string `arg:"" optional:"" help:"One practice, with the lists of its group."`
	Since  string `placeholder:"ID" help:"Who joined and left since that export (default: since the first one whose list is shown)."`
	Limit  int    `default:"10" help:"How many lists to show."`
	Reveal bool   `help:"Print the ids of the patients who joined and left. It needs --reason-for-access."`
	Access string `name:"reason-for-access" placeholder:"TEXT" help:"Why a person must know who they are. It is recorded for good with who asked, and must name no patient."`
}

// A standingGroup is how a practice's group stands.
type standingGroup struct {
	Tenant    string      `json:"tenant"`
	Group     string      `json:"group,omitempty"`
	Report    string      `json:"report,omitempty"`
	Patients  int64       `json:"patients"`
	SeenAt    *time.Time  `json:"seen_at,omitempty"`
	ChangedAt *time.Time  `json:"changed_at,omitempty"`
	Lists     int64       `json:"whole_lists_since"`
	Verdict   string      `json:"verdict"` // unknown, moving, or the kinds of what is wrong
	Problems  []concern   `json:"problems,omitempty"`
	Since     *time.Time  `json:"since,omitempty"`
	Joined    *int64      `json:"joined,omitempty"`
	Left      *int64      `json:"left,omitempty"`
	History   []groupList `json:"lists,omitempty"`
}

// A concern is what a person should know of a group, and who must act.
type concern struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Remedy   string `json:"next"`
	Party    string `json:"who_must_act"`
}

// A groupList is what one export showed.
type groupList struct {
	Export  string    `json:"export"`
	SeenAt  time.Time `json:"seen_at"`
	Whole   bool      `json:"whole"`
	Members int64     `json:"patients"`
	Joined  int64     `json:"joined"`
	Left    int64     `json:"left"`
}

// Run prints who is in the groups, in numbers. It only reads, unless ids are
// asked for.
func (c *rosterCommand) Run(ctx context.Context, g *Globals) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.Reveal {
		return c.reveal(ctx, g)
	}
	return g.looking(ctx, func(cfg *config.Config, s *store.Store) error {
		if c.Tenant == "" {
			return g.groups(ctx, cfg, s)
		}
		t, err := c.practice(cfg)
		if err != nil {
			return err
		}
		stand, err := c.one(ctx, cfg, s, t)
		if err != nil {
			return err
		}
		if g.JSON {
			return g.emit(stand)
		}
		c.print(g, t, stand)
		return nil
	})
}

func (c *rosterCommand) check() error {
	switch {
	case c.Tenant == "" && (c.Since != "" || c.Reveal):
		return problem.New(problem.Usage, "--since and --reveal need the practice's name", "Give it: bulkhead roster PRACTICE --since ID.")
	case c.Reveal && strings.TrimSpace(c.Access) == "":
		return problem.New(problem.Usage, "--reveal shows who the patients are, and needs --reason-for-access",
			"Say why in a few words that name no patient: --reason-for-access \"the practice asks who left, ticket 4711\". It is recorded.")
	case !c.Reveal && c.Access != "":
		return problem.New(problem.Usage, "--reason-for-access is for --reveal", "Leave it out: without --reveal patients are only counted.")
	case c.Limit < 1:
		return problem.New(problem.Usage, "--limit must be at least 1", "Leave it out for ten lists.")
	}
	return checkReason("--reason-for-access", c.Access)
}

func (c *rosterCommand) practice(cfg *config.Config) (*config.Tenant, error) {
	t, err := cfg.Tenant(c.Tenant)
	if err != nil {
		return nil, err
	}
	if t.Level != config.LevelGroup {
		return nil, problem.New(problem.Usage, "the exports of "+t.ID+" are of level "+t.Level+", not of a group", "Nobody must keep a list for them.").For(t.ID)
	}
	return t, nil
}

// groups prints a line for each practice that has a group.
func (g *Globals) groups(ctx context.Context, cfg *config.Config, s *store.Store) error {
	table := grid{header: []string{"tenant", "patients", "seen", "joined or left", "whole lists since", "verdict"}, right: map[int]bool{1: true, 4: true}}
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		if t.Level != config.LevelGroup {
			continue
		}
		stand, err := standingGroupOf(ctx, cfg, s, t)
		if err != nil {
			return err
		}
		if g.JSON {
			if err := g.emit(stand); err != nil {
				return err
			}
			continue
		}
		if stand.SeenAt == nil {
			table.add(t.ID, "", "never", "never", "", stand.Verdict)
			continue
		}
		table.add(t.ID, wording.Count(stand.Patients), clock(*stand.SeenAt), clock(*stand.ChangedAt), wording.Count(stand.Lists), stand.Verdict)
	}
	if !g.JSON {
		table.print(g)
	}
	return nil
}

// The verdicts on a group of which nothing is wrong.
const (
	groupUnknown = "unknown" // no export has shown it
	groupMoving  = "moving"
)

func standingGroupOf(ctx context.Context, cfg *config.Config, s *store.Store, t *config.Tenant) (standingGroup, error) {
	stand := standingGroup{Tenant: t.ID, Group: t.Group, Report: t.GroupReport, Verdict: groupUnknown}
	facts, err := alert.GroupOf(ctx, s, cfg, t)
	if err != nil || facts == nil {
		return stand, err
	}
	stand.Patients, stand.Lists, stand.Verdict = facts.Known, facts.Lists, groupMoving
	stand.SeenAt, stand.ChangedAt = new(facts.SeenAt), new(facts.ChangedAt)
	var verdicts []string
	for _, x := range alert.JudgeGroup(facts, cfg.Alerts) {
		stand.Problems = append(stand.Problems, concern{Severity: x.Severity, Summary: x.Summary, Remedy: x.Remedy, Party: string(x.Party)})
		verdicts = append(verdicts, verdictOf(x, facts))
	}
	if len(verdicts) > 0 {
		stand.Verdict = strings.Join(verdicts, ", ")
	}
	return stand, nil
}

func verdictOf(c alert.Condition, facts *alert.GroupFacts) string {
	switch {
	case c.Object == alert.GroupStill:
		return "stale"
	case facts.Last.Members == 0:
		return "empty"
	case c.Severity == config.SeverityInfo:
		return "has grown"
	}
	return "has shrunk"
}

// one adds the lists of a practice's group, and who came and went.
func (c *rosterCommand) one(ctx context.Context, cfg *config.Config, s *store.Store, t *config.Tenant) (standingGroup, error) {
	stand, err := standingGroupOf(ctx, cfg, s, t)
	if err != nil || stand.SeenAt == nil {
		return stand, err
	}
	stream := export.Order{Config: cfg, Tenant: t}.Stream()
	lists, err := s.In(t.ID).GroupLists(ctx, stream, false, c.Limit)
	if err != nil {
		return stand, err
	}
	for _, l := range lists {
		stand.History = append(stand.History, groupList{Export: l.Export, SeenAt: l.SeenAt, Whole: l.Whole, Members: l.Members, Joined: l.Joined, Left: l.Left})
	}
	since, err := c.since(ctx, s, stream, lists)
	if err != nil {
		return stand, err
	}
	joined, left, err := s.In(t.ID).CountGroupMovement(ctx, stream, since)
	stand.Since, stand.Joined, stand.Left = &since, &joined, &left
	return stand, err
}

// since gives when the list was seen from which on people are counted.
func (c *rosterCommand) since(ctx context.Context, s *store.Store, stream string, lists []store.GroupList) (time.Time, error) {
	if c.Since == "" {
		return lists[len(lists)-1].SeenAt, nil
	}
	at, ok, err := s.In(c.Tenant).GroupListOf(ctx, stream, c.Since)
	if err == nil && !ok {
		err = problem.New(problem.Usage, "export "+c.Since+" showed no list of this group", "Give one that bulkhead roster "+c.Tenant+" names.").For(c.Tenant)
	}
	return at, err
}

func (c *rosterCommand) print(g *Globals, t *config.Tenant, stand standingGroup) {
	g.printf("%s  %s  group %s", t.ID, t.Name, t.Group)
	if t.GroupReport != "" {
		g.printf(", filled by the report %q", t.GroupReport)
	}
	g.printf("\n")
	if stand.SeenAt == nil {
		g.printf("\nno export has shown who is in it yet: that takes a full one with the type Patient\n")
		return
	}
	g.printf("%s; since %s: %s joined, %s left\n\n", some(stand.Patients, "patient"), clock(*stand.Since), wording.Count(*stand.Joined), wording.Count(*stand.Left))
	table := grid{header: []string{"export", "seen", "shows", "patients", "joined", "left"}, right: map[int]bool{3: true, 4: true, 5: true}}
	for _, l := range stand.History {
		shows := "everybody"
		if !l.Whole {
			shows = "who changed"
		}
		table.add(l.Export, clock(l.SeenAt), shows, wording.Count(l.Members), wording.Count(l.Joined), wording.Count(l.Left))
	}
	table.print(g)
	g.printf("\nverdict: %s\n", stand.Verdict)
	for _, p := range stand.Problems {
		g.printf("  %s\n  who must act: %s; next: %s\n", p.Summary, p.Party, p.Remedy)
	}
	if len(stand.Problems) == 0 {
		g.printf("  nobody needs to do anything; who is in it changed last, or was seen first, at %s\n", clock(*stand.ChangedAt))
	}
}
