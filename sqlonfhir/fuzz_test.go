package sqlonfhir_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// FuzzParse holds any definition to its contract: a view that runs without
// panicking, or a DefinitionError.
func FuzzParse(f *testing.F) {
	f.Add([]byte(observationView))
	f.Add([]byte(withColumn("name.where(use = 'x').family.first()")))
	f.Add([]byte(`{"resource":"Patient","constant":[{"name":"c","valueDecimal":1.0}],"where":[{"path":"%c > 0"}],"select":[{"repeat":["a","b.c"],"unionAll":[{"column":[{"name":"a","path":"$this","collection":true}]},{"forEachOrNull":"x","column":[{"name":"a","path":"%rowIndex","collection":true}]}]}]}`))
	f.Fuzz(func(t *testing.T, definition []byte) {
		v, err := sqlonfhir.Parse(definition)
		if err != nil {
			if _, ok := errors.AsType[*sqlonfhir.DefinitionError](err); !ok {
				t.Fatalf("Parse = %v, want a DefinitionError", err)
			}
			return
		}
		runOver(t, v)
	})
}

// FuzzPath does the same with one expression.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"name.given", "a.b[0].c", "name.where(use = 'official' and given.exists()).first().family", "value.ofType(Quantity).value > 1.50",
		"birthDate.highBoundary()", "'a' + 'b' & {}", "-1 * (2 / 3) div 4 mod 5 - 6", "iif(active, 1, 2)", "@2020-01-01T00:00:00.000+02:00 >= @T10:00",
		"extension('u').value", "`x`.%resource", "getResourceKey() != link.other.getReferenceKey(Patient)", "name.given.join(', ') // x", "$this xor true implies false",
		"name.select(given.join(' ') & ' ' & family.upper()).first().substring(1, 3)", "coalesce(a, b).toString().replace('x', 'y').trim().length()",
		"id.matches('^[a-z]{1,64}$', 'im') and id.replaceMatches('(a)(?<b>.)', '${b}$1$$').contains('\\ud83d\\udd25')", "--1.lowBoundary(3) mod 2",
		"deceased.ofType(dateTime).duration(@2024-02-29T10:00:00Z, 'minute')", "birthDate.difference(%resource.birthDate, 'week')", "name.given.indexOf('x').lower().endsWith('y')",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		quoted, err := json.Marshal(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := sqlonfhir.Parse([]byte(`{"resource":"Patient","select":[{"column":[{"name":"a","collection":true,"path":` + string(quoted) + `}]}]}`))
		if err == nil {
			runOver(t, v)
		}
	})
}

var fuzzLines = []string{
	`{"resourceType":"Patient","id":"a","active":true,"birthDate":"1970-06","name":[{"use":"official","family":"F","given":["x","y"]},null,{"given":[]}],` +
		`"link":[{"other":{"reference":"Patient/a"}}],"deceasedDateTime":"2020-01-01T10:00:00Z","extension":[{"url":"u","valueQuantity":{"value":1.5}}],"item":[{"item":[{"item":{}}]}]}`,
	`{"resourceType":"Patient","id":"a","name":"x","value":1e400,"a":[[[1]],{"b":{"c":true}}],"x":{"y":-1.50}}`,
	observationLine,
}

func runOver(t *testing.T, v *sqlonfhir.View) {
	p, err := sqlonfhir.Compile(v)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRunner()
	for _, line := range fuzzLines {
		if err := r.Load([]byte(line)); err != nil {
			t.Fatal(err)
		}
		rows := 0
		err := r.Rows(0, func(row []sqlonfhir.Value) error {
			if len(row) != len(v.Columns()) {
				t.Fatalf("a row of %d values, want %d", len(row), len(v.Columns()))
			}
			if rows++; rows > 1000 {
				return errors.New("enough")
			}
			return nil
		})
		if e, ok := errors.AsType[*sqlonfhir.EvalError](err); ok && e.Reason == "" {
			t.Fatal("an EvalError without a reason")
		}
	}
}
