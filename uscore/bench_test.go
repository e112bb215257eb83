package uscore_test

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

func BenchmarkCheck(b *testing.B) {
	for _, typ := range []string{"Observation", "Patient", "Encounter"} {
		for name, line := range map[string]string{"claimed": claimed[typ], "chosen": chosen[typ]} {
			b.Run(typ+"/"+name, func(b *testing.B) {
				g, err := uscore.Load(uscore.Default)
				if err != nil {
					b.Fatal(err)
				}
				shape := tape.NewShape()
				c := g.Want(typ, shape).NewChecker()
				var t tape.Tape
				if err := t.Parse([]byte(line), shape); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if v := c.Check(&t); v.Level != uscore.Conforms {
						b.Fatal(v)
					}
				}
			})
		}
	}
}

func BenchmarkParseForRules(b *testing.B) {
	g, err := uscore.Load(uscore.Default)
	if err != nil {
		b.Fatal(err)
	}
	shape := tape.NewShape()
	g.Want("Observation", shape)
	for name, s := range map[string]*tape.Shape{"without": tape.NewShape(), "with": shape} {
		b.Run(name, func(b *testing.B) {
			var t tape.Tape
			line := []byte(claimed["Observation"])
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				if err := t.Parse(line, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		g, err := uscore.Load(uscore.Default)
		if err != nil {
			b.Fatal(err)
		}
		g.Want("Observation", tape.NewShape())
	}
}

var claimed = map[string]string{
	"Observation": `{"resourceType":"Observation","id":"4f1c","meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-body-weight"]},` + vital,
	"Patient":     `{"resourceType":"Patient","id":"p1","meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]},` + person,
	"Encounter":   `{"resourceType":"Encounter","id":"e1","meta":{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-encounter"]},` + visit,
}

var chosen = map[string]string{
	"Observation": `{"resourceType":"Observation","id":"4f1c",` + vital,
	"Patient":     `{"resourceType":"Patient","id":"p1",` + person,
	"Encounter":   `{"resourceType":"Encounter","id":"e1",` + visit,
}

const (
	vital = `"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital signs"}]}],` +
		`"code":{"coding":[{"system":"http://loinc.org","code":"29463-7","display":"Body weight"}],"text":"Body weight"},"subject":{"reference":"Patient/p1"},` +
		`"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2024-03-04T10:11:12-05:00","issued":"2024-03-04T10:11:12.123-05:00",` +
		`"valueQuantity":{"value":71.5,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`
	person = `"identifier":[{"use":"usual","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:oid:1.2.3","value":"0815"},` +
		`{"system":"http://hl7.org/fhir/sid/us-ssn","value":"999-00-1111"}],"active":true,"name":[{"use":"official","family":"Sample","given":["Ada","B."]}],` +
		`"telecom":[{"system":"phone","value":"555-0100","use":"home"},{"system":"email","value":"a@example.org"}],"gender":"female","birthDate":"1970-01-02",` +
		`"address":[{"use":"home","line":["1 Main St"],"city":"Springfield","state":"MA","postalCode":"01101","country":"US"}],` +
		`"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"en"}]}}]}`
	visit = `"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},` +
		`"type":[{"coding":[{"system":"http://snomed.info/sct","code":"185345009","display":"Encounter for symptom"}],"text":"Visit"}],"subject":{"reference":"Patient/p1"},` +
		`"participant":[{"individual":{"reference":"Practitioner/d1"}}],"period":{"start":"2024-03-04T10:00:00-05:00","end":"2024-03-04T10:30:00-05:00"},` +
		`"location":[{"location":{"reference":"Location/l1"}}],"serviceProvider":{"reference":"Organization/o1"}}`
)
