package uscore

import (
	"slices"
	"strings"
	"testing"
)

// A change edits a resource.
type change func(r node)

// set puts a value at a path of names; a nil value takes it away. The path
// leads through the first item of lists.
func set(path string, value any) change {
	return func(r node) {
		names := strings.Split(path, ".")
		at := r
		for _, n := range names[:len(names)-1] {
			next := at[n]
			if items, ok := next.([]any); ok {
				next = items[0]
			}
			at = next.(node)
		}
		if last := names[len(names)-1]; value == nil {
			delete(at, last)
		} else {
			at[last] = value
		}
	}
}

func both(changes ...change) change {
	return func(r node) {
		for _, c := range changes {
			c(r)
		}
	}
}

func as(changes ...change) []change { return changes }

func asIs(node) {}

func concept(system, code string) node {
	return node{"coding": []any{node{"system": system, "code": code}}}
}

func concepts(codings ...string) []any {
	var all []any
	for _, c := range codings {
		system, code, _ := strings.Cut(c, "|")
		all = append(all, concept(system, code))
	}
	return all
}

const (
	obsCategory  = "http://terminology.hl7.org/CodeSystem/observation-category"
	condCategory = "http://terminology.hl7.org/CodeSystem/condition-category"
	sct          = "http://snomed.info/sct"
)

