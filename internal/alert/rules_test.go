package alert

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

func rules(t *testing.T) Rules {
	t.Helper()
	c, err := config.Parse("bulkhead.yaml", []byte("limits: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c.Alerts
}

// healthy is a practice of which nobody needs to know anything.
func healthy() PracticeFacts {
	f := &Finished{ID: "x", EndedAt: ago(10 * time.Hour), TransactionTime: ago(11 * time.Hour), Counted: true, Lines: 1000}
	return PracticeFacts{
		Tenant: "lakeside", Source: "eClinicalWorks", Pause: day1, WatchedSince: ago(99 * day1), Sampled: 2 * time.Hour, Budget: 250,
		Agreement: AgreementFacts{Status: config.AgreementActive, From: ago(99 * day1), Notice: 30 * day1},
		Last:      &LastExport{ID: "x", State: life.Completed, At: f.EndedAt}, Finished: f, Full: f,
	}
}

func TestEachRuleSaysWhatHappenedAndWhoMustAct(t *testing.T) {
	t.Parallel()
	hours := func(n ...int) (list []time.Duration) {
		for _, h := range n {
			list = append(list, time.Duration(h)*time.Hour)
		}
		return list
	}
	lastly := func(p *PracticeFacts, state life.State, code problem.Code) {
		p.Last = &LastExport{ID: "y", State: state, At: ago(time.Hour), Code: code, Summary: "what the problem says", Remedy: "Its remedy."}
	}
	opened := func(p *PracticeFacts, x OpenExport) {
		x.ID, x.Mode = "y", "full"
		p.Open, p.Last.State = append(p.Open, x), x.State
	}
	cases := []struct {
		name   string
		change func(p *PracticeFacts)
		want   string // kind severity party, or nothing
	}{
		{"nothing", func(*PracticeFacts) {}, ""},
		{"no export for four days", func(p *PracticeFacts) { p.Finished.EndedAt = ago(4 * day1) }, "stale warning us"},
		{"a weekly schedule may be two weeks old", func(p *PracticeFacts) { p.Pause, p.Finished.EndedAt = 7*day1, ago(13*day1) }, ""},
		{"a weekly schedule and 15 days", func(p *PracticeFacts) { p.Pause, p.Finished.EndedAt = 7*day1, ago(15*day1) }, "stale warning us"},
		{"no schedule", func(p *PracticeFacts) { p.Pause, p.Finished.EndedAt = 0, ago(40*day1) }, ""},
		{"paused on purpose", func(p *PracticeFacts) { p.Paused, p.Finished.EndedAt = true, ago(40*day1) }, ""},
		{"its pause is over since yesterday", func(p *PracticeFacts) {
			p.WatchedSince, p.Finished.EndedAt, p.Finished.TransactionTime = ago(day1), ago(40*day1), ago(40*day1)
		}, ""},
		{"its pause is over since four days", func(p *PracticeFacts) { p.WatchedSince, p.Finished.EndedAt = ago(4*day1), ago(40*day1) }, "stale warning us"},
		{"errors in each manifest for four days", func(p *PracticeFacts) { p.Finished.ServerErrors, p.Whole = 3, ago(4*day1) }, "stale warning vendor"},
		{"errors in each manifest from the first", func(p *PracticeFacts) { p.Finished.ServerErrors = 3 }, "stale warning vendor"},
		{"errors in one manifest", func(p *PracticeFacts) { p.Finished.ServerErrors, p.Whole = 3, ago(34*time.Hour) }, ""},
		{"the server's time stands still", func(p *PracticeFacts) { p.Finished.TransactionTime = ago(5 * day1) }, "stale warning vendor"},
		{"never an export, watched for long", func(p *PracticeFacts) { p.Last, p.Finished, p.Full = nil, nil, nil }, "stale warning us"},
		{"never an export, and new", func(p *PracticeFacts) { p.Last, p.Finished, p.Full, p.WatchedSince = nil, nil, nil, ago(day1) }, ""},
		{"a suspended agreement is on purpose", func(p *PracticeFacts) {
			p.Agreement.Status, p.Finished.EndedAt = config.AgreementSuspended, ago(40*day1)
		}, ""},
		{"the server is down", func(p *PracticeFacts) { lastly(p, life.Failed, problem.ServerUnreachable) }, "failed warning vendor"},
		{"no space", func(p *PracticeFacts) { lastly(p, life.Failed, problem.StorageFull) }, "failed critical us"},
		{"the group is gone", func(p *PracticeFacts) { lastly(p, life.Failed, problem.GroupMissing) }, "failed warning practice"},
		{"the server forgot it", func(p *PracticeFacts) { lastly(p, life.Gone, problem.ExportGone) }, "failed warning vendor"},
		{"somebody cancelled it", func(p *PracticeFacts) { lastly(p, life.Cancelled, problem.Cancelled) }, ""},
		{"invalid_client from a server that knew us", func(p *PracticeFacts) { lastly(p, life.Failed, problem.TokenRefused) }, "activation critical practice"},
		{"403 from a server that knew us", func(p *PracticeFacts) { lastly(p, life.Failed, problem.AccessDenied) }, "activation critical practice"},
		{"invalid_client before the first export", func(p *PracticeFacts) {
			p.Finished, p.Full, p.WatchedSince = nil, nil, ago(day1)
			lastly(p, life.Failed, problem.TokenRefused)
		}, "failed warning practice"},
		{"denied by a valid agreement", func(p *PracticeFacts) { lastly(p, life.Denied, problem.AgreementDenied) }, "failed warning us"},
		{"denied by a suspended agreement", func(p *PracticeFacts) {
			p.Agreement.Status = config.AgreementSuspended
			lastly(p, life.Denied, problem.AgreementDenied)
		}, ""},
		{"stopped amidst by a suspended agreement", func(p *PracticeFacts) {
			p.Agreement.Status = config.AgreementSuspended
			lastly(p, life.Failed, problem.AgreementDenied)
		}, ""},
		{"denied, and active again since", func(p *PracticeFacts) {
			p.WatchedSince = ago(time.Minute)
			lastly(p, life.Denied, problem.AgreementDenied)
		}, ""},
		{"polling for 13 hours, others took 6", func(p *PracticeFacts) {
			opened(p, OpenExport{State: life.Polling, KickedOff: ago(13 * time.Hour), Took: hours(6, 6, 5, 6, 6)})
		}, "stuck warning vendor"},
		{"polling for 11 hours, others took 6", func(p *PracticeFacts) {
			opened(p, OpenExport{State: life.Polling, KickedOff: ago(11 * time.Hour), Took: hours(6, 6, 5, 6, 6)})
		}, ""},
		{"polling for 5 hours, others took a minute", func(p *PracticeFacts) {
			opened(p, OpenExport{State: life.Polling, KickedOff: ago(5 * time.Hour), Took: make([]time.Duration, 9)})
		}, ""},
		{"polling for 23 hours, little is known", func(p *PracticeFacts) {
			opened(p, OpenExport{State: life.Polling, KickedOff: ago(23 * time.Hour), Took: hours(1, 1)})
		}, ""},
		{"polling for 25 hours, little is known", func(p *PracticeFacts) {
			opened(p, OpenExport{State: life.Polling, KickedOff: ago(25 * time.Hour), Took: hours(1, 1)})
		}, "stuck warning vendor"},
		{"publishing for 25 hours", func(p *PracticeFacts) {
			opened(p, OpenExport{State: life.Publishing, KickedOff: ago(25 * time.Hour)})
		}, "stuck warning us"},
		{"a replay for 25 hours", func(p *PracticeFacts) { opened(p, OpenExport{State: life.Ingesting, At: ago(25 * time.Hour)}) }, "stuck warning us"},
		{"at work for two days, but paused", func(p *PracticeFacts) {
			p.Paused = true
			opened(p, OpenExport{State: life.Polling, KickedOff: ago(2 * day1)})
		}, ""},
		{"the server said later, yesterday", func(p *PracticeFacts) { opened(p, OpenExport{State: life.Waiting, Asked: ago(day1)}) }, ""},
		{"the server has said later for two days", func(p *PracticeFacts) {
			opened(p, OpenExport{State: life.Waiting, Asked: ago(2 * day1), At: ago(time.Minute), WaitingFor: "the server is busy"})
		}, "waiting warning vendor"},
		{"taken up again, and no slot for two days", func(p *PracticeFacts) {
			opened(p, OpenExport{State: life.Waiting, Asked: ago(2 * day1), At: ago(time.Minute), WaitingFor: store.ForSlot})
		}, "waiting warning us"},
		{"no slot for two days", func(p *PracticeFacts) { opened(p, OpenExport{State: life.Requested, Asked: ago(2 * day1)}) }, "waiting warning us"},
		{"no slot, but paused", func(p *PracticeFacts) {
			p.Paused = true
			opened(p, OpenExport{State: life.Requested, Asked: ago(2 * day1)})
		}, ""},
		{"no answer for an hour", func(p *PracticeFacts) { opened(p, OpenExport{State: life.Unknown, At: ago(time.Hour)}) }, "unknown warning us"},
		{"no answer for a minute", func(p *PracticeFacts) { opened(p, OpenExport{State: life.Unknown, At: ago(time.Minute)}) }, ""},
		{"two of a hundred lines refused", func(p *PracticeFacts) { p.Finished.Refused = 20 }, "refused warning vendor"},
		{"one of a hundred lines refused", func(p *PracticeFacts) { p.Finished.Refused = 10 }, ""},
		{"a full export of nothing", func(p *PracticeFacts) { p.Full = &Finished{ID: "f", EndedAt: ago(day1), Counted: true} }, "drift warning practice"},
		{"a type vanished", func(p *PracticeFacts) {
			p.Full.Questions = []quality.Question{{Kind: quality.KindVanished, About: "Condition", Says: "none", Remedy: "Ask."}}
		}, "drift warning practice"},
		{"a type grew", func(p *PracticeFacts) {
			p.Full.Questions = []quality.Question{{Kind: quality.KindGrown, About: "Condition", Says: "many", Remedy: "Ask."}}
		}, "drift info practice"},
		{"another question", func(p *PracticeFacts) {
			p.Full.Questions = []quality.Question{{Kind: quality.KindErrors, About: "Condition", Says: "bad", Remedy: "Ask."}}
		}, ""},
		{"nobody joined in fourteen lists", func(p *PracticeFacts) { p.Group = stillFor(14, 20*day1) }, "roster info practice"},
		{"nobody joined in seven lists", func(p *PracticeFacts) { p.Group = stillFor(7, 20*day1) }, ""},
		{"the agreement ends in three weeks", func(p *PracticeFacts) { p.Agreement.Ends = noon.Add(21 * day1) }, "agreement warning us"},
		{"the agreement ends in three days", func(p *PracticeFacts) { p.Agreement.Ends = noon.Add(3 * day1) }, "agreement critical us"},
		{"the agreement ends in three days, and nothing is begun", func(p *PracticeFacts) {
			p.Agreement.Ends, p.Finished.EndedAt = noon.Add(3*day1), ago(4*day1)
			lastly(p, life.Denied, problem.AgreementDenied)
		}, "agreement critical us"},
		{"the agreement ends in three days, of which one is its notice", func(p *PracticeFacts) {
			p.Agreement.Ends, p.Agreement.Notice = noon.Add(3*day1), day1
		}, "agreement critical us"},
		{"the agreement ends in three months", func(p *PracticeFacts) { p.Agreement.Ends = noon.Add(90 * day1) }, ""},
		{"the agreement has ended", func(p *PracticeFacts) {
			p.Agreement.Ends, p.Finished.EndedAt = ago(9*day1), ago(9*day1)
			lastly(p, life.Denied, problem.AgreementDenied)
		}, "agreement critical us"},
		{"it was terminated", func(p *PracticeFacts) {
			p.Agreement.Status, p.Agreement.Ends = config.AgreementTerminated, ago(day1)
			lastly(p, life.Denied, problem.AgreementDenied)
		}, ""},
		{"the budget is spent", func(p *PracticeFacts) { p.SpentMinutes = 50 }, "rate info us"},
		{"there is no budget", func(p *PracticeFacts) { p.SpentMinutes, p.Budget = 50, 0 }, ""},
	}
	for _, c := range cases {
		p := healthy()
		full := *p.Full
		p.Full = &full
		c.change(&p)
		if p.Full != nil && p.Finished != nil && p.Full.Questions != nil {
			p.Finished.Questions = nil
		}
		var got []string
		for _, cond := range Evaluate(noon, Facts{Practices: []PracticeFacts{p}, Machine: MachineFacts{Free: 1 << 40}}, rules(t)) {
			if cond.Pending {
				continue
			}
			got = append(got, string(cond.Kind)+" "+cond.Severity+" "+string(cond.Party))
			if cond.Tenant != "lakeside" || cond.Summary == "" || cond.Remedy == "" || cond.Since.IsZero() || strings.HasSuffix(cond.Summary, ".") || !strings.HasSuffix(cond.Remedy, ".") {
				t.Errorf("%s: it does not say all: %+v", c.name, cond)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, strings.Join(got, ", "), c.want)
		}
	}
}

func TestTheMachineHasRulesOfItsOwn(t *testing.T) {
	t.Parallel()
	r := rules(t)
	of := func(f Facts) (kinds []string) {
		for _, c := range Evaluate(noon, f, r) {
			if c.Pending {
				kinds = append(kinds, string(c.Kind)+" pending")
				continue
			}
			kinds = append(kinds, strings.TrimSuffix(string(c.Kind)+" "+c.Severity+" "+c.Object, " "))
		}
		return kinds
	}
	cases := []struct {
		facts Facts
		want  []string
	}{
		{Facts{Machine: MachineFacts{Free: 6 << 30}}, nil},
		{Facts{Machine: MachineFacts{Free: -1}}, []string{"disk pending"}},
		{Facts{Machine: MachineFacts{Free: 1 << 30, Least: 1 << 28}}, []string{"disk warning"}},
		{Facts{Machine: MachineFacts{Free: 1 << 20, Least: 1 << 28}}, []string{"disk critical"}},
		{
			Facts{Machine: MachineFacts{Free: 6 << 30}, Registrations: []RegistrationFacts{{Name: "ecw", Warnings: []KeyWarning{{KeyID: "k1", Text: "it is old"}, {About: "signing", Text: "no key may sign now"}, {Text: "the vendor takes the key until tomorrow"}, {About: "file", Text: "others can read it"}}}, {Name: "epic", Unread: "there is no file"}}},
			[]string{"key warning ecw/k1", "key warning ecw signing", "key warning ecw", "key warning ecw file", "key warning epic unread"},
		},
		{Facts{Machine: MachineFacts{Free: 6 << 30}, Routes: []RouteFacts{{"desk", 3, ago(time.Hour), "it answered 404"}, {"mail", 1, ago(time.Minute), "no"}}}, []string{"delivery critical desk"}},
	}
	for _, c := range cases {
		if got := of(c.facts); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.facts, got, c.want)
		}
	}
}

