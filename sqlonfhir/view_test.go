package sqlonfhir_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/google/go-cmp/cmp"
)

// withColumn returns a view of Patient with one column of that path.
func withColumn(path string) string {
	return `{"resource":"Patient","name":"v","select":[{"column":[{"name":"a","path":"` + path + `"}]}]}`
}

func TestDefinitionErrorsNameTheirPlace(t *testing.T) {
	deep := strings.Repeat(`{"select":[`, 200) + `{}` + strings.Repeat(`]}`, 200)
	tests := []struct{ view, place, reason string }{
		{``, "", "not valid JSON: the text ends too early (in line 1)"},
		{"{\n\"resource\": \"Patient\",\n", "", "not valid JSON: the text ends too early (in line 3)"},
		{"{\n\"resource\": Patient}", "", "not valid JSON: invalid character 'P' at start of value (in line 2)"},
		{`{} {}`, "", "not valid JSON: there is something behind the view"},
		{`[]`, "", "an object expected"},
		{"{\"resource\":\"Patient\",\n\"resource\":\"Patient\"}", "", `not valid JSON: the member "resource" is there twice (in line 2)`},
		{`{"select":[]}`, "resource", "the resource type is missing"},
		{`{"resource":"patient"}`, "resource", "not the name of a resource type"},
		{`{"resource":7}`, "resource", "a string expected"},
		{`{"resource":"Patient","resourceType":"Patient"}`, "resourceType", "not a ViewDefinition"},
		{`{"resource":"Patient","name":"1st"}`, "name", "a letter followed by letters, digits and underscores expected"},
		{`{"resource":"Patient","selekt":[]}`, "selekt", "unknown element"},
		{`{"resource":"Patient"}`, "select", "the view has no columns"},
		{`{"resource":"Patient","select":{}}`, "select", "a list expected"},
		{`{"resource":"Patient","select":[1]}`, "select[0]", "an object expected"},
		{`{"resource":"Patient","select":[{"colum":[]}]}`, "select[0].colum", "unknown element"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a"}]}]}`, "select[0].column[0].path", "the path is missing"},
		{`{"resource":"Patient","select":[{"column":[{"path":"id"}]}]}`, "select[0].column[0].name", "the name is missing"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a b","path":"id"}]}]}`, "select[0].column[0].name", "a letter followed by letters, digits and underscores expected"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id","collection":"yes"}]}]}`, "select[0].column[0].collection", "a boolean expected"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id","type":""}]}]}`, "select[0].column[0].type", "an empty string"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id","tag":[{"name":"t"}]}]}]}`, "select[0].column[0].tag[0]", "a tag has a name and a value"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id"},{"name":"a","path":"id"}]}]}`, "select[0].column[1].name", "a is the name of select[0].column[0]"},
		{`{"resource":"Patient","select":[{"forEach":"name","repeat":["name"]}]}`, "select[0]", "at most one of forEach, forEachOrNull and repeat"},
		{`{"resource":"Patient","select":[{"repeat":["a", 1]}]}`, "select[0].repeat[1]", "a string expected"},
		{`{"resource":"Patient","select":[{"select":[{"forEach":"a..b"}]}]}`, "select[0].select[0].forEach", `unexpected "." (at character 3)`},
		{`{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"b","path":"id"}]}]}]}`, "select[0].unionAll[1]", "column 1 is b, but a in the first branch of the unionAll"},
		{`{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"a","path":"id"}]},{}]}]}`, "select[0].unionAll[1]", "0 columns, but the first branch of the unionAll has 1"},
		{`{"resource":"Patient","select":[{"unionAll":[]}]}`, "select[0].unionAll", "the branches are missing"},
		{`{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"select":[{"column":[{"name":"a","path":"id","collection":true}]}]}]}]}`, "select[0].unionAll[1].select[0].column[0]", "column a is a collection in one branch of the unionAll only"},
		{`{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"a","path":"id","type":"id"}]},{"column":[{"name":"a","path":"active","type":"boolean"}]}]}]}`, "select[0].unionAll[1].column[0]", "column a is BOOLEAN, but CHARACTER VARYING in the first branch of the unionAll"},
		{`{"resource":"Patient","select":[{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"a","path":"id.x("}]}]}]}`, "select[0].unionAll[1].column[0].path", `the function "x" is not supported in views (at character 4)`},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id"}]},{"select":[{"unionAll":[{"column":[{"name":"b","path":"id"},{"name":"a","path":"id"}]}]}]}]}`, "select[1].select[0].unionAll[0].column[1].name", "a is the name of select[0].column[0]"},
		{`{"resource":"Patient","select":[{"repeat":"a"}]}`, "select[0].repeat", "a list expected"},
		{`{"resource":"Patient","select":[{"repeat":[]}]}`, "select[0].repeat", "the paths are missing"},
		{`{"resource":"Patient","select":[{"forEachOrNull":7}]}`, "select[0].forEachOrNull", "a string expected"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id","tag":[{"name":"t","value":7}]}]}]}`, "select[0].column[0].tag[0].value", "a string expected"},
		{`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id","tag":[{"name":"t","value":"v","x":1}]}]}]}`, "select[0].column[0].tag[0].x", "unknown element"},
		{`{"resource":"Patient","where":[{"path":""}]}`, "where[0].path", "an empty string"},
		{`{"resource":"Patient","where":[{"pth":"true"}]}`, "where[0].pth", "unknown element"},
		{`{"resource":"Patient","constant":[{"name":"c","valueString":"x"},{"name":"c","valueString":"x"}]}`, "constant[1].name", "the constant is defined twice"},
		{`{"resource":"Patient","constant":[{"valueString":"x"}]}`, "constant[0].name", "a name of letters, digits and underscores expected"},
		{`{"resource":"Patient","constant":[{"name":"c","valueString":"x","valueCode":"y"}]}`, "constant[0]", "a constant has exactly one value"},
		{`{"resource":"Patient","where":[{"path":"a"},{"path":"f()"}]}`, "where[1].path", `the function "f" is not supported in views (at character 1)`},
		{`{"resource":"Patient","constant":[{"name":"c"}]}`, "constant[0]", "a constant has exactly one value"},
		{`{"resource":"Patient","constant":[{"name":"c","valueDate":"2020-02-30"}]}`, "constant[0].valueDate", "not a value of its type"},
		{`{"resource":"Patient","constant":[{"name":"c","valueCoding":{}}]}`, "constant[0].valueCoding", "unknown element"},
		{withColumn(`%c`), "select[0].column[0].path", "the constant %c is not defined (at character 1)"},
		{withColumn(`name.first(1)`), "select[0].column[0].path", "first() takes 0 arguments, not 1 (at character 6)"},
		{withColumn(`name.join(1, 2)`), "select[0].column[0].path", "join() takes 0 to 1 arguments, not 2 (at character 6)"},
		{withColumn(`a | b`), "select[0].column[0].path", `the operator "|" is not supported in views (at character 3)`},
		{withColumn(`a ? b`), "select[0].column[0].path", `unexpected "?" (at character 3)`},
		{withColumn(`a.`), "select[0].column[0].path", "the expression ends too early (at character 3)"},
		{withColumn(`'a`), "select[0].column[0].path", "the string does not end (at character 1)"},
		{withColumn(`'\\q'`), "select[0].column[0].path", "unknown escape sequence in a string (at character 2)"},
		{withColumn(`a /* b`), "select[0].column[0].path", "the comment does not end (at character 3)"},
		{withColumn(`@2020-13`), "select[0].column[0].path", "not a date, dateTime or time (at character 1)"},
		{withColumn(`%`), "select[0].column[0].path", "a name is missing after % (at character 1)"},
		{withColumn(`(a`), "select[0].column[0].path", `")" expected (at character 3)`},
		{withColumn(`a b`), "select[0].column[0].path", `unexpected "b" (at character 3)`},
		{withColumn(`value.ofType('x')`), "select[0].column[0].path", "the name of a type expected (at character 14)"},
		{withColumn(strings.Repeat("(", 200)), "select[0].column[0].path", "the expression nests too deep (at character 101)"},
		{withColumn(strings.Repeat("a.", 9000) + "a"), "select[0].column[0].path", "the expression is too long (at character 16385)"},
		{`{"resource":"Patient","select":[` + deep + `]}`, strings.Repeat("select[0].", 101) + "select[0]", "the selects nest too deep"},
	}
	for _, tt := range tests {
		_, err := sqlonfhir.Parse([]byte(tt.view))
		got, ok := errors.AsType[*sqlonfhir.DefinitionError](err)
		if !ok {
			t.Errorf("Parse(%.80s) = %v, want a DefinitionError", tt.view, err)
			continue
		}
		if diff := cmp.Diff(sqlonfhir.DefinitionError{Place: tt.place, Reason: tt.reason}, *got); diff != "" {
			t.Errorf("Parse(%.80s) (-want +got):\n%s", tt.view, diff)
		}
	}
}