// invariantCases show each invariant with resources that keep it and that
// break it. Both are changes to an example of our own.
var invariantCases = []struct {
	key, path string
	versions  string // all that have it; the cases are run in each
	example   string
	kept      []change
	broken    []change
}{
	{
		"us-core-2", "Observation", "3.1.1 6.1.0 7.0.0 8.0.0", "lab",
		as(asIs, both(set("valueQuantity", nil), set("dataAbsentReason", concept("s", "c"))), both(set("valueQuantity", nil), set("hasMember", []any{node{"reference": "Observation/1"}}))),
		as(set("valueQuantity", nil), set("valueQuantity", node{}), set("valueQuantity", []any{})),
	},
	{
		"vs-2", "Observation", "3.1.1 6.1.0 7.0.0 8.0.0", "weight",
		as(asIs, both(set("valueQuantity", nil), set("dataAbsentReason", concept("s", "c")))), as(set("valueQuantity", nil)),
	},
	{"vs-3", "Observation.component", "3.1.1 6.1.0 7.0.0 8.0.0", "blood-pressure-half", as(asIs), as(set("component.valueQuantity", nil))},
	{"us-core-26", "Observation.component", "7.0.0 8.0.0", "average-blood-pressure", as(asIs), as(set("component.valueQuantity", nil))},
	{
		"us-core-1", "Observation.effective[x]", "3.1.1 6.1.0 7.0.0 8.0.0", "lab",
		as(asIs, both(set("effectiveDateTime", nil), set("effectivePeriod", node{"start": "2025"}))), as(set("effectiveDateTime", "2025-02"), set("effectiveDateTime", "2025")),
	},
	{"vs-1", "Observation.effective[x]", "3.1.1 6.1.0 7.0.0 8.0.0", "weight", as(asIs, set("effectiveDateTime", "2025-02-03")), as(set("effectiveDateTime", "2025-02"))},
	{"us-core-3", "Observation.value[x]", "3.1.1 6.1.0 7.0.0 8.0.0", "lab", as(asIs, set("valueQuantity.system", nil)), as(set("valueQuantity.system", "http://example.org/units"))},
	{"us-core-3", "Observation", "6.1.0", "screening", as(asIs), as(both(set("valueCodeableConcept", nil), set("valueQuantity", node{"value": 1, "system": "urn:x"})))},
	{
		"us-core-22", "Observation.referenceRange", "7.0.0 8.0.0", "lab", as(asIs, set("referenceRange.low.system", nil)),
		as(set("referenceRange.low.system", "urn:x"), set("referenceRange.high.system", "urn:x")),
	},
	{"us-core-4", "Observation.value[x]", "3.1.1 6.1.0 7.0.0 8.0.0", "lab-coded", as(asIs, set("valueCodeableConcept", node{"text": "blue"})), as(set("valueCodeableConcept.coding.system", "http://loinc.org"))},
	{"us-core-24", "Observation", "7.0.0 8.0.0", "smoking", as(asIs), as(both(set("valueCodeableConcept", nil), set("valueString", "never")))},
	{"us-core-25", "Observation", "7.0.0 8.0.0", "pack-years", as(asIs), as(both(set("valueQuantity", nil), set("valueCodeableConcept", concept(sct, "1"))))},
	{"us-core-8", "Patient.name", "3.1.1", "patient-nameless", as(asIs, set("name", []any{node{"family": "A"}})), as(set("name.family", "A"), set("name", []any{node{"use": "usual"}}))},
	{
		"us-core-6", "Patient.name", "6.1.0 7.0.0 8.0.0", "patient-nameless", as(asIs, set("name", []any{node{"given": []any{"A"}}})),
		as(set("name.given", []any{"A"}), set("name", []any{node{"use": "usual"}})),
	},
	{
		"us-core-23", "Patient.extension:race", "7.0.0 8.0.0", "patient-race",
		as(asIs, set("extension.extension.valueCoding.code", "UNK")), as(races("UNK", "2106-3"), races("2106-3", "ASKU")),
	},
	{"us-core-6", "DocumentReference.content.attachment", "3.1.1 6.1.0 7.0.0 8.0.0", "document", as(asIs), as(set("content.attachment.url", nil))},
	{"us-core-1", "Condition", "3.1.1", "condition", as(asIs, set("category", concepts("http://hl7.org/fhir/us/core/CodeSystem/condition-category|health-concern"))), as(set("category", concepts("urn:x|y")))},
	{"us-core-1", "Immunization.vaccineCode", "3.1.1", "immunization", as(asIs), as(set("vaccineCode", concept("http://hl7.org/fhir/sid/cvx", "158")))},
	{"us-core-5", "Immunization", "6.1.0 7.0.0 8.0.0", "immunization", as(asIs, set("vaccineCode", concept(sct, "1"))), as(set("vaccineCode", concept("http://hl7.org/fhir/sid/cvx", "158")))},
	{
		"us-core-7", "Procedure", "6.1.0 7.0.0 8.0.0", "procedure", as(asIs, both(set("status", "not-done"), set("performedDateTime", nil))),
		as(set("performedDateTime", nil), both(set("status", "in-progress"), set("performedDateTime", nil))),
	},
	{"us-core-8", "DiagnosticReport", "6.1.0 7.0.0 8.0.0", "report-lab", as(asIs, both(set("status", "registered"), set("effectiveDateTime", nil))), as(set("effectiveDateTime", nil))},
	{"us-core-9", "DiagnosticReport", "6.1.0 7.0.0 8.0.0", "report-lab", as(asIs, both(set("status", "cancelled"), set("issued", nil))), as(set("issued", nil), both(set("status", "partial"), set("issued", nil)))},
	{"us-core-10", "DiagnosticReport", "6.1.0 7.0.0 8.0.0", "report-note", as(asIs, both(set("status", "registered"), set("effectivePeriod", nil))), as(set("effectivePeriod", nil))},
	{"us-core-9", "Device", "3.1.1", "device", as(asIs, set("lotNumber", nil), both(set("udiCarrier", nil), set("lotNumber", nil), set("distinctIdentifier", nil))), as(both(set("lotNumber", nil), set("distinctIdentifier", nil)))},
	{"us-core-12", "Device", "3.1.1", "device", as(asIs, set("udiCarrier", nil)), as(set("udiCarrier.carrierHRF", nil))},
	{"us-core-13", "PractitionerRole", "6.1.0 7.0.0 8.0.0", "role", as(asIs, set("practitioner", nil)), as(both(set("practitioner", nil), set("organization", nil)))},
	{"pd-1", "PractitionerRole", "3.1.1 6.1.0 7.0.0 8.0.0", "role", as(asIs, both(set("telecom", nil), set("endpoint", []any{node{"reference": "Endpoint/1"}}))), as(set("telecom", nil), set("telecom", []any{}))},
	{"us-core-14", "RelatedPerson", "6.1.0 7.0.0 8.0.0", "relatedperson", as(asIs, set("name", nil), set("relationship", nil)), as(both(set("name", nil), set("relationship", nil)))},
	{"us-core-15", "Coverage", "6.1.0 7.0.0 8.0.0", "coverage", as(asIs, both(set("identifier", nil), set("subscriberId", "1"))), as(set("identifier", nil), set("identifier.type", concept("http://terminology.hl7.org/CodeSystem/v2-0203", "MR")))},
	{"us-core-16", "Practitioner.identifier:NPI", "6.1.0 7.0.0 8.0.0", "practitioner", as(asIs), as(set("identifier.value", "123456789"), set("identifier.value", "12345678x3"), set("identifier.value", nil))},
	{"us-core-16", "Organization.identifier:NPI", "6.1.0 7.0.0 8.0.0", "organization", as(asIs, set("identifier.system", "urn:other")), as(set("identifier.value", "12345678901"))},
	{"us-core-17", "Practitioner.identifier:NPI", "6.1.0 7.0.0 8.0.0", "practitioner", as(asIs), as(set("identifier.value", "1234567890"), set("identifier.value", "1234567839"))},
	{"us-core-17", "Organization.identifier:NPI", "6.1.0 7.0.0 8.0.0", "organization", as(asIs), as(set("identifier.value", "1234567890"))},
	{"us-core-18", "Organization.identifier:CLIA", "6.1.0 7.0.0 8.0.0", "organization", as(asIs), as(identifiers("urn:oid:2.16.840.1.113883.4.7", "22E2222222"), identifiers("urn:oid:2.16.840.1.113883.4.7", "22D222222"))},
	{"us-core-19", "Organization.identifier:NAIC", "6.1.0 7.0.0 8.0.0", "organization", as(asIs), as(identifiers("urn:oid:2.16.840.1.113883.6.300", "1234"), identifiers("urn:oid:2.16.840.1.113883.6.300", "1234a"))},
	{"us-core-20", "MedicationDispense", "6.1.0 7.0.0 8.0.0", "medicationdispense", as(asIs, both(set("status", "in-progress"), set("whenHandedOver", nil))), as(set("whenHandedOver", nil))},
	{"us-core-21", "MedicationRequest", "6.1.0 7.0.0 8.0.0", "medicationrequest", as(asIs, both(set("intent", "proposal"), set("requester", nil))), as(set("requester", nil), both(set("intent", "reflex-order"), set("requester", nil)))},
	{
		"provenance-1", "Provenance.agent", "6.1.0 7.0.0 8.0.0", "provenance", as(asIs, both(set("agent.onBehalfOf", nil), set("agent.who", node{"reference": "Patient/1"}))),
		as(set("agent.onBehalfOf", nil), both(set("agent.onBehalfOf", nil), set("agent.who", node{"reference": "https://ehr.example/fhir/Device/1/_history/2"})), both(set("agent.onBehalfOf", nil), set("agent.who", node{"type": "Device"}))),
	},

	{"ait-1", "AllergyIntolerance", "3.1.1 6.1.0 7.0.0 8.0.0", "allergy", as(asIs, both(set("clinicalStatus", nil), set("verificationStatus", concept(allergyVerification, "entered-in-error")))), as(set("clinicalStatus", nil))},
	{"ait-2", "AllergyIntolerance", "6.1.0", "allergy", as(asIs), as(set("verificationStatus", concept(allergyVerification, "entered-in-error")))},
	{"app-1", "Appointment.participant", "6.1.0 r4", "appointment", as(asIs, both(set("participant.actor", nil), set("participant.type", concepts("s|c")))), as(set("participant.actor", nil))},
	{"app-2", "Appointment", "6.1.0 r4", "appointment", as(asIs, both(set("start", nil), set("end", nil))), as(set("start", nil), set("end", nil))},
	{"app-3", "Appointment", "6.1.0 r4", "appointment-cancelled", as(asIs, set("status", "proposed"), set("status", "waitlist")), as(set("status", "noshow"))},
	{"app-4", "Appointment", "6.1.0 r4", "appointment-cancelled", as(asIs, set("status", "noshow")), as(set("status", "proposed"))},
	{"con-1", "Condition.stage", "3.1.1", "condition", as(asIs), as(set("stage", []any{node{"type": concept("s", "c")}}))},
	{"con-2", "Condition.evidence", "3.1.1", "condition", as(asIs), as(set("evidence", []any{node{"id": "e"}}))},
	{"con-3", "Condition", "6.1.0", "condition-problem", as(asIs, both(set("clinicalStatus", nil), set("category", concepts(condCategory+"|encounter-diagnosis")))), as(set("clinicalStatus", nil))},
	{"con-4", "Condition", "6.1.0", "condition-concern", as(asIs, both(set("abatementDateTime", nil), set("clinicalStatus", concept(conditionClinical, "active")))), as(set("clinicalStatus", concept(conditionClinical, "active")))},
	{"con-5", "Condition", "6.1.0", "condition-problem", as(asIs, both(set("clinicalStatus", nil), set("verificationStatus", concept(conditionVerStatus, "entered-in-error")))), as(set("verificationStatus", concept(conditionVerStatus, "entered-in-error")))},
	{"cpl-3", "CarePlan.activity", "6.1.0", "careplan", as(asIs), as(set("activity.reference", node{"reference": "Task/1"}))},
	{"ctm-1", "CareTeam.participant", "6.1.0", "careteam", as(asIs, set("participant.member", node{"display": "somebody"})), as(set("participant.member", node{"reference": "Patient/1"}))},
	{"gol-1", "Goal.target", "6.1.0", "goal", as(asIs, both(set("target.measure", nil), set("target.detailQuantity", nil))), as(set("target.measure", nil))},
	{"imm-1", "Immunization.education", "6.1.0", "immunization", as(asIs), as(set("education", []any{node{"publicationDate": "2020"}}))},
	{
		"mdd-1", "MedicationDispense", "6.1.0", "medicationdispense", as(asIs, set("whenHandedOver", "2025-02-03T13:00:00Z"), set("whenHandedOver", "2025")),
		as(set("whenHandedOver", "2025-02-03T12:59:59Z"), set("whenHandedOver", "2025-02-02")),
	},
	{"obs-3", "Observation.referenceRange", "6.1.0", "lab", as(asIs), as(set("referenceRange", []any{node{"type": concept("s", "c")}}))},
	{"obs-6", "Observation", "6.1.0", "lab", as(asIs), as(set("dataAbsentReason", concept("s", "c")))},
	{"obs-7", "Observation", "6.1.0", "pulse-oximetry", as(asIs, set("valueQuantity", nil)), as(set("component.code", concept("http://loinc.org", "2708-6")))},
	{"org-1", "Organization", "6.1.0", "organization", as(asIs, set("name", nil)), as(both(set("name", nil), set("identifier", nil)))},
	{"org-2", "Organization.address", "6.1.0", "organization", as(asIs), as(set("address.use", "home"))},
	{"org-3", "Organization.telecom", "6.1.0", "organization", as(asIs), as(set("telecom.use", "home"))},
	{"pat-1", "Patient.contact", "6.1.0", "patient-full", as(asIs), as(set("contact.name", nil))},
	{"prr-1", "ServiceRequest", "6.1.0 r4", "servicerequest", as(asIs, both(set("code", nil), set("orderDetail", nil))), as(set("code", nil))},
	{"qrs-1", "QuestionnaireResponse.item", "6.1.0", "answers", as(asIs), as(set("item.answer", []any{node{"valueString": "x"}}), set("item.item.answer.item.item", []any{node{"linkId": "z"}}))},
}

