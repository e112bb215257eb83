package sqlonfhir_test

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// observationView has the twenty columns that most people ask of an
// Observation.
const observationView = `{
  "resource": "Observation", "name": "observation", "status": "active",
  "select": [{"column": [
    {"name": "id", "path": "getResourceKey()"},
    {"name": "last_updated", "path": "meta.lastUpdated"},
    {"name": "profile", "path": "meta.profile.first()"},
    {"name": "patient_id", "path": "subject.getReferenceKey(Patient)"},
    {"name": "encounter_id", "path": "encounter.getReferenceKey(Encounter)"},
    {"name": "status", "path": "status"},
    {"name": "category", "path": "category.coding.first().code"},
    {"name": "code_system", "path": "code.coding.first().system"},
    {"name": "code_code", "path": "code.coding.first().code"},
    {"name": "code_display", "path": "code.coding.first().display"},
    {"name": "code_text", "path": "code.text"},
    {"name": "code_loinc", "path": "code.coding.where(system = 'http://loinc.org').code.first()"},
    {"name": "effective", "path": "effective.ofType(dateTime)"},
    {"name": "issued", "path": "issued"},
    {"name": "value", "path": "value.ofType(Quantity).value"},
    {"name": "unit", "path": "value.ofType(Quantity).unit"},
    {"name": "value_string", "path": "value.ofType(string)"},
    {"name": "value_code", "path": "value.ofType(CodeableConcept).coding.first().code"},
    {"name": "interpretation", "path": "interpretation.first().coding.first().code"},
    {"name": "data_absent_reason", "path": "dataAbsentReason.coding.first().code"}
  ]}]
}`

const observationLine = `{"resourceType":"Observation","id":"7d4f0f7a-3b5c-4d5e-9a0c-5f6b7c8d9e01","meta":{"versionId":"1","lastUpdated":"2025-03-04T05:06:07.891+00:00","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},` +
	`"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}]}],` +
	`"code":{"coding":[{"system":"http://loinc.org","code":"2345-7","display":"Glucose [Mass/volume] in Serum or Plasma"}],"text":"Glucose"},` +
	`"subject":{"reference":"Patient/2b1c7a90-12de-4a8e-8ef0-0a1b2c3d4e5f","display":"M\u00fcller"},"encounter":{"reference":"Encounter/91d0a7b2-77aa-4c7e-b0d4-1c2d3e4f5a6b"},` +
	`"effectiveDateTime":"2025-03-04T05:06:07+00:00","issued":"2025-03-04T05:06:07.891+00:00","valueQuantity":{"value":98.60,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"},` +
	`"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"N"}]}],"referenceRange":[{"low":{"value":70,"unit":"mg/dL"},"high":{"value":99,"unit":"mg/dL"}}]}`

func mustProgram(tb testing.TB, definitions ...string) *sqlonfhir.Program {
	tb.Helper()
	var views []*sqlonfhir.View
	for _, d := range definitions {
		v, err := sqlonfhir.Parse([]byte(d))
		if err != nil {
			tb.Fatal(err)
		}
		views = append(views, v)
	}
	p, err := sqlonfhir.Compile(views...)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func BenchmarkObservationOfTwentyColumns(b *testing.B) {
	runner := mustProgram(b, observationView).NewRunner()
	line := []byte(observationLine)
	cells := 0
	emit := func(row []sqlonfhir.Value) error {
		for _, v := range row {
			if v.Kind != sqlonfhir.Null {
				cells++
			}
		}
		return nil
	}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := runner.Load(line); err != nil {
			b.Fatal(err)
		}
		if err := runner.Rows(0, emit); err != nil {
			b.Fatal(err)
		}
	}
}

func TestASteadyRunnerDoesNotAllocate(t *testing.T) {
	runner := mustProgram(t, observationView).NewRunner()
	line := []byte(observationLine)
	rows := 0
	emit := func([]sqlonfhir.Value) error { rows++; return nil }
	one := func() {
		if err := runner.Load(line); err != nil {
			t.Fatal(err)
		}
		if err := runner.Rows(0, emit); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 { // the tape learns
		one()
	}
	allocs := testing.AllocsPerRun(100, one)
	if allocs != 0 || rows == 0 {
		t.Errorf("%v allocations a line and %d rows, want 0 allocations", allocs, rows)
	}
}
