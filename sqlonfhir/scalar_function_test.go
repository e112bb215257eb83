package sqlonfhir_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// resultOf evaluates one path over a patient and writes what it gives: values
// in brackets when there is not exactly one, and the reason of an error.
func resultOf(t *testing.T, path, line string) string {
	t.Helper()
	quoted, err := json.Marshal(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := sqlonfhir.Parse([]byte(`{"resource":"Patient","select":[{"column":[{"name":"a","collection":true,"path":` + string(quoted) + `}]}]}`))
	if err != nil {
		return err.Error()
	}
	p, err := sqlonfhir.Compile(v)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRunner()
	if err := r.Load([]byte(line)); err != nil {
		t.Fatal(err)
	}
	var texts []string
	err = r.Rows(0, func(row []sqlonfhir.Value) error {
		for _, x := range row[0].Items {
			texts = append(texts, string(x.Text))
		}
		return nil
	})
	if e, ok := errors.AsType[*sqlonfhir.EvalError](err); ok {
		return e.Reason
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return fmt.Sprint(texts)
}

const scalarLine = `{"resourceType":"Patient","id":"p","active":true,"birthDate":"1980-02-29","multipleBirthInteger":2,
	"name":[{"family":"  Grün\t","given":["Åsa","Bo 🔥 Li"]},{"text":"x"}],
	"text":{"div":"<div>a <b class=\"x\">bold</b>\n&amp; new</div>"},"weight":1.50,
	"period":{"start":"2024-02-28T23:30:00+02:00","end":"2024-03-01T00:10:59.999Z"}}`

func TestFunctionsOfOneValue(t *testing.T) {
	tests := map[string]string{
		"id.toString()":                           "p",
		"weight.toString()":                       "1.50",
		"active.toString()":                       "true",
		"period.toString()":                       "[]",
		"nothing.toString()":                      "[]",
		"name.toString()":                         "many_values",
		"multipleBirth.toString() & '!'":          "2!",
		"name.family.lower()":                     "  grün\t",
		"name.family.upper()":                     "  GRÜN\t",
		"name.family.trim()":                      "Grün",
		"active.lower()":                          "incomparable",
		"name.first().lower()":                    "incomparable",
		"name.given[1].length()":                  "7",
		"''.length()":                             "0",
		"name.given[1].substring(3)":              "🔥 Li",
		"name.given[1].substring(3, 1)":           "🔥",
		"name.given[1].substring(3, 99)":          "🔥 Li",
		"name.given[1].substring(3, 0)":           "",
		"name.given[1].substring(3, -1)":          "",
		"name.given[1].substring(3, {})":          "🔥 Li",
		"name.given[1].substring({})":             "[]",
		"name.given[1].substring(7)":              "[]",
		"name.given[1].substring(-1, 1)":          "[]",
		"id.substring('x')":                       "incomparable",
		"id.substring(1.5)":                       "incomparable",
		"id.substring(99999999999999999999)":      "[]",
		"name.given[1].indexOf('Li')":             "5",
		"name.given[1].indexOf('')":               "0",
		"name.given[1].indexOf('x')":              "-1",
		"name.given[1].indexOf('\\ud83d\\udd25')": "3",
		"'\\u00e9\\u20ac'":                        "é€",
		"name.given[1].indexOf({})":               "[]",
		"name.given[1].indexOf(1)":                "incomparable",
		"id.startsWith('p')":                      "true",
		"id.startsWith('')":                       "true",
		"id.startsWith('pp')":                     "false",
		"birthDate.endsWith('29')":                "true",
		"birthDate.contains('-02-')":              "true",
		"birthDate.contains({})":                  "[]",
		"{}.contains('x')":                        "[]",
		"id.contains(true)":                       "incomparable",
		"'abcabc'.replace('bc', 'x')":             "axax",
		"'abc'.replace('b', '')":                  "ac",
		"'a🔥c'.replace('', 'x')":                  "xax🔥xcx",
		"'abc'.replace('b', {})":                  "[]",
		"'abc'.replace({}, 'b')":                  "[]",
		"'abc'.replace(1, 'b')":                   "incomparable",
		"'abc'.replace('b', 1)":                   "incomparable",
		"birthDate.matches('^19')":                "true",
		"birthDate.matches('^20')":                "false",
		"'N8000123123'.matches('^N[0-9]{8}$')":    "false",
		"'N8000123123'.matches('N[0-9]{8}')":      "true",
		"'a\\nb'.matches('^a.b$')":                "true",
		"'a\\nb'.matches('^b')":                   "false",
		"'a\\nb'.matches('^B', 'im')":             "true",
		"nothing.matches('a')":                    "[]",
		"multipleBirth.matches('2')":              "incomparable",
		"text.div.replaceMatches('<[^>]*>', '')":  "a bold\n&amp; new",
		"'aaabaa'.replaceMatches('aa', '\"aa\"')": `"aa"ab"aa"`,
		`'11/30/1972'.replaceMatches('\\b(?<month>\\d{1,2})/(?<day>\\d{1,2})/(?<year>\\d{2,4})\\b', '${day}-${month}-${year}')`: "30-11-1972",
		"'ab'.replaceMatches('(a)(b)', '$2x$1')":                      "bxa",
		"'ab'.replaceMatches('b', '$$ $ ${')":                         "a$ $ ${",
		"'ABab'.replaceMatches('b', '-', 'i')":                        "A-a-",
		"{}.replaceMatches('b', 'c')":                                 "[]",
		"name.given.select(upper())":                                  "[ÅSA BO 🔥 LI]",
		"name.select(given.join('+'))":                                "Åsa+Bo 🔥 Li",
		"name.select(coalesce(text, family.trim()))":                  "[Grün x]",
		"name.select(nothing)":                                        "[]",
		"coalesce(nothing, name.text, id + 1)":                        "x",
		"coalesce(nothing)":                                           "[]",
		"coalesce(id + 1, id)":                                        "incomparable",
		"coalesce(name.where(use = 'home'), name).count()":            "2",
		"coalesce(deceased.ofType(boolean), multipleBirth) = 2":       "true",
		"coalesce(deceased, multipleBirth.ofType(integer))":           "2",
		"name.select(given).where($this.contains('🔥')).indexOf('Li')": "5",
		"iif(name.given.exists($this.startsWith('Å')), 'A', 'B')":     "A",
		"active.toString().upper().substring(0, 1)":                   "T",
		"%loinc":                          "http://loinc.org",
		"%sct":                            "http://snomed.info/sct",
		"%ucum":                           "http://unitsofmeasure.org",
		"%rootResource.id = %resource.id": "true",
		"--1":                             "1",
		"-+-2 * -1":                       "-2",
		"- -1":                            "1",
	}
	for path, want := range tests {
		if got := resultOf(t, path, scalarLine); got != want {
			t.Errorf("%s gives %q, want %q", path, got, want)
		}
	}
}

func TestWhatLiesBetweenTwoDates(t *testing.T) {
	tests := []struct{ from, to, unit, duration, difference string }{
		{"@2025-01-02", "@2025-01-07", "week", "0", "1"},
		{"@2025-01-01", "@2025-09-01", "year", "0", "0"},
		{"@2024-12-01", "@2025-09-01", "year", "0", "1"},
		{"@2024-12-01", "@2025-12-01", "year", "1", "1"},
		{"@2024-01-31", "@2024-02-29", "month", "0", "1"},
		{"@2024-01-31", "@2024-03-31", "month", "2", "2"},
		{"@2024-01-31", "@2024-03-30", "month", "1", "2"},
		{"@2024-03-31", "@2024-01-31", "month", "-2", "-2"},
		{"@2024-02-28", "@2024-03-01", "day", "2", "2"},
		{"@2023-02-28", "@2023-03-01", "day", "1", "1"},
		{"@1969-12-27", "@1969-12-28", "week", "0", "1"},
		{"@1969-12-28", "@1970-01-03", "week", "0", "0"},
		{"@1970-01-04", "@1969-12-28", "week", "-1", "-1"},
		{"@2024", "@2026", "year", "2", "2"},
		{"@2024", "@2026-05", "year", "2", "2"},
		{"@2024", "@2026-05", "month", "[]", "[]"},
		{"@2024-05-03", "@2024-05-03T10:00:00Z", "hour", "[]", "[]"},
		{"@2024-05-02", "@2024-05-03T10:00:00Z", "day", "1", "1"},
		{"@2024-05-02T10:00:00Z", "@2024-05-03T09:59:59Z", "day", "0", "1"},
		{"@2024-05-02T10:00:00Z", "@2024-05-03T10:00:00Z", "day", "1", "1"},
		{"@2024-05-02T10:00:00Z", "@2024-05-02T11:59:59Z", "hour", "1", "1"},
		{"@2024-05-02T10:30:00Z", "@2024-05-02T11:29:59Z", "hour", "0", "1"},
		{"@2024-05-02T11:29:59Z", "@2024-05-02T10:30:00Z", "hour", "0", "-1"},
		{"@2024-05-02T10:00:00+02:00", "@2024-05-02T09:30:30Z", "minute", "90", "90"},
		{"@2024-05-02T10:00:30Z", "@2024-05-02T10:01:29Z", "minute", "0", "1"},
		{"@2024-05-02T10:00Z", "@2024-05-02T10:30:59Z", "minute", "30", "30"},
		{"@2024-05-02T10:00", "@2024-05-02T10:30", "minute", "30", "30"},
		{"@2024-05-02T10:00", "@2024-05-02T10:30Z", "minute", "[]", "[]"},
		{"@2024-05-02T10:00", "@2024-06-02T10:30Z", "month", "1", "1"},
		{"@2024-05-02T10:00:00.5Z", "@2024-05-02T10:00:02.4Z", "second", "1", "2"},
		{"@2024-05-02T10:00:00.5Z", "@2024-05-02T10:00:02.4Z", "millisecond", "1900", "1900"},
		{"@1600-01-01T00:00:00Z", "@2600-01-01T00:00:00Z", "minute", "525949920", "525949920"},
		{"@T10:00", "@T11:30", "minute", "90", "90"},
		{"@T11:30", "@T10:00", "hour", "-1", "-1"},
		{"@T10", "@T11:30", "minute", "[]", "[]"},
		{"@T10:00", "@T11:30", "day", "incomparable", "incomparable"},
		{"@T10:00", "@2024-01-01", "hour", "incomparable", "incomparable"},
		{"'x'", "@2024-01-01", "hour", "incomparable", "incomparable"},
		{"@2024-01-01", "true", "day", "incomparable", "incomparable"},
		{"active", "@2024-01-01", "day", "incomparable", "incomparable"},
		{"nothing", "@2024-01-01", "day", "[]", "[]"},
		{"@2024-01-01", "nothing", "day", "[]", "[]"},
		{"period.start", "period.end", "minute", "1600", "1600"},
		{"name", "@2024-01-01", "day", "many_values", "many_values"},
	}
	for _, tt := range tests {
		for function, want := range map[string]string{"duration": tt.duration, "difference": tt.difference} {
			path := fmt.Sprintf("%s.%s(%s, '%s')", tt.from, function, tt.to, tt.unit)
			if got := resultOf(t, path, scalarLine); got != want {
				t.Errorf("%s gives %q, want %q", path, got, want)
			}
		}
	}
}

func TestMistakesInArgumentsAreOnesOfTheDefinition(t *testing.T) {
	const at = "view definition: select[0].column[0].path: "
	tests := map[string]string{
		"'\\ud83d'":                          at + "half of a character in a string (at character 2)",
		"'\\ud83d\\u0041'":                   at + "half of a character in a string (at character 2)",
		"'\\udd25\\ud83d'":                   at + "half of a character in a string (at character 2)",
		"'\\ud83d\\n1234'":                   at + "half of a character in a string (at character 2)",
		"'\\u12'":                            at + "unknown escape sequence in a string (at character 2)",
		"'\\u12gg'":                          at + "unknown escape sequence in a string (at character 2)",
		"id.matches('[')":                    at + "not a regular expression: error parsing regexp: missing closing ]: `[` (at character 12)",
		"id.matches(id)":                     at + "matches() takes strings and constants only (at character 12)",
		"id.matches('a', 'x')":               at + "the flags of a regular expression are i and m (at character 17)",
		"id.matches(1)":                      at + "matches() takes strings and constants only (at character 12)",
		"id.matches('((a{100}){100}){100}')": at + "not a regular expression: error parsing regexp: invalid repeat count: `{100}` (at character 12)",
		"id.matches('" + strings.Repeat("(a{1000})", 11) + "')": at + "the regular expression repeats too much (at character 12)",
		"id.matches('" + strings.Repeat("a", 1001) + "')":       at + "a regular expression has at most 1000 bytes (at character 12)",
		"id.replaceMatches('(a)', '$2')":                        at + "the regular expression has no group 2 (at character 26)",
		"id.replaceMatches('(a)', '${b}')":                      at + "the regular expression has no group b (at character 26)",
		"id.replaceMatches('a', id)":                            at + "replaceMatches() takes strings and constants only (at character 24)",
		"id.replaceMatches('a')":                                at + "replaceMatches() takes 2 to 3 arguments, not 1 (at character 4)",
		"birthDate.duration(@2020, 'fortnight')":                at + "duration() counts one of 'year', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond' (at character 27)",
		"birthDate.difference(@2020, id)":                       at + "difference() counts one of 'year', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond' (at character 29)",
		"birthDate.duration(@2020)":                             at + "duration() takes 2 arguments, not 1 (at character 11)",
		"id.startsWith()":                                       at + "startsWith() takes 1 argument, not 0 (at character 4)",
		"id.trim('x')":                                          at + "trim() takes 0 arguments, not 1 (at character 4)",
		"coalesce()":                                            at + "coalesce() takes 1 to 16 arguments, not 0 (at character 1)",
		strings.Repeat("-", 200) + "1":                          at + "the expression nests too deep (at character 100)",
	}
	for path, want := range tests {
		if got := resultOf(t, path, scalarLine); got != want {
			t.Errorf("%.60s gives\n%q, want\n%q", path, got, want)
		}
	}
}