func races(codes ...string) change {
	var parts []any
	for _, c := range codes {
		parts = append(parts, node{"url": "ombCategory", "valueCoding": node{"system": "urn:oid:2.16.840.1.113883.6.238", "code": c}})
	}
	return set("extension.extension", parts)
}

func identifiers(system, value string) change {
	return set("identifier", []any{node{"system": system, "value": value}})
}

func TestInvariants(t *testing.T) {
	for _, c := range invariantCases {
		for version := range strings.FieldsSeq(c.versions) {
			v := Version(version)
			w := newWorkbench(t, v)
			examples := ownExamples(t, v)
			i := slices.IndexFunc(examples, func(e example) bool { return e.resource["id"] == c.example })
			if i < 0 {
				t.Fatalf("%s: no example %s", v, c.example)
			}
			says := func(change change) bool {
				r := clone(examples[i].resource).(node)
				change(r)
				return slices.ContainsFunc(w.check(t, r).Issues, func(x Issue) bool { return x.Rule == c.key && x.Path == c.path })
			}
			for k, change := range c.kept {
				if says(change) {
					t.Errorf("%s %s at %s: kept[%d] is said to break it", v, c.key, c.path, k)
				}
			}
			for k, change := range c.broken {
				if !says(change) {
					t.Errorf("%s %s at %s: broken[%d] is not noticed", v, c.key, c.path, k)
				}
			}
		}
	}
}

