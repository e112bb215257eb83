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

const replays = `
## How a replay works

A replay is an export of its own, of the refused lines of one export that has completed. It asks the server for nothing but documents, where these are wanted;
it moves no watermark and removes nothing that is absent; it goes through ingest and publication like every export, can be watched, cancelled and resumed like one, and
survives a crash at any moment. Lines that pass are delivered to the destinations that took the export and are the practice's still. In one
transaction at its end they go from quarantined to delivered in the counts of their file; a line that is refused again stays, with its
place and its new reason. Rows name the file and the line that they came in: the columns ` + "`source_file` and `source_line`" + ` are those of the
original file.

What it delivers is old, and must not undo what is newer. So:

| the resource of the line | what the replay does |
|---|---|
| came with a later export (delivered there, whatever its ` + "`last_updated`" + ` says, or without one) | leaves it as it is |
| was deleted by a later export | leaves it deleted |
| is of a type of which a later full export of the same patients brought files | takes nothing: that export brought what the practice has, or refused it anew; its own refused lines can be replayed |
| is there, from the same export or an earlier one | the later ` + "`last_updated`" + ` wins; where one of the two has none, the line |
| has another line in the same export that the agreement withholds, that is no older and stays in quarantine | does not deliver it |
| is not there | delivers it |

A deletion that is taken again follows the same rules. A later export is one that was asked for later; a replay counts as of the time of the
export whose lines it takes. The agreement is asked anew: types that it no longer permits stay in quarantine, and when it has ended nothing
is taken or shown. The lines of error files bring nothing to tables and are not taken again. The longest line, the views, the rules of
` + "`validation`" + ` and ` + "`fhir_base_url`" + ` are those of the present configuration; a bulkhead that is at work has that with which it was started, so
restart it after a change.

` + "`--dry-run`" + ` judges the lines in a folder of its own within the state folder, removes it and changes nothing else.
`

// Markdown is the page docs/refusals.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(preface)
	b.WriteString("| reason | what is wrong | who must act | replay can help |\n|---|---|---|---|\n")
	for _, m := range Meanings {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", m.Reason, anchor(m.Reason), m.Means, m.Who, yes(m.Replay))
	}
	b.WriteString(replays)
	for _, m := range Meanings {
		fmt.Fprintf(&b, "\n## %s\n\nRefused because %s.\n\nExample: `%s`\n\nWho must act: %s. %s\n", m.Reason, m.Means, m.Example, m.Who, m.Do)
	}
	return b.String()
}

// anchor is how a page's reader names a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
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
