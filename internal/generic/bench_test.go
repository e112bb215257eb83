package generic

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

const observation = `{"resourceType":"Observation","id":"7d4f0f7a","meta":{"versionId":"1","lastUpdated":"2025-03-04T05:06:07.891+00:00","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},` +
	`"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}]}],` +
	`"code":{"coding":[{"system":"http://loinc.org","code":"2345-7","display":"Glucose [Mass/volume] in Serum or Plasma"}],"text":"Glucose"},` +
	`"subject":{"reference":"Patient/2b1c7a90-12de"},"encounter":{"reference":"Encounter/91d0a7b2-77aa"},` +
	`"effectiveDateTime":"2025-03-04T05:06:07+00:00","issued":"2025-03-04T05:06:07.891+00:00","valueQuantity":{"value":98.60,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"},` +
	`"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"N"}]}],"referenceRange":[{"low":{"value":70,"unit":"mg/dL"},"high":{"value":99,"unit":"mg/dL"}}]}`

func TestReadingAllocatesNothing(t *testing.T) {
	p := newPass("Observation", "https://ehr.example/fhir")
	line := []byte(observation)
	read := func() {
		if err := p.tape.Parse(line, p.shape); err != nil {
			t.Fatal(err)
		}
		if codings, references := p.reader.Read(&p.tape); len(codings) != 3 || len(references) != 2 {
			t.Fatalf("read %d codings, %d references", len(codings), len(references))
		}
	}
	for range 1000 { // the tape learns
		read()
	}
	if allocations := testing.AllocsPerRun(100, read); allocations != 0 {
		t.Errorf("%v allocations a resource", allocations)
	}
}

func BenchmarkParse(b *testing.B) {
	p := newPass("Observation", "")
	all := tape.NewShape()
	all.Root().All()
	for _, c := range []struct {
		name  string
		shape *tape.Shape
	}{{"nothing", nil}, {"places", p.shape}, {"all", all}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(observation)))
			b.ReportAllocs()
			for b.Loop() {
				if err := p.tape.Parse([]byte(observation), c.shape); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	p := newPass("Observation", "https://ehr.example/fhir")
	if err := p.tape.Parse([]byte(observation), p.shape); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(observation)))
	b.ReportAllocs()
	for b.Loop() {
		p.reader.Read(&p.tape)
	}
}

func BenchmarkWant(b *testing.B) {
	e := NewElements()
	b.ReportAllocs()
	for b.Loop() {
		e.Want("Observation", tape.NewShape())
	}
}
