package tape_test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

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

// observationPaths are what a flat table of Observations reads.
const observationPaths = `resourceType id meta.lastUpdated meta.profile status category.coding.code
	code.coding.system code.coding.code code.coding.display code.text subject.reference encounter.reference
	effectiveDateTime effectivePeriod.start effectivePeriod.end issued valueQuantity.value valueQuantity.unit
	valueQuantity.code valueString valueCodeableConcept.coding.code valueCodeableConcept.text
	referenceRange.low.value referenceRange.high.value dataAbsentReason.text`

func observationShape() *tape.Shape {
	s := tape.NewShape()
	for path := range strings.FieldsSeq(observationPaths) {
		w := s.Root()
		for name := range strings.SplitSeq(path, ".") {
			w = w.Member(name)
		}
	}
	return s
}

// slotShape asks for the same values in slots, of repeated elements the first.
func slotShape() *tape.Shape {
	s := tape.NewShape()
	for path := range strings.FieldsSeq(observationPaths) {
		w := s.Root()
		for name := range strings.SplitSeq(path, ".") {
			if w = w.Under(name); name == "coding" || name == "category" {
				w = w.First()
			}
		}
		w.Slot()
	}
	return s
}

func BenchmarkParse(b *testing.B) {
	lines := tape.OwnLines(2000)
	for _, shape := range []struct {
		name string
		of   *tape.Shape
	}{{"slots", slotShape()}, {"nodes", observationShape()}, {"nothing", nil}} {
		for _, way := range []struct {
			name string
			tape *tape.Tape
		}{{"learned", &tape.Tape{}}, {"plain", tape.NewPlain()}} {
			b.Run(shape.name+"/"+way.name, func(b *testing.B) {
				over(b, lines, func(line []byte) {
					if err := way.tape.Parse(line, shape.of); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

// BenchmarkParseShuffled is the worst that can be met: no two lines alike.
func BenchmarkParseShuffled(b *testing.B) {
	lines, shape := tape.ShuffledLines(10000), slotShape()
	for _, way := range []struct {
		name string
		tape *tape.Tape
	}{{"learned", &tape.Tape{}}, {"plain", tape.NewPlain()}} {
		b.Run(way.name, func(b *testing.B) {
			over(b, lines, func(line []byte) {
				if err := way.tape.Parse(line, shape); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkJSONValid(b *testing.B) {
	over(b, tape.OwnLines(2000), func(line []byte) {
		if !json.Valid(line) {
			b.Fatal("a line is not valid")
		}
	})
}

// over measures f by the CPU time of the process, which neighbours on the
// machine disturb less than they do the clock.
func over(b *testing.B, lines [][]byte, f func(line []byte)) {
	size := 0
	for _, line := range lines {
		f(line)
		size += len(line)
	}
	b.ReportAllocs()
	var from, to syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &from)
	rounds := 0
	for b.Loop() {
		for _, line := range lines {
			f(line)
		}
		rounds++
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &to)
	spent := time.Duration(to.Utime.Nano() + to.Stime.Nano() - from.Utime.Nano() - from.Stime.Nano())
	b.ReportMetric(float64(rounds*size)/1e6/spent.Seconds(), "MB/cpu-s")
}
