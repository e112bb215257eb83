package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestACellIsNoFormula(t *testing.T) {
	e := Entry{Tenant: "lakeside", Seq: 7, Actor: "anna", Object: "@SUM(A1)", Reason: `=HYPERLINK("https://evil.example")`, Rule: "-1+1", Outcome: Done, Facts: `{"n":1}`}
	cells := e.Cells()
	if len(cells) != len(Columns()) {
		t.Fatalf("%d cells of %d columns", len(cells), len(Columns()))
	}
	got := map[string]string{}
	for i, name := range Columns() {
		if cells[i] != "" {
			got[name] = cells[i]
		}
	}
	want := map[string]string{
		"tenant": "lakeside", "seq": "7", "actor": "anna", "object": "'@SUM(A1)", "outcome": "done", "reason": `'=HYPERLINK("https://evil.example")`, "rule": "'-1+1", "facts": `{"n":1}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}