func TestBothSpellingsOfAViewAreAccepted(t *testing.T) {
	for _, head := range []string{
		``,
		`"resourceType":"ViewDefinition","url":"http://e/v","identifier":[{"value":"1"}],"fhirVersion":["4.0.1"],"profile":["http://hl7.org/fhir/uv/sql-on-fhir/StructureDefinition/ShareableViewDefinition"],`,
		`"resourceType":"http://hl7.org/fhir/StructureDefinition/ViewDefinition","identifier":{"value":"1"},`,
		`"resourceType":"https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition","_status":{"extension":[]},"meta":{},`,
	} {
		v, err := sqlonfhir.Parse([]byte(`{` + head + `"resource":"Patient","name":"p","title":"T","status":"active","description":"D",
			"select":[{"id":"x","column":[{"name":"id","path":"id","type":"id","description":"d","tag":[{"name":"ansi/type","value":"VARCHAR(64)"}]},
			{"name":"gp","path":"generalPractitioner.getReferenceKey().first()"},{"name":"names","path":"name.family","collection":true}]}]}`))
		if err != nil {
			t.Errorf("with %q: %v", head, err)
			continue
		}
		want := []sqlonfhir.Column{
			{Name: "id", Type: "id", Path: "id", Description: "d", Tags: []sqlonfhir.Tag{{Name: "ansi/type", Value: "VARCHAR(64)"}}},
			{Name: "gp", Path: "generalPractitioner.getReferenceKey().first()", ReferenceKey: true},
			{Name: "names", Path: "name.family", Collection: true},
		}
		if diff := cmp.Diff(want, v.Columns()); diff != "" {
			t.Errorf("columns (-want +got):\n%s", diff)
		}
		if v.Name != "p" || v.Resource != "Patient" || v.Title != "T" || v.Description != "D" || v.Status != "active" {
			t.Errorf("view = %+v", v)
		}
	}
}

func TestReferenceKeyColumnsAreKnown(t *testing.T) {
	for path, want := range map[string]bool{
		"a.getReferenceKey()": true, "a.getReferenceKey().first()": true, "a.getReferenceKey()[0]": true, "a.b.where(c = 1).getReferenceKey().last()": true,
		"coalesce(a.getReferenceKey(Patient), b.getReferenceKey())": true, "iif(a.getReferenceKey().exists(), b, c.getReferenceKey().first())": true, "a.select(b.getReferenceKey())": true,
		"coalesce(a, b)": false, "iif(a.getReferenceKey().exists(), b, c)": false, "a.select(b)": false, "{}.first()": false, "a.getReferenceKey() = b": false, "'x'": false,
		"a.getReferenceKey(Patient)": false, "a.reference": false, "a.getReferenceKey().exists()": false, "getResourceKey()": false,
	} {
		v, err := sqlonfhir.Parse([]byte(withColumn(path)))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if got := v.Columns()[0].ReferenceKey; got != want {
			t.Errorf("%s: ReferenceKey = %t, want %t", path, got, want)
		}
	}
}
