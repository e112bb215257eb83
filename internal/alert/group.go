package alert

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// GroupFacts are what is known of who is in a practice's group. On
// eClinicalWorks and others a group is the outcome of a report: it stands still
// until somebody at the practice runs the report again.
type GroupFacts struct {
	Report    string           // how the practice calls the report that fills the group; or empty
	Known     int64            // patients after the last list
	SeenAt    time.Time        // of the last list
	ChangedAt time.Time        // when a list last showed somebody who joined or left; else that of the first
	Lists     int64            // whole lists since then
	Alive     bool             // since then the practice's records have changed
	Last      *store.GroupList // the last whole one; nil: none
	Before    *store.GroupList // the whole one before it; nil: none
}

// GroupOf reads what is known of who is in a practice's group; nil when no
// export has shown it.
func GroupOf(ctx context.Context, s *store.Store, c *config.Config, t *config.Tenant) (*GroupFacts, error) {
	if t.Level != config.LevelGroup {
		return nil, nil //nolint:nilnil // a practice without a group has none
	}
	stream := export.Order{Config: c, Tenant: t}.Stream()
	lists, err := s.In(t.ID).GroupLists(ctx, stream, false, 1)
	if err != nil || len(lists) == 0 {
		return nil, err
	}
	g := &GroupFacts{Report: t.GroupReport, Known: lists[0].Members, SeenAt: lists[0].SeenAt}
	whole, err := s.In(t.ID).GroupLists(ctx, stream, true, 2)
	if err != nil {
		return nil, err
	}
	if len(whole) > 0 {
		g.Last = &whole[0]
	}
	if len(whole) > 1 {
		g.Before = &whole[1]
	}
	if g.ChangedAt, g.Lists, err = s.In(t.ID).GroupChanged(ctx, stream); err != nil || !g.still(c.Alerts) {
		return g, err
	}
	fresh, err := s.In(t.ID).Fresh(ctx, g.ChangedAt)
	g.Alive = fresh > 0
	return g, err
}

// still reports whether nobody has joined or left for long.
func (g *GroupFacts) still(r Rules) bool {
	return r.RosterRuns > 0 && g.Lists >= int64(r.RosterRuns) || r.RosterAfter > 0 && g.SeenAt.Sub(g.ChangedAt) >= r.RosterAfter.Std()
}

// fewest is how many patients must have come or gone before that can be sudden.
const fewest = 10

// The objects of alerts about groups.
const (
	GroupStill = ""     // nobody joined or left for long
	GroupSize  = "size" // it has become another group from one list to the next
)

// JudgeGroup gives what a person should know of a practice's group: at most one
// condition of each object, without the tenant. g may be nil.
func JudgeGroup(g *GroupFacts, r Rules) []Condition {
	if g == nil {
		return nil
	}
	var list []Condition
	if c := g.size(r); c != nil {
		list = append(list, *c)
	}
	if g.Alive && g.still(r) && g.Known > 0 {
		list = append(list, Condition{
			Kind: Roster, Object: GroupStill, Severity: config.SeverityInfo, Party: Practice, Since: g.ChangedAt,
			Summary: fmt.Sprintf("the practice works, and nobody has joined or left its group since %s (%d patients; whole lists since then: %d)", wording.Moment(g.ChangedAt), g.Known, g.Lists),
			Remedy:  "Ask the practice to run " + g.report() + " again; on eClinicalWorks a group stands still until somebody does.",
		})
	}
	return list
}

func (g *GroupFacts) report() string {
	if g.Report == "" {
		return "the report that fills the group"
	}
	return "the report " + clean(g.Report) + ", which fills the group,"
}

// size compares the last two whole lists.
func (g *GroupFacts) size(r Rules) *Condition {
	if g.Last == nil {
		return nil
	}
	c := &Condition{Kind: Roster, Object: GroupSize, Severity: config.SeverityWarning, Party: Practice, Since: g.Last.SeenAt}
	if g.Last.Members == 0 {
		c.Summary = "its group is empty: export " + g.Last.Export + " brought no patient"
		c.Remedy = "Ask the practice to run " + g.report() + " again, and whether the group is still enabled for the app."
		return c
	}
	if g.Before == nil || g.Before.Members == 0 || r.RosterPercent == 0 {
		return nil
	}
	was, is := g.Before.Members, g.Last.Members
	if d := max(is-was, was-is); d < fewest || d*100 < int64(r.RosterPercent)*was {
		return nil
	}
	if is > was {
		c.Severity = config.SeverityInfo
	}
	c.Summary = fmt.Sprintf("its group had %d patients on %s and has %d since %s: %d joined, %d left", was, wording.Moment(g.Before.SeenAt), is, wording.Moment(g.Last.SeenAt), g.Last.Joined, g.Last.Left)
	c.Remedy = "Ask the practice whether that was meant, and which criteria " + g.report() + " had when it last ran."
	if is > was {
		c.Remedy += " Look whether the agreement covers everybody who is new."
	}
	return c
}

// explains reports whether what happened to the group is why an export differs
// from the one before, in the direction of less or of more.
func (g *GroupFacts) explains(x string, less bool, r Rules) bool {
	if g == nil || g.Last == nil || g.Last.Export != x {
		return false
	}
	c := g.size(r)
	return c != nil && less == (c.Severity == config.SeverityWarning)
}

func roster(_ time.Time, p *PracticeFacts, r Rules) []Condition { return JudgeGroup(p.Group, r) }
