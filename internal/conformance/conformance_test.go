package main

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	rulesText = `id,strength,versions,origin,when,title
BD-001,SHALL,1 2,,,first
BD-002,SHOULD,1 2,,,second
BD-003,MAY,1 2,ours,,third
BD-166,SHALL,4,,later,cohorts
K1,QUIRK,,,,a habit
`
	noExceptions = "id,reason\n"
)

// sources are the tests of a module; their lines make the claims.
var sources = map[string]string{
	"a/a_test.go": `package a
func TestOne(t *testing.T) { t.Attr("shows", "BD-001") }
func TestTwo(t *testing.T) {
	t.Run("sub", func(t *testing.T) { t.Attr("shows", "BD-002 K1") })
}
func TestThree(t *testing.T) { t.Attr("shows", "BD-003"); t.Attr("other", "BD-999") }
`,
}

// module writes a module with these files and gives its folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"go.mod": "module example.test/m\n"}
	maps.Copy(all, files)
	for name, text := range all {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// stream makes the output of go test -json of package a from lines such as
// "TestOne attr BD-001" and "TestOne pass".
func stream(lines ...string) string {
	var b strings.Builder
	b.WriteString("# a build says this without JSON\n")
	for _, l := range lines {
		name, rest, _ := strings.Cut(l, " ")
		action, value, _ := strings.Cut(rest, " ")
		b.WriteString(`{"Action":"` + action + `","Package":"example.test/m/a","Test":"` + name + `"`)
		if action == "attr" {
			b.WriteString(`,"Key":"shows","Value":"` + value + `"`)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

var allPass = []string{
	"TestOne run", "TestOne attr BD-001", "TestOne pass",
	"TestTwo run", "TestTwo/sub attr BD-002 K1", "TestTwo/sub pass", "TestTwo pass",
	"TestThree attr BD-003", "TestThree pass",
}

// states plays a stream against the sources and gives what came of each rule.
func states(t *testing.T, lines ...string) (map[string]string, []string) {
	t.Helper()
	book, err := readRules(rulesText, noExceptions)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := scan(module(t, sources))
	if err != nil {
		t.Fatal(err)
	}
	s, err := read(strings.NewReader(stream(lines...)), "example.test/m", claims)
	if err != nil {
		t.Fatal(err)
	}
	m := newMatrix(book, claims, s)
	all := map[string]string{}
	for _, l := range m.lines {
		all[l.id] = l.state()
	}
	return all, m.faults()
}

func TestARuleIsShownByTheTestsThatClaimIt(t *testing.T) {
	all, faults := states(t, allPass...)
	want := map[string]string{"BD-001": "shown", "BD-002": "shown", "BD-003": "shown", "BD-166": "later", "K1": "shown"}
	if diff := cmp.Diff(want, all); diff != "" || len(faults) > 0 {
		t.Errorf("%s\n%v", diff, faults)
	}
}

func TestARuleWhoseTestDidNotPassIsNotShown(t *testing.T) {
	for what, c := range map[string]struct{ lines, wrong []string }{
		"failed":            {replaced("TestOne pass", "TestOne fail"), []string{"BD-001"}},
		"skipped":           {replaced("TestThree pass", "TestThree skip"), []string{"BD-003"}},
		"its process died":  {replaced("TestTwo/sub pass", "TestTwo/sub output"), []string{"BD-002", "K1"}},
		"nothing ran":       {nil, []string{"BD-001", "BD-002", "BD-003", "K1"}},
		"one of two claims": {append(slices.Clone(allPass), "TestFour attr BD-001", "TestFour fail"), []string{"BD-001"}},
	} {
		t.Run(what, func(t *testing.T) {
			all, faults := states(t, c.lines...)
			for id, state := range all {
				if wrong := slices.Contains(c.wrong, id); wrong != (state == "failing") {
					t.Errorf("%s is %s", id, state)
				}
			}
			if len(faults) < len(c.wrong) {
				t.Errorf("faults are %q", faults)
			}
		})
	}
}

func replaced(line, by string) []string {
	lines := slices.Clone(allPass)
	lines[slices.Index(lines, line)] = by
	return lines
}

func TestARuleThatNoTestClaimsNeedsItsReason(t *testing.T) {
	for what, c := range map[string]struct {
		exceptions string
		want       []string
	}{
		"none":     {"", []string{"BD-001", "BD-002", "BD-003", "K1", "SHOULD"}},
		"all":      {"BD-001,x\nBD-002,x\nBD-003,x\nK1,x\n", []string{"BD-001", "K1", "SHOULD"}},
		"only may": {"BD-003,not built\n", []string{"BD-001", "BD-002", "K1", "SHOULD"}},
	} {
		t.Run(what, func(t *testing.T) {
			book, err := readRules(rulesText, noExceptions+c.exceptions)
			if err != nil {
				t.Fatal(err)
			}
			faults := newMatrix(book, nil, seen{}).faults()
			if len(faults) != len(c.want) {
				t.Fatalf("faults are %q", faults)
			}
			for i, f := range faults {
				if !strings.Contains(f, c.want[i]) {
					t.Errorf("fault %q is not about %s", f, c.want[i])
				}
			}
		})
	}
}

func TestAnExceptionOfARuleThatIsShownIsAFault(t *testing.T) {
	book, err := readRules(rulesText, noExceptions+"BD-003,not built\n")
	if err != nil {
		t.Fatal(err)
	}
	claims, err := scan(module(t, sources))
	if err != nil {
		t.Fatal(err)
	}
	if faults := newMatrix(book, claims, believe(claims)).faults(); len(faults) != 1 {
		t.Errorf("faults are %q", faults)
	}
}

func TestBadRulesAndClaimsAreRefused(t *testing.T) {
	for what, c := range map[string]struct{ rules, exceptions string }{
		"a rule twice":               {rulesText + "K1,QUIRK,,,,again\n", noExceptions},
		"an unknown strength":        {rulesText + "K2,MUST,,,,x\n", noExceptions},
		"a rule without a title":     {rulesText + "K2,QUIRK,,,,\n", noExceptions},
		"an exception of no rule":    {rulesText, noExceptions + "K9,x\n"},
		"an exception without words": {rulesText, noExceptions + "K1,\n"},
		"another first line":         {"id,title\n", noExceptions},
	} {
		if _, err := readRules(c.rules, c.exceptions); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	for what, body := range map[string]string{
		"what is no literal":      `func TestX(t *testing.T) { t.Attr("shows", name) }`,
		"nothing":                 `func TestX(t *testing.T) { t.Attr("shows", "") }`,
		"a claim outside a test":  `func other(t *testing.T) { t.Attr("shows", "BD-001") }`,
		"a file that cannot read": `func {`,
	} {
		if _, err := scan(module(t, map[string]string{"x_test.go": "package x\n" + body + "\n"})); err == nil {
			t.Errorf("a claim of %s is taken", what)
		}
	}
	book, err := readRules(rulesText, noExceptions)
	if err != nil {
		t.Fatal(err)
	}
	if err := book.check([]claim{{test{"a", "TestX"}, []string{"BD-001", "BD-777"}}}); err == nil || !strings.Contains(err.Error(), "BD-777") {
		t.Errorf("a claim of an unknown rule gives %v", err)
	}
}

// The rules of the project are many, and each is told in a few words.
func TestTheRulesAreAllThere(t *testing.T) {
	book, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, r := range book.rules {
		kind := strings.TrimRight(r.id, "0123456789")
		count[kind]++
		if n := len(strings.Fields(r.title)); n > 12 {
			t.Errorf("%s is told in %d words", r.id, n)
		}
		if r.versions == "" && r.strength != quirk {
			t.Errorf("%s has no release", r.id)
		}
	}
	want := map[string]int{"BD-": 195, "BS-": 119, "K": 14, "P": 14, "M": 12, "D": 11, "N": 14, "A": 8}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Error(diff)
	}
}

func TestThePageSaysWhatTheSourcesClaimAndIsChecked(t *testing.T) {
	dir := module(t, sources)
	o := options{root: dir, page: "page.md", out: io.Discard}
	book, err := readRules(rulesText, noExceptions)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	believed := newMatrix(book, claims, believe(claims))
	if err := os.WriteFile(filepath.Join(dir, "page.md"), []byte(believed.markdown()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkPage(o, believed); err != nil {
		t.Errorf("the page that was written is refused: %v", err)
	}
	s, err := read(strings.NewReader(stream(allPass...)), "example.test/m", claims)
	if err != nil {
		t.Fatal(err)
	}
	if newMatrix(book, claims, s).markdown() != believed.markdown() {
		t.Error("a run in which all pass gives another page than the sources")
	}
	for _, word := range []string{"| BD-001 | SHALL | 1 2 | first | shown | a: TestOne |", "| K1 | QUIRK |  | a habit | shown |", "MAY \\*"} {
		if !strings.Contains(believed.markdown(), word) {
			t.Errorf("the page lacks %q:\n%s", word, believed.markdown())
		}
	}
	fewer := newMatrix(book, claims[1:], believe(claims[1:]))
	if err := checkPage(o, fewer); err == nil || !strings.Contains(err.Error(), "make conformance") {
		t.Errorf("a page of other claims gives %v", err)
	}
	if err := fewer.print(io.Discard); err != nil {
		t.Error(err)
	}
}
