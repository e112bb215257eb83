package config

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// A Mistake is one thing that is wrong with a configuration.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"`    // from 1; 0 when it is about no line
	Field   string `json:"field"`   // such as tenants[0].group; empty for a file as a whole
	Text    string `json:"text"`    // what is wrong, as the rest of a sentence that Field begins
	Excerpt string `json:"excerpt"` // the line and what leads to it, without anything that may be secret
}

// String gives the mistake on one line and its excerpt below.
func (m Mistake) String() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d", m.Line)
	}
	b.WriteString(": ")
	if m.Field != "" {
		b.WriteString(m.Field + " ")
	}
	b.WriteString(m.Text)
	if m.Excerpt != "" {
		b.WriteString("\n" + strings.TrimRight(m.Excerpt, "\n"))
	}
	return b.String()
}

// Mistakes are all that is wrong with a configuration, in the order in which a
// reader of the files meets them.
type Mistakes []Mistake

// Error gives each mistake with its excerpt, each on lines of its own.
func (m Mistakes) Error() string {
	var b strings.Builder
	for i := range m {
		b.WriteString("\n" + m[i].String())
	}
	return b.String()
}

// inOrder returns the mistakes by file and line, without those that repeat the
// field of the mistake before them: the first is enough. files are the files'
// names in order.
func (m Mistakes) inOrder(files []string) Mistakes {
	sorted := slices.Clone(m)
	slices.SortStableFunc(sorted, func(a, b Mistake) int {
		return cmp.Or(
			cmp.Compare(slices.Index(files, a.File), slices.Index(files, b.File)),
			cmp.Compare(a.Line, b.Line))
	})
	return slices.CompactFunc(sorted, func(a, b Mistake) bool {
		return a.File == b.File && a.Field == b.Field && a.Line == b.Line && a.Field != ""
	})
}

// A place is where a value stands: a file and a path of fields in it.
type place struct {
	src  *source
	path string
}

// at returns the place of a field below p.
func (p place) at(field string) place {
	if p.path != "" && !strings.HasPrefix(field, "[") {
		field = "." + field
	}
	return place{p.src, p.path + field}
}

func (p place) index(i int) place { return p.at(fmt.Sprintf("[%d]", i)) }

// A source is one file as it was read.
type source struct {
	name   string
	lines  []string
	marks  map[string]int // path of a value to the line on which it begins
	unread bool           // it holds no document, or what is none
}

// line finds the line of a path, or of the nearest path above it.
func (s *source) line(path string) int {
	for path != "" {
		if n, ok := s.marks[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// excerpt shows line n and up to two lines before it.
func (s *source) excerpt(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	var b strings.Builder
	for i := max(n-2, 1); i <= n; i++ {
		mark := " "
		if i == n {
			mark = ">"
		}
		fmt.Fprintf(&b, "%s %4d | %s\n", mark, i, masked(s.lines[i-1]))
	}
	return b.String()
}

var (
	// A line of the file is a key with a value, an item of a list, or fields
	// between braces.
	keyLine   = regexp.MustCompile(`^([\s-]*)([A-Za-z_][\w-]*)(\s*:)(\s*)(.*)$`)
	itemLine  = regexp.MustCompile(`^\s*- +["']?[A-Za-z0-9][\w./*-]{0,62}["']?\s*$`)
	braceLine = regexp.MustCompile(`^\s*- +(\{.*\})\s*$`)
	inBraces  = regexp.MustCompile(`[{,]\s*([^\s:,{}]+)\s*:\s`)
	harmless  = regexp.MustCompile(`^[\w .,:/*\[\]"'&<=+{}-]{0,200}$`)
	envName   = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,62}$`)
)

const hidden = "[not shown]"

// masked returns a line of the file without what may be a secret: only the
// values of fields that we know are shown, and of those only what looks like
// a value of ours.
func masked(line string) string {
	if strings.TrimSpace(line) == "" || itemLine.MatchString(line) {
		return line
	}
	if m := braceLine.FindStringSubmatch(line); m != nil && braces(m[1]) {
		return line
	}
	m := keyLine.FindStringSubmatch(line)
	switch {
	case m == nil:
		return line[:len(line)-len(strings.TrimLeft(line, " -"))] + hidden
	case m[5] == "" || braces(m[5]) || showable(m[2], m[5]):
		return line
	default:
		return m[1] + m[2] + m[3] + m[4] + hidden
	}
}

// secretPlaces are the fields that name where a secret is: somebody may have
// written the secret itself there.
var secretPlaces = []string{"key_env", "key_file", "url_env", "url_file"}

// braces reports whether value is {field: value, ...} with nothing to hide.
func braces(value string) bool {
	if !strings.HasPrefix(value, "{") || !harmless.MatchString(value) {
		return false
	}
	for _, m := range inBraces.FindAllStringSubmatch(value, -1) {
		if !slices.Contains(fields, m[1]) || slices.Contains(secretPlaces, m[1]) {
			return false
		}
	}
	return true
}

func showable(field, value string) bool {
	if !slices.Contains(fields, field) || !harmless.MatchString(value) || strings.HasPrefix(value, "{") {
		return false
	}
	switch field {
	case "key_env", "url_env":
		return envName.MatchString(value)
	case "key_file":
		return !strings.Contains(value, "-----") && len(value) < 100 && strings.ContainsAny(value, "./")
	case "url_file":
		return !strings.Contains(value, "://") && len(value) < 100 && strings.ContainsAny(value, "./")
	default:
		return true
	}
}

// fields are the names of all fields of a configuration and of a profile.
var fields = slices.Concat(fieldsOf(reflect.TypeFor[Config]()), fieldsOf(reflect.TypeFor[Profile]()))

func fieldsOf(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fieldsOf(t.Elem())
	case reflect.Struct:
		var names []string
		for f := range t.Fields() {
			if name := f.Tag.Get("yaml"); name != "" {
				names = append(append(names, name), fieldsOf(f.Type)...)
			}
		}
		return names
	default:
		return nil
	}
}
