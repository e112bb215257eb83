package sqlonfhir

import (
	"fmt"
	"regexp"
	re2 "regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// Regular expressions are those of Go (RE2): they match in time linear in the
// text. They, and what replaces their matches, are known when a view is read,
// so that a mistake in them is one of the definition.

// A pattern is the regular expression of matches or replaceMatches.
type pattern struct {
	regexp   *regexp.Regexp
	template []byte // what replaces a match, in the form of [regexp.Regexp.Expand]
}

// maxPattern is how long a regular expression may be in bytes, and
// maxInstructions how large once its repetitions are written out.
const (
	maxPattern      = 1000
	maxInstructions = 10_000
)

// checkPattern reads the pattern of a call of matches or replaceMatches.
func checkPattern(call *syntax) error {
	var texts []string
	for _, a := range call.args {
		if a.op != opLiteral || a.value.kind != kindString {
			return &pathError{a.at, call.name + "() takes strings and constants only"}
		}
		texts = append(texts, string(a.value.text))
	}
	flags := "s"
	if last := len(texts) - 1; last > 0 && (last == 2 || call.name == "matches") {
		if strings.Trim(texts[last], "im") != "" {
			return &pathError{call.args[last].at, "the flags of a regular expression are i and m"}
		}
		flags += texts[last]
	}
	re, err := compilePattern(texts[0], flags)
	if err != nil {
		return &pathError{call.args[0].at, err.Error()}
	}
	call.pattern = &pattern{regexp: re}
	if call.name == "matches" {
		return nil
	}
	if call.pattern.template, err = readTemplate(texts[1], re); err != nil {
		return &pathError{call.args[1].at, err.Error()}
	}
	return nil
}

func compilePattern(text, flags string) (*regexp.Regexp, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("a regular expression has at most %d bytes", maxPattern)
	}
	text = "(?" + flags + ")" + text
	parsed, err := re2.Parse(text, re2.Perl)
	if err != nil {
		return nil, fmt.Errorf("not a regular expression: %w", err)
	}
	program, err := re2.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("not a regular expression: %w", err)
	}
	if len(program.Inst) > maxInstructions {
		return nil, fmt.Errorf("the regular expression repeats too much")
	}
	return regexp.Compile(text)
}

// readTemplate reads a substitution, in which $1 and ${name} are groups and $$
// is a dollar sign.
func readTemplate(text string, re *regexp.Regexp) ([]byte, error) {
	var t []byte
	for {
		before, rest, found := strings.Cut(text, "$")
		t = append(t, before...)
		if !found {
			return t, nil
		}
		name, after := groupName(rest)
		text = after
		if name == "" {
			t = append(t, "$$"...)
			continue
		}
		if n, err := strconv.Atoi(name); err == nil && n > re.NumSubexp() || err != nil && !slices.Contains(re.SubexpNames(), name) {
			return nil, fmt.Errorf("the regular expression has no group %s", name)
		}
		t = append(append(append(t, "${"...), name...), '}')
	}
}

// groupName returns the group that stands behind a dollar sign, and what is
// behind it. The name is empty when the dollar sign stands for itself.
func groupName(s string) (name, rest string) {
	if rest, ok := strings.CutPrefix(s, "$"); ok {
		return "", rest
	}
	if inside, ok := strings.CutPrefix(s, "{"); ok {
		if name, rest, ok := strings.Cut(inside, "}"); ok && name != "" {
			return name, rest
		}
		return "", s
	}
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n], s[n:]
}

func matches(m *machine, c *scalarCall) error {
	text, err := c.subject(m)
	if err == nil {
		m.pushTruth(truthOf(c.s.pattern.regexp.Match(text)))
	}
	return err
}

func replaceMatches(m *machine, c *scalarCall) error {
	return m.mapText(c, func(text []byte) []byte {
		return c.s.pattern.regexp.ReplaceAll(text, c.s.pattern.template)
	})
}
