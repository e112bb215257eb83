package uscore_test

import (
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// One shape serves the rules and whoever else reads the same lines.
func Example() {
	guide, err := uscore.Load(uscore.Default)
	if err != nil {
		fmt.Println(err)
		return
	}
	shape := tape.NewShape()
	checker := guide.Want("Procedure", shape).NewChecker()

	var line tape.Tape
	for _, text := range []string{
		`{"resourceType":"Procedure","status":"completed","code":{"text":"suture"},"subject":{"reference":"Patient/1"},"performedDateTime":"2025-02-03"}`,
		`{"resourceType":"Procedure","status":"completed","code":{"text":"suture"}}`,
	} {
		if err := line.Parse([]byte(text), shape); err != nil {
			fmt.Println(err)
			return
		}
		verdict := checker.Check(&line)
		fmt.Println(verdict.Level)
		for _, i := range verdict.Issues {
			fmt.Println(" ", i.Severity, i.Rule, i.Path)
		}
	}
	// Output:
	// conforms
	// error
	//   error required Procedure.subject
	//   error us-core-7 Procedure
}

func ExampleGuide_Validate() {
	guide, err := uscore.Load(uscore.V800)
	if err != nil {
		fmt.Println(err)
		return
	}
	verdict, err := guide.Validate([]byte(`{"resourceType":"Organization","active":true,"name":"Clinic",
		"identifier":[{"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567890"}]}`))
	fmt.Println(verdict.Level, verdict.Issues[0].Rule, verdict.Issues[0].Path, err)
	// Output: error us-core-17 Organization.identifier:NPI <nil>
}
