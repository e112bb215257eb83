package doctor

import (
	"fmt"
	"strings"
)

// Markdown is the table of checks as it stands in docs/doctor.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| check | what is compared | what to do | what `--repair` does |\n|---|---|---|---|\n")
	for _, m := range Checks {
		looks, repair := m.Looks, m.Repair
		if m.Deep {
			looks += " (`--deep`)"
		}
		if repair == "" {
			repair = "nothing"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Check, looks, m.Next, repair)
	}
	return b.String()
}
