package life

import (
	"fmt"
	"strings"
)

// Markdown draws the table as the page docs/states.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# The life of an export\n\nDrawn from the table in `internal/life` (`make docs`). " +
		"Every arrow is one compare-and-swap in the ledger, in the transaction that also records why.\n\n```mermaid\nstateDiagram-v2\n  [*] --> requested\n")
	for _, from := range States {
		for _, e := range Events(from) {
			fmt.Fprintf(&b, "  %s --> %s: %s\n", from, next[from][e], e)
		}
		if from.Over() && len(next[from]) == 0 {
			fmt.Fprintf(&b, "  %s --> [*]\n", from)
		}
	}
	b.WriteString("```\n\n| state | holds a slot | has ended | what can happen |\n|---|---|---|---|\n")
	for _, s := range States {
		var events []string
		for _, e := range Events(s) {
			events = append(events, string(e))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s, yes(s.Busy()), yes(s.Over()), strings.Join(events, ", "))
	}
	return b.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
