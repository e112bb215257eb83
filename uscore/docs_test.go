package uscore

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table of the invariants in docs/us-core.md has a row for each that is
// written, and for no other.
func TestThePageNamesEveryInvariant(t *testing.T) {
	text, err := os.ReadFile("../docs/us-core.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## The invariants\n")
	rows := map[[2]string]bool{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) == 6 && strings.Contains(cells[1], "-") && !strings.Contains(cells[1], "---") {
			rows[[2]string{strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])}] = true
		}
	}
	written := map[[2]string]bool{}
	for _, i := range slices.Concat(observationInvariants, guideInvariants, baseInvariants) {
		written[[2]string{i.key, i.path}] = true
	}
	if d := cmp.Diff(written, rows); d != "" {
		t.Errorf("written, and on the page:\n%s", d)
	}
}
