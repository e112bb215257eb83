package tape_test

import (
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

// observationLine is an Observation as EHRs export it.
func observationLine() []byte {
	return []byte(`{"resourceType":"Observation","id":"7d4f0f7a-3b5c-4d5e-9a0c-5f6b7c8d9e01","meta":{"versionId":"1","lastUpdated":"2025-03-04T05:06:07.891+00:00","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},` +
		`"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}]}],` +
		`"code":{"coding":[{"system":"http://loinc.org","code":"2345-7","display":"Glucose [Mass/volume] in Serum or Plasma"}],"text":"Glucose \"fasting\""},` +
		`"subject":{"reference":"Patient/2b1c7a90-12de-4a8e-8ef0-0a1b2c3d4e5f","display":"Müller"},"encounter":{"reference":"Encounter/91d0a7b2-77aa-4c7e-b0d4-1c2d3e4f5a6b"},` +
		`"effectiveDateTime":"2025-03-04T05:06:07+00:00","issued":"2025-03-04T05:06:07.891+00:00","valueQuantity":{"value":98.60,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"},` +
		`"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"N"}]}],"referenceRange":[{"low":{"value":70,"unit":"mg/dL"},"high":{"value":99,"unit":"mg/dL"}}]}`)
}

func observationShape() *tape.Shape {
	s := tape.NewShape()
	for path := range strings.FieldsSeq(`resourceType id meta.lastUpdated meta.profile status category.coding.code
		code.coding.system code.coding.code code.coding.display code.text subject.reference encounter.reference
		effectiveDateTime effectivePeriod.start effectivePeriod.end issued valueQuantity.value valueQuantity.unit
		valueQuantity.code valueString valueCodeableConcept.coding.code valueCodeableConcept.text
		referenceRange.low.value referenceRange.high.value dataAbsentReason.text`) {
		w := s.Root()
		for name := range strings.SplitSeq(path, ".") {
			w = w.Member(name)
		}
	}
	return s
}

func BenchmarkParseObservation(b *testing.B) {
	line, shape := observationLine(), observationShape()
	var p tape.Tape
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Parse(line, shape); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidateObservation(b *testing.B) {
	line := observationLine()
	var p tape.Tape
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Parse(line, nil); err != nil {
			b.Fatal(err)
		}
	}
}
