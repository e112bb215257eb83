package ingest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// three patients: one conforms, one has no name, one no identifier's system.
const judgedLines = `{"resourceType":"Patient","id":"1","identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"A"}],"gender":"female"}
{"resourceType":"Patient","id":"2","identifier":[{"system":"urn:x","value":"2"}],"gender":"male"}
{"resourceType":"Patient","id":"3","identifier":[{"value":"3"}],"name":[{"family":"C"}],"gender":"other"}
{"resourceType":"Basic","id":"4","code":{"text":"x"}}
`

const patientProfile = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"

func guide(t testing.TB, v uscore.Version) *uscore.Guide {
	t.Helper()
	g, err := uscore.Load(v)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestResourcesThatBreakARuleAreCountedAndDelivered(t *testing.T) {
	o := testOptions(t)
	o.Guide, o.Permits, o.Workers = guide(t, "6.1.0"), func(string) bool { return true }, 2
	s := mustRun(t, o, textSource(Output, "Patient", judgedLines))
	if s.Delivered != 4 || s.Quarantined != 0 || s.Guide != "6.1.0" {
		t.Errorf("summary = %+v", s)
	}
	verdicts := judge.Verdicts{Conform: 1, Errors: 2}
	want := []TypeLines{
		{Type: "Basic", Lines: 1, Verdicts: judge.Verdicts{NoProfile: 1}},
		{Type: "Patient", Lines: 3, Verdicts: verdicts, Profiles: []judge.ProfileLines{{Profile: patientProfile, Verdicts: verdicts}}},
	}
	if diff := cmp.Diff(want, s.Types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	found := []judge.Finding{
		{Severity: "error", Profile: patientProfile, Rule: "required", Path: "Patient.identifier.system", Lines: 1},
		{Severity: "error", Profile: patientProfile, Rule: "required", Path: "Patient.name", Lines: 1},
	}
	if diff := cmp.Diff(found, s.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestResourcesThatBreakARuleAreRefusedWhereThatIsWanted(t *testing.T) {
	o := testOptions(t)
	o.Guide, o.RefuseErrors, o.Permits = guide(t, "6.1.0"), true, func(string) bool { return true }
	s := mustRun(t, o, textSource(Output, "Patient", judgedLines))
	want := map[string]int64{"profile_error:required:Patient.name": 1, "profile_error:required:Patient.identifier.system": 1}
	if diff := cmp.Diff(want, s.ByReason); diff != "" || s.Delivered != 2 {
		t.Errorf("delivered %d, reasons (-want +got):\n%s", s.Delivered, diff)
	}
	if rows := tableOf(t, o, s, "patient"); len(rows) != 2 {
		t.Errorf("patient = %q", rows)
	}
	if rows := tableOf(t, o, s, "_index"); len(rows) != 3 {
		t.Errorf("_index = %q", rows)
	}
}

func TestCodingsAndReferencesOfEveryTypeHaveTheirTables(t *testing.T) {
	o := testOptions(t)
	o.Generic, o.Permits, o.Base = Generic{Codings: true, References: true}, func(string) bool { return true }, "https://ehr.example.org/fhir"
	s := mustRun(t, o, textSource(Output, "Observation", `{"resourceType":"Observation","id":"1","code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic"},{"code":"bp"}]},"subject":{"reference":"Patient/7"},"valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}}
{"resourceType":"Flag","id":"2","subject":{"reference":"https://ehr.example.org/fhir/Patient/8"},"author":{"reference":"https://other.example.org/fhir/Practitioner/9"}}
{"resourceType":"Observation","id":"1 1","code":{"coding":[{"code":"refused"}]}}
`))
	if s.Delivered != 2 || s.Quarantined != 1 {
		t.Fatalf("summary = %+v", s)
	}
	var got []string
	for _, row := range tableOf(t, o, s, "coding")[1:] {
		got = append(got, strings.Join(row[1:9], " ")+" "+row[10])
	}
	for _, row := range tableOf(t, o, s, "reference")[1:] {
		got = append(got, strings.Join(row[1:9], " ")+" "+row[10])
	}
	want := []string{
		"Observation 1 Observation/1 code.coding 0 http://loinc.org 8480-6 Systolic 1",
		"Observation 1 Observation/1 code.coding 1 NULL bp NULL 1",
		"Observation 1 Observation/1 subject 0 Patient 7 relative 1",
		"Flag 2 Flag/2 subject 0 Patient 8 absolute 2",
		"Flag 2 Flag/2 author 1 Practitioner https://other.example.org/fhir/Practitioner/9 foreign 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestTheSummarySaysHowWellTheColumnsAreFilled(t *testing.T) {
	o := testOptions(t)
	o.Workers = 2
	s := mustRun(t, o, textSource(Output, "Patient", `{"resourceType":"Patient","id":"1","name":[{"family":"A"}],"birthDate":"1970-01-02","active":true}
{"resourceType":"Patient","id":"2","name":[{"family":"B","given":["C"]}],"birthDate":"1970"}
`))
	for _, parts := range s.Tables {
		if parts.Name != "patient" {
			if parts.Filled != nil {
				t.Errorf("%s: %v", parts.Name, parts.Filled)
			}
			continue
		}
		for name, want := range map[string]int64{"id": 2, "birth_date": 2, "birth_date_date": 1, "active": 1, "died": 0} {
			if got := parts.Filled[name]; got != want {
				t.Errorf("%s: %d of 2 rows are filled, want %d", name, got, want)
			}
		}
	}
}

func TestPlansAreCompiledOnceForAPolicy(t *testing.T) {
	o := testOptions(t)
	plans := NewPlans()
	first, err := plans.of(&o, "Patient")
	if err != nil {
		t.Fatal(err)
	}
	again, err := plans.of(&o, "Patient")
	if err != nil || again != first {
		t.Errorf("compiled twice (%v)", err)
	}
	o.Generic.Codings = true
	other, err := plans.of(&o, "Patient")
	if err != nil || other == first || other.places == nil || first.places != nil {
		t.Errorf("another policy has the same plan (%v)", err)
	}
}
