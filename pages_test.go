package bulkhead_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	tick  = regexp.MustCompile("`([^`]+)`")
	fence = regexp.MustCompile("(?s)```.*?```")
)

func TestEveryLinkOfAPageLeadsToAFile(t *testing.T) {
	t.Parallel()
	walk(t, ".md", func(path string, text []byte) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
				continue
			}
			if u.Scheme != "" || u.Path == "" {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), u.Path)); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
			}
		}
	})
}

// ARCHITECTURE.md has one row for each invariant; its last column names the
// files that uphold it, and there the line is marked with the number.
func TestEachInvariantIsMarkedWhereTheArchitectureSaysItIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 10; n++ {
		name := fmt.Sprintf("I%d", n)
		row := regexp.MustCompile(`(?m)^\| \*\*` + name + `\*\* \|.*\|$`).FindString(string(text))
		if row == "" {
			t.Errorf("ARCHITECTURE.md has no row for %s", name)
			continue
		}
		cells := strings.Split(strings.Trim(row, "| "), "|")
		files := tick.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(files) == 0 {
			t.Errorf("%s: the architecture names no file that upholds it", name)
		}
		mark := regexp.MustCompile(`//.*\b` + name + `\b`)
		for _, f := range files {
			code, err := os.ReadFile(f[1])
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !mark.Match(code) {
				t.Errorf("%s: %s has no line marked // %s", name, f[1], name)
			}
		}
	}
}
