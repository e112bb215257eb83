package sqlonfhir_test

import (
	"fmt"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// A runner reads resources line by line, and evaluates several views over each
// of them in one pass.
func Example() {
	names, err := sqlonfhir.Parse([]byte(`{
		"resourceType": "ViewDefinition", "resource": "Patient", "name": "patient_name", "status": "active",
		"select": [
			{"column": [{"name": "patient_id", "path": "getResourceKey()", "type": "id"}]},
			{"forEach": "name", "column": [
				{"name": "nr", "path": "%rowIndex", "type": "integer"},
				{"name": "family", "path": "family", "type": "string"},
				{"name": "given", "path": "given.join(' ')", "type": "string"}]}
		]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := sqlonfhir.Compile(names)
	if err != nil {
		fmt.Println(err)
		return
	}
	runner := program.NewRunner() // one for each goroutine
	line := []byte(`{"resourceType":"Patient","id":"p1","name":[{"family":"Chalmers","given":["Peter","James"]},{"given":["Jim"]}]}`)
	if err := runner.Load(line); err != nil {
		fmt.Println(err)
		return
	}
	err = runner.Rows(0, func(row []sqlonfhir.Value) error {
		fmt.Printf("%s %s: family %q, given %q\n", row[0].Text, row[1].Text, row[2].Text, row[3].Text)
		return nil
	})
	fmt.Println(err)
	// Output:
	// p1 0: family "Chalmers", given "Peter James"
	// p1 1: family "", given "Jim"
	// <nil>
}

func ExampleParse_mistake() {
	_, err := sqlonfhir.Parse([]byte(`{"resource": "Patient", "select": [{"column": [
		{"name": "id", "path": "id"},
		{"name": "family", "path": "name.frist().family"}]}]}`))
	fmt.Println(err)
	// Output: view definition: select[0].column[1].path: the function "frist" is not supported in views (at character 6)
}

func ExampleRun() {
	view, err := sqlonfhir.Parse([]byte(`{"resource": "Observation", "name": "weight",
		"select": [{"column": [
			{"name": "subject", "path": "subject.getReferenceKey()"},
			{"name": "value", "path": "value.ofType(Quantity).value", "type": "decimal"}]}],
		"where": [{"path": "code.coding.exists(system = 'http://loinc.org' and code = '29463-7')"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	ndjson := strings.NewReader(`{"resourceType":"Observation","id":"1","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"subject":{"reference":"Patient/7"},"valueQuantity":{"value":72.50}}
{"resourceType":"Observation","id":"2","code":{"coding":[{"system":"http://loinc.org","code":"8302-2"}]},"valueQuantity":{"value":180}}
{"resourceType":"Patient","id":"7"}
`)
	err = sqlonfhir.Run(view, ndjson, func(line int, row []sqlonfhir.Value) error {
		fmt.Printf("line %d: %s/%s weighs %s\n", line, row[0].RefType, row[0].Text, row[1].Text)
		return nil
	})
	fmt.Println(err)
	// Output:
	// line 1: Patient/7 weighs 72.50
	// <nil>
}
