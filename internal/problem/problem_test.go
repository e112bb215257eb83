package problem

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the generated page")

const page = "../../docs/problems.md"

func TestThePageOfProblemsIsCurrent(t *testing.T) {
	if *update {
		if err := os.WriteFile(page, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil || string(text) != Markdown() {
		t.Errorf("%s is not what the codes give (%v): run make docs", page, err)
	}
}

func TestEveryCodeIsExplainedAndHasAKind(t *testing.T) {
	for c := range kinds {
		if explanations[c] == "" {
			t.Errorf("code %s has no explanation", c)
		}
	}
	for c := range explanations {
		if _, ok := kinds[c]; !ok {
			t.Errorf("code %s has no exit status", c)
		}
	}
}

func TestAnErrorThatNobodyExplainedIsABug(t *testing.T) {
	p := Of(errors.New("something odd"))
	if p.Code != Internal || p.Remedy == "" || p.Code.Kind().Exit != 1 {
		t.Errorf("Of = %+v", p)
	}
	if Of(nil) != nil {
		t.Error("Of(nil) is a problem")
	}
}

func TestAProblemSurvivesWrappingAndNamesItsTenant(t *testing.T) {
	p := Wrap(errors.New("status 403"), AccessDenied, "the server said no", "Ask.").For("lakeside")
	err := fmt.Errorf("kick off: %w", p)
	if got := Of(err); got != p || got.Error() != "tenant lakeside: the server said no: status 403" {
		t.Errorf("Of = %v", got)
	}
	if Code("made_up").Kind().Exit != 1 {
		t.Error("an unknown code is no bug")
	}
}
