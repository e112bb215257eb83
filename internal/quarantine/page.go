package quarantine

import (
	"fmt"
	"strings"
)

const preface = `# Refused lines

No line that a server sends is ever dropped. A line that cannot be taken goes to the export's quarantine, as it was received, with its
reason, the name of its file, its number and its offset; the rest of the file is delivered. For each file
lines = delivered + quarantined + blank, always. This page says what each reason means. It is generated (` + "`make docs`" + `).

| to | use |
|---|---|
| see what is refused, why, and who must act | ` + "`bulkhead quarantine list [TENANT]`" + ` |
| look at lines, without what they say of a patient | ` + "`bulkhead quarantine show TENANT --export ID`" + ` |
| see a line as it was received; who looked, and why, is recorded | ` + "`bulkhead quarantine show TENANT --export ID --line N --reveal --reason-for-access TEXT`" + ` |
| see what would pass now | ` + "`bulkhead quarantine replay TENANT --all --dry-run`" + ` |
| take refused lines again after a rule or a view has changed | ` + "`bulkhead quarantine replay TENANT --all`" + ` |

`

// Markdown is the page docs/refusals.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(preface)
	b.WriteString("| reason | what is wrong | who must act | replay can help |\n|---|---|---|---|\n")
	for _, m := range Meanings {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", m.Reason, anchor(m.Reason), m.Means, m.Who, yes(m.Replay))
	}
	for _, m := range Meanings {
		fmt.Fprintf(&b, "\n## %s\n\nRefused because %s.\n\nExample: `%s`\n\nWho must act: %s. %s\n", m.Reason, m.Means, m.Example, m.Who, m.Do)
	}
	return b.String()
}

// anchor is how a page's reader names a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, heading)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
