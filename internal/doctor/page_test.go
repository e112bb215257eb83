package doctor

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of checks into the page")

const (
	page  = "../../docs/doctor.md"
	begin = "<!-- checks -->\n"
	end   = "<!-- end of checks -->\n"
)

func TestThePageOfDoctorHasEveryCheck(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the checks", page)
	}
	want := before + begin + Markdown() + end + after
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not current: run go test ./internal/doctor -update", page)
	}
}

func TestEveryCheckIsExplainedOnce(t *testing.T) {
	seen := map[Check]bool{}
	for _, m := range Checks {
		if seen[m.Check] || m.Looks == "" || m.Next == "" || m.Code == "" {
			t.Errorf("check %s is there twice, or not explained: %+v", m.Check, m)
		}
		seen[m.Check] = true
		if Explain(m.Check).Looks != m.Looks {
			t.Errorf("check %s is explained as another", m.Check)
		}
	}
	if len(seen) < 25 {
		t.Errorf("%d checks", len(seen))
	}
}

func TestTheGravestFindingGivesTheExitStatus(t *testing.T) {
	notice := newFinding(SinkAhead, "x").as(Notice)
	repaired := newFinding(Stuck, "x")
	repaired.Repaired = "done"
	if p := (Report{Findings: []Finding{notice, repaired}}).Problem(); p != nil {
		t.Errorf("notices and what is repaired make the problem %v", p)
	}
	p := Report{Findings: []Finding{newFinding(Counts, "x"), newFinding(RawMissing, "x"), notice}}.Problem()
	if p == nil || p.Code.Kind().Exit != 6 || !strings.HasPrefix(p.Summary, "2 things") {
		t.Errorf("the problem is %v", p)
	}
}
