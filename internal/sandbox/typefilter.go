package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A typeFilter is one FHIR search of one resource type, as _typeFilter has it.
// https://hl7.org/fhir/uv/bulkdata/STU2/export.html#_typefilter-experimental-query-parameter
type typeFilter struct {
	kind   string // resource type
	search []criterion
}

// A criterion is one search parameter: any of its values will do.
type criterion struct {
	name   string
	values []string
}

var filteredType = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)

// resultParams say what a search answers with, not what it finds.
var resultParams = []string{
	"_sort", "_count", "_include", "_revinclude", "_summary", "_total", "_elements", "_contained", "_containedType", "_score", "_maxresults",
}

// readFilter reads one query such as Observation?status=final,amended. A comma
// with a backslash before it is an ordinary comma, as some vendors' manuals
// have it.
func readFilter(s string) (typeFilter, error) {
	kind, query, ok := strings.Cut(s, "?")
	if !ok || !filteredType.MatchString(kind) {
		return typeFilter{}, errors.New("a filter must be like Type?parameter=value")
	}
	values, err := url.ParseQuery(query)
	if err != nil || len(values) == 0 {
		return typeFilter{}, errors.New("the filter's query cannot be read")
	}
	f := typeFilter{kind: kind}
	for name, all := range values {
		if slices.Contains(resultParams, name) {
			return typeFilter{}, fmt.Errorf("%s is no search criterion", name)
		}
		if _, ok := criteria[name]; !ok {
			return typeFilter{}, fmt.Errorf("the search parameter %q is not supported", name)
		}
		for _, v := range all {
			f.search = append(f.search, criterion{name, strings.Split(strings.ReplaceAll(v, `\,`, ","), ",")})
		}
	}
	slices.SortFunc(f.search, func(a, b criterion) int { return strings.Compare(a.name, b.name) })
	return f, nil
}

// splitFilters splits s at the commas between filters.
func splitFilters(s string, quote CommaQuote) []string {
	if quote == CommaBackslash {
		s = strings.NewReplacer("%2C", ",", "%2c", ",").Replace(s)
	}
	var parts []string
	start := 0
	for i := range len(s) {
		if s[i] == ',' && (i == 0 || s[i-1] != '\\' || quote == CommaPercent) {
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// String is the filter as a server understood it, with plain commas.
func (f typeFilter) String() string {
	var b strings.Builder
	b.WriteString(f.kind)
	for i, c := range f.search {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(c.name + "=" + strings.Join(c.values, ","))
	}
	return b.String()
}

// criteria are the search parameters that a sandbox knows: the elements where
// each of them looks.
var criteria = map[string][]string{
	"_id":             {"id"},
	"_lastUpdated":    {"meta.lastUpdated"},
	"status":          {"status"},
	"clinical-status": {"clinicalStatus"},
	"intent":          {"intent"},
	"gender":          {"gender"},
	"active":          {"active"},
	"type":            {"type"},
	"class":           {"class"},
	"category":        {"category"},
	"code":            {"code", "medicationCodeableConcept"},
	"vaccine-code":    {"vaccineCode"},
	"birthdate":       {"birthDate"},
	"date":            {"effectiveDateTime", "period.start", "date", "occurrenceDateTime", "performedDateTime", "performedPeriod.start"},
	"authoredon":      {"authoredOn"},
	"issued":          {"issued"},
	"onset-date":      {"onsetDateTime"},
	"recorded-date":   {"recordedDate"},
}

// matches reports whether a resource is found by all of f's criteria.
func (f typeFilter) matches(line []byte) bool {
	var resource map[string]any
	if json.Unmarshal(line, &resource) != nil {
		return false
	}
	return !slices.ContainsFunc(f.search, func(c criterion) bool { return !c.matches(resource) })
}

func (c criterion) matches(resource map[string]any) bool {
	for _, path := range criteria[c.name] {
		for _, have := range valuesAt(resource, strings.Split(path, ".")) {
			if slices.ContainsFunc(c.values, func(want string) bool { return found(have, want) }) {
				return true
			}
		}
	}
	return false
}

// valuesAt collects the values at a path: strings, and system|code of codings.
func valuesAt(v any, path []string) []string {
	switch v := v.(type) {
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, valuesAt(one, path)...)
		}
		return all
	case map[string]any:
		if len(path) > 0 {
			return valuesAt(v[path[0]], path[1:])
		}
		if codings, ok := v["coding"]; ok {
			return valuesAt(codings, nil)
		}
		if code, ok := v["code"].(string); ok {
			system, _ := v["system"].(string)
			return []string{system + "|" + code}
		}
	case string:
		if len(path) == 0 {
			return []string{v}
		}
	case bool:
		if len(path) == 0 {
			return []string{fmt.Sprint(v)}
		}
	}
	return nil
}

var prefixed = regexp.MustCompile(`^(eq|ne|gt|ge|lt|le|sa|eb)?(\d{4}(-\d\d(-\d\d(T.*)?)?)?)$`)

// found reports whether one value of a resource is what a search wants: the
// same date (or on the right side of it), the same code, the same text.
func found(have, want string) bool {
	if m := prefixed.FindStringSubmatch(want); m != nil {
		if ok, is := compareDates(have, m[1], m[2]); is {
			return ok
		}
	}
	system, code, coded := strings.Cut(have, "|")
	switch {
	case !coded:
		return have == want
	case strings.Contains(want, "|"):
		return want == have || want == system+"|" || (strings.HasPrefix(want, "|") && want[1:] == code)
	}
	return want == code
}

// compareDates compares have with the moment, day, month or year that want
// names. The second result is false when have is no date.
func compareDates(have, prefix, want string) (ok, is bool) {
	at, _, err := span(have)
	from, to, err2 := span(want)
	if err != nil || err2 != nil {
		return false, false
	}
	within := !at.Before(from) && at.Before(to)
	switch prefix {
	case "ne":
		return !within, true
	case "gt", "sa":
		return !at.Before(to), true
	case "ge":
		return !at.Before(from), true
	case "lt", "eb":
		return at.Before(from), true
	case "le":
		return at.Before(to), true
	}
	return within, true
}

// span returns the first moment of a FHIR date and the one after its last.
func span(s string) (from, to time.Time, err error) {
	for _, one := range []struct {
		layout              string
		years, months, days int
		rest                time.Duration
	}{
		{"2006", 1, 0, 0, 0},
		{"2006-01", 0, 1, 0, 0},
		{time.DateOnly, 0, 0, 1, 0},
		{time.RFC3339Nano, 0, 0, 0, 1},
	} {
		if from, err = time.Parse(one.layout, s); err == nil {
			return from, from.AddDate(one.years, one.months, one.days).Add(one.rest), nil
		}
	}
	return from, to, err
}
