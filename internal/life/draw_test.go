package life

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the generated page")

const page = "../../docs/states.md"

func TestThePageOfStatesIsCurrent(t *testing.T) {
	if *update {
		if err := os.WriteFile(page, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil || string(text) != Markdown() {
		t.Errorf("%s is not what the table gives (%v): run make docs", page, err)
	}
}
