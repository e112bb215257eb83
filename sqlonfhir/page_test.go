package sqlonfhir

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var docs = filepath.Join("..", "docs")

func readPage(t *testing.T, elem ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{docs}, elem...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// docs/views.md shows a view, and the rows that it gives: both are files.
func TestTheWorkedExampleIsWhatItsPageShows(t *testing.T) {
	page, text := readPage(t, "views.md"), readPage(t, "examples", "visits", "visit_length.json")
	if !strings.Contains(page, "```json\n"+text+"```") {
		t.Error("the page does not show visit_length.json as it is")
	}
	view, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	write := func(cells []string) {
		if err := w.Write(cells); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, c := range view.Columns() {
		names = append(names, c.Name)
	}
	write(names)
	err = Run(view, strings.NewReader(readPage(t, "examples", "visits", "visits.ndjson")), func(_ int, row []Value) error {
		var cells []string
		for _, v := range row {
			cells = append(cells, string(v.Text))
		}
		write(cells)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if !strings.Contains(page, b.String()) {
		t.Errorf("the page does not show these rows:\n%s", &b)
	}
}

func TestThePageShowsTheMessageOfItsMistake(t *testing.T) {
	text := readPage(t, "examples", "visits", "visit_length.json")
	_, err := Parse([]byte(strings.Replace(text, "reasonCode.first()", "reasonCode.frist()", 1)))
	if err == nil || !strings.Contains(readPage(t, "views.md"), "cause: "+err.Error()+"\n") {
		t.Errorf("the page does not show: %v", err)
	}
}

func TestThePageShowsTheLineThatIsRefused(t *testing.T) {
	text := readPage(t, "examples", "visits", "visit_length.json")
	view, err := Parse([]byte(strings.Replace(text, "type.text.join(', ')", "type.text", 1)))
	if err != nil {
		t.Fatal(err)
	}
	lines := readPage(t, "examples", "visits", "visits.ndjson")
	err = Run(view, strings.NewReader(lines), func(int, []Value) error { return nil })
	const want = "line 2: evaluate view visit_length: select[0].column[3].path: many_values"
	if fmt.Sprint(err) != want {
		t.Errorf("Run = %v, want %s", err, want)
	}
	shown := fmt.Sprintf("visits.ndjson line 2 (byte %d): view_error:visit_length.kind", strings.Index(lines, "\n")+1)
	if !strings.Contains(readPage(t, "views.md"), shown) {
		t.Errorf("the page does not show: %s", shown)
	}
}

func TestThePageNamesTheWholeLanguage(t *testing.T) {
	page := readPage(t, "views.md")
	_, language, _ := strings.Cut(page, "\n## The language\n")
	language, _, _ = strings.Cut(language, "\n## ")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-zA-Z]+)\\(").FindAllStringSubmatch(language, -1) {
		named[m[1]] = true
	}
	for name := range functions {
		if !named[name] {
			t.Errorf("the page does not name the function %s", name)
		}
		delete(named, name)
	}
	for name := range named {
		t.Errorf("the page names the function %s, which there is none", name)
	}
	for op := range precedence {
		if !strings.Contains(language, "`"+op+"`") {
			t.Errorf("the page does not name the operator %s", op)
		}
	}
	for _, unit := range units {
		if !strings.Contains(language, fmt.Sprintf("`'%s'`", unit)) {
			t.Errorf("the page does not name the unit %s", unit)
		}
	}
	for name := range systems {
		if !strings.Contains(language, "`%"+name+"`") {
			t.Errorf("the page does not name the variable %%%s", name)
		}
	}
}
