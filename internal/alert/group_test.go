package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// stillFor is a group of a practice at work that nobody has joined or left in
// so many lists and for so long.
func stillFor(lists int64, d time.Duration) *GroupFacts {
	return &GroupFacts{Known: 800, SeenAt: ago(day1), ChangedAt: ago(day1 + d), Lists: lists, Alive: true}
}

// from is a group of which two lists are known.
func from(was, is int64) *GroupFacts {
	return &GroupFacts{
		Known: is, SeenAt: ago(day1), ChangedAt: ago(day1), Alive: true,
		Last: &store.GroupList{Export: "f", SeenAt: ago(day1), Whole: true, Members: is}, Before: &store.GroupList{Export: "e", SeenAt: ago(31 * day1), Whole: true, Members: was},
	}
}

func TestAGroupIsJudgedByItsLists(t *testing.T) {
	rules := Rules{RosterRuns: 14, RosterAfter: config.Duration(90 * day1), RosterPercent: 20}
	for _, c := range []struct {
		name  string
		group *GroupFacts
		want  string // severity, a part of what is said
	}{
		{"no export has shown it", nil, ""},
		{"somebody joined yesterday", from(800, 801), ""},
		{"nobody joined in fourteen lists", stillFor(14, 20*day1), "info: nobody has joined or left its group since"},
		{"nobody joined in thirteen lists", stillFor(13, 20*day1), ""},
		{"nobody joined for three months", stillFor(3, 90*day1), "info: nobody has joined or left its group since"},
		{"nobody joined for less than three months", stillFor(3, 89*day1), ""},
		{"nobody joined, and nothing else changed", &GroupFacts{Known: 800, SeenAt: ago(day1), ChangedAt: ago(100 * day1), Lists: 20}, ""},
		{"it is empty", from(800, 0), "warning: its group is empty"},
		{"it was empty from the beginning", &GroupFacts{Last: &store.GroupList{Export: "f"}}, "warning: its group is empty"},
		{"it has been empty for long", func() *GroupFacts {
			g := from(0, 0)
			g.Lists, g.ChangedAt = 20, ago(200*day1)
			return g
		}(), "warning: its group is empty"},
		{"it is filled for the first time", from(0, 800), ""},
		{"a fifth is gone", from(1000, 800), "warning: its group had 1000 patients on"},
		{"less than a fifth is gone", from(1000, 801), ""},
		{"a fifth is new", from(1000, 1200), "info: its group had 1000 patients on"},
		{"two of five are gone", from(5, 3), ""},
		{"nine of forty are gone", from(40, 31), ""},
		{"ten of forty are gone", from(40, 30), "warning: its group had 40 patients on"},
	} {
		var told []string
		for _, x := range JudgeGroup(c.group, rules) {
			told = append(told, x.Severity+": "+x.Summary)
			if x.Kind != Roster || x.Party != Practice || !strings.Contains(x.Remedy, "report") || x.Since.IsZero() != (c.name == "it was empty from the beginning") {
				t.Errorf("%s: %+v", c.name, x)
			}
		}
		if text := strings.Join(told, "\n"); len(told) > 1 || (text == "") != (c.want == "") || !matches(text, c.want) {
			t.Errorf("%s: told %q, want %q", c.name, text, c.want)
		}
	}
}

func matches(text, want string) bool {
	severity, says, _ := strings.Cut(want, ": ")
	return strings.HasPrefix(text, severity) && strings.Contains(text, says)
}

func TestTheReportThatFillsAGroupIsNamed(t *testing.T) {
	g := stillFor(14, 20*day1)
	g.Report = "Bulk: all active patients"
	c := JudgeGroup(g, Rules{RosterRuns: 14})
	if len(c) != 1 || !strings.Contains(c[0].Remedy, "run the report Bulk: all active patients,") {
		t.Errorf("%+v", c)
	}
}

func TestAGroupThatShrankExplainsAnExportThatDid(t *testing.T) {
	shrunk := quality.Question{Kind: quality.KindShrunk, About: "Condition", Says: "fewer", Remedy: "Ask."}
	grown := quality.Question{Kind: quality.KindGrown, About: "Condition", Says: "more", Remedy: "Ask."}
	for _, c := range []struct {
		name     string
		group    *GroupFacts
		question quality.Question
		want     string
	}{
		{"the group shrank too", from(1000, 500), shrunk, "roster"},
		{"the group grew", from(500, 1000), shrunk, "drift roster"},
		{"the group grew too", from(500, 1000), grown, "roster"},
		{"the group is as it was", from(1000, 1000), shrunk, "drift"},
		{"no list is known", nil, shrunk, "drift"},
	} {
		p := healthy()
		p.Group, p.Full.ID, p.Full.Questions = c.group, "f", []quality.Question{c.question}
		var kinds []string
		for _, x := range Evaluate(noon, Facts{Practices: []PracticeFacts{p}, Machine: MachineFacts{Free: 1 << 40}}, rules(t)) {
			kinds = append(kinds, string(x.Kind))
		}
		if got := strings.Join(kinds, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestASubjectSaysWhatHappenedToTheGroup(t *testing.T) {
	t.Parallel()
	still, size := store.Alert{Tenant: "oak", Severity: config.SeverityInfo, Object: GroupStill}, store.Alert{Tenant: "oak", Severity: config.SeverityInfo, Object: GroupSize}
	for want, alerts := range map[string][]store.Alert{
		"[bulkhead] info: oak: the group does not change":         {still},
		"[bulkhead] info: oak: the size of the group has changed": {size, size},
		"[bulkhead] info: oak: groups need a look":                {still, size},
	} {
		b := bundle{kind: string(Roster), turn: store.Opened}
		for _, a := range alerts {
			b.news = append(b.news, store.News{Turn: store.Opened, Alert: a})
		}
		if got := b.subject(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
