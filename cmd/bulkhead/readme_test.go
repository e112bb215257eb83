package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// The README has a row for every verb.
func TestTheReadmeNamesEveryVerb(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var out, trouble bytes.Buffer
	if status := cli.Main(t.Context(), []string{"--help"}, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &trouble}); status != 0 {
		t.Fatal(trouble.String())
	}
	_, commands, _ := strings.Cut(out.String(), "Commands:")
	found := regexp.MustCompile(`(?m)^  ([a-z]+)(?: ([a-z-]+))?  +[A-Z]`).FindAllStringSubmatch(commands, -1)
	for _, m := range found {
		row := regexp.MustCompile("(?m)^\\|.*`(?:bulkhead )?" + m[1] + "\\b.*$").FindString(string(page))
		if row == "" {
			t.Errorf("bulkhead %s is in no row", m[1])
		}
		if rest := strings.ReplaceAll(row, "`", " "); m[2] != "" && m[2] != "now" && !strings.Contains(rest, " "+m[2]+" ") {
			t.Errorf("bulkhead %s %s is not in %q", m[1], m[2], row)
		}
	}
	if len(found) < 40 {
		t.Errorf("%d verbs: %s", len(found), commands)
	}
}

// Whoever is woken by an alert finds its row.
func TestTheOperationsPageHasARowForEveryAlert(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range config.AlertKinds() {
		if !strings.Contains(string(page), "\n| `"+kind+"` | ") {
			t.Errorf("%s has no row", kind)
		}
	}
}