// The slices of a list have the invariants of its items, and 3.1.1 states
// provenance-1 where it cannot be broken; every other line has a case.
func TestEveryInvariantHasACase(t *testing.T) {
	for _, v := range Versions() {
		for _, profiles := range guide(t, v).profiles {
			for _, p := range profiles {
				for _, r := range p.rules {
					if r.kind != "invariant" {
						continue
					}
					key, _, _ := strings.Cut(r.args, " ")
					if v == V311 && key == "provenance-1" {
						continue
					}
					path := p.typ
					if r.path != "." {
						path += "." + r.path
					}
					if list, ok := cutSlice(r.path); ok && p.has("invariant", list, r.args) {
						path = p.typ + "." + list
					}
					found := false
					for _, c := range invariantCases {
						found = found || c.key == key && c.path == path && (r.origin != "" || strings.Contains(c.versions, string(v)))
					}
					if !found {
						t.Errorf("%s %s: no case for %s at %s", v, p.url, key, path)
					}
				}
			}
		}
	}
}

func TestEveryInvariantThatIsWrittenIsStated(t *testing.T) {
	stated := map[[2]string]bool{}
	for _, v := range Versions() {
		for _, profiles := range guide(t, v).profiles {
			for _, p := range profiles {
				for _, r := range p.rules {
					if r.kind == "invariant" {
						key, _, _ := strings.Cut(r.args, " ")
						stated[[2]string{key, strings.TrimSuffix(p.typ+"."+r.path, "..")}] = true
					}
				}
			}
		}
	}
	for _, i := range slices.Concat(observationInvariants, guideInvariants, baseInvariants) {
		if !stated[[2]string{i.key, i.path}] {
			t.Errorf("%s at %s stands in no version", i.key, i.path)
		}
	}
}

func TestSeverityOfAnInvariantIsTheGuides(t *testing.T) {
	g := guide(t, Default)
	v, err := g.Validate([]byte(`{"resourceType":"Immunization","status":"completed","vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"158"}]},
		"patient":{"reference":"Patient/1"},"occurrenceDateTime":"2025-01-01"}`))
	want := Issue{SeverityWarning, "us-core-5", "Immunization", "http://hl7.org/fhir/us/core/StructureDefinition/us-core-immunization"}
	if err != nil || v.Level != Warning || !slices.Equal(v.Issues, []Issue{want}) {
		t.Errorf("got %+v, %v", v, err)
	}
}
