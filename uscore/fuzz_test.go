package uscore

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// FuzzCheck: whatever JSON is given, as whatever type, a check neither panics
// nor depends on what was checked before.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"resourceType":"Observation","status":["final"],"category":{"coding":"x"},"code":"c","component":[{"code":[]},null,[[]]]}`,
		`{"resourceType":"Patient","name":[{"_family":{"extension":[{}]}}],"_gender":[null],"extension":{"url":3}}`,
		`{"resourceType":"QuestionnaireResponse","item":[{"item":[{"answer":{"item":[{"item":[]}]}}]}]}`,
		`{"meta":{"profile":["|","http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient|",1,{}]}}`,
		`{"resourceType":"Provenance","agent":[{"who":{"reference":"///"}},{"who":{"reference":"/_history/"}}]}`,
		`{"resourceType":"MedicationDispense","whenPrepared":"","whenHandedOver":"2"}`, `[]`, `null`, `"x"`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	shape := tape.NewShape()
	g := guide(f, V800)
	var checkers []*Checker
	for typ := range g.types {
		checkers = append(checkers, g.Want(typ, shape).NewChecker())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var line tape.Tape
		if line.Parse(text, shape) != nil {
			return
		}
		for _, c := range checkers {
			first := c.Check(&line)
			level, issues := first.Level, len(first.Issues)
			again := c.rules.NewChecker().Check(&line)
			if again.Level != level || len(again.Issues) != issues || again.Profile != first.Profile {
				t.Errorf("%v with %d issues, then %v with %d", level, issues, again.Level, len(again.Issues))
			}
			if (level == Error) != hasError(again.Issues) {
				t.Errorf("%v with %v", level, again.Issues)
			}
		}
	})
}

func hasError(issues []Issue) bool {
	for _, i := range issues {
		if i.Severity == SeverityError {
			return true
		}
	}
	return false
}
