package alert

import (
	"regexp"
	"strings"
	"unicode"
)

var (
	query  = regexp.MustCompile(`(https?://[^\s?#"'<>]*)[?#][^\s"'<>]*`)
	user   = regexp.MustCompile(`(https?://)[^\s/@"'<>]+@`)
	tokens = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]+)*|(?i:\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,})`)
)

const longest = 600 // runes of one text

// clean is the last door before a text leaves: it takes the queries and the
// users of URLs and what looks like a token out, puts it on one line and
// bounds its length. What it is given should hold none of them.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, text)
	text = query.ReplaceAllString(text, "$1")
	text = user.ReplaceAllString(text, "$1")
	text = tokens.ReplaceAllString(text, "[not shown]")
	if r := []rune(text); len(r) > longest {
		text = string(r[:longest]) + "…"
	}
	return text
}