func TestEveryKindIsDocumentedAndHasAHeadline(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "alerts.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range config.AlertKinds() {
		if !strings.Contains(string(page), "\n| `"+kind+"` | ") {
			t.Errorf("docs/alerts.md does not explain %s", kind)
		}
		if headlines[Kind(kind)] == "" {
			t.Errorf("kind %s has no headline", kind)
		}
	}
	if len(headlines) != len(config.AlertKinds()) {
		t.Errorf("%d headlines, %d kinds", len(headlines), len(config.AlertKinds()))
	}
}

func TestThePercentileOfAPracticesOwnHistory(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := range 20 {
		took = append(took, time.Duration(20-i)*time.Hour)
	}
	if p := percentile(took, 95); p != 19*time.Hour {
		t.Errorf("95th percentile of 1 to 20 hours: %s", p)
	}
	if p := percentile(took[:1], 95); p != 20*time.Hour {
		t.Errorf("95th percentile of one: %s", p)
	}
}

func TestABudgetIsCountedByTheClockThatIsRight(t *testing.T) {
	t.Parallel()
	minute := noon.Unix() / 60
	b := budgets{began: minute + 1000, spent: map[string]map[int64]bool{"p1": {minute + 999: true, minute - 1: true, minute - 61: true}}}
	if n, sampled := b.of("p1", noon); n != 1 || sampled != 0 {
		t.Errorf("%d minutes of %s", n, sampled)
	}
	if _, sampled := b.of("p1", noon.Add(2*time.Hour)); sampled != 2*time.Hour {
		t.Errorf("two hours later: sampled for %s", sampled)
	}
}

func TestATextLosesWhatMustNotLeave(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"GET https://ehr.example/f?patient=canary#x failed":   "GET https://ehr.example/f failed",
		"at https://user:canary@ehr.example/f":                "at https://ehr.example/f",
		"Bearer canarycanary refused":                         "[not shown] refused",
		"token eyJhbGciOiJSUzM4NCJ9.eyJjYW5hcnki.sig refused": "token [not shown] refused",
		"two\nlines\x1b[31m":                                  "two lines [31m",
	}
	for text, want := range cases {
		if got := clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
	if got := clean(strings.Repeat("ä", 10_000)); len([]rune(got)) > longest+1 {
		t.Errorf("a text of %d runes", len([]rune(got)))
	}
}

func FuzzClean(f *testing.F) {
	f.Add("https://a.example/b?c=d e https://f:g@h.example/?i")
	f.Add("bearer abcdefghij eyJabcdefgh.a.b")
	f.Fuzz(func(t *testing.T, text string) {
		if got := clean(text); query.MatchString(got) || strings.ContainsAny(got, "\n\r\x1b") || len([]rune(got)) > longest+1 {
			t.Errorf("clean(%q) = %q", text, got)
		}
	})
}

func TestAnEmptyDeliveryDoesNotEndWhatWasRefused(t *testing.T) {
	p := healthy()
	p.Finished.Lines, p.Finished.Refused = 0, 0
	for _, c := range Evaluate(noon, Facts{Practices: []PracticeFacts{p}, Machine: MachineFacts{Free: 1 << 40}}, rules(t)) {
		if c.Kind == Refused {
			if !c.Pending {
				t.Error("it is told anew")
			}
			return
		}
	}
	t.Error("the lines that were refused before are taken for settled")
}
