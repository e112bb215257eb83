package uscore

import (
	"strings"
	"testing"
)

// derives reports whether p is q or has it as an ancestor.
func derives(p, q *profile) bool {
	for ; p != nil; p = p.parent {
		if p == q {
			return true
		}
	}
	return false
}

func (e example) unclaimed() node {
	r := clone(e.resource).(node)
	delete(r, "meta")
	return r
}

func TestChosenProfileIsTheClaimedOneOrDerivedFromIt(t *testing.T) {
	for _, v := range []Version{V311, V610, V700, V800} {
		w, all, missed := newWorkbench(t, v), 0, 0
		for _, e := range everyExample(t, v) {
			if e.claims == nil {
				continue
			}
			all++
			url := w.check(t, e.unclaimed()).Profile
			fits := false
			for _, p := range w.guide.profiles[e.typ()] {
				for _, claim := range e.claims {
					fits = fits || p.url == url && derives(p, claim)
				}
			}
			if !fits {
				missed++
				t.Logf("%s: %s is chosen", e.name, url)
				if strings.Contains(e.name, "/own/") {
					t.Errorf("%s: claims %s, but %q is chosen", e.name, e.claims[0].url, url)
				}
			}
		}
		t.Logf("%s: %d of %d as claimed or derived from it", v, all-missed, all)
		if missed > 1 {
			t.Errorf("%s: %d of %d are not as claimed", v, missed, all)
		}
	}
}

func TestChoice(t *testing.T) {
	const us = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
	vital := `"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}]`
	weight := `"code":{"coding":[{"system":"urn:local","code":"W"},{"system":"http://loinc.org","code":"29463-7"}]}`
	for _, c := range []struct{ name, resource, profile string }{
		{"the code before the category", `{"resourceType":"Observation",` + vital + `,` + weight + `}`, us + "body-weight"},
		{"the category when the code is local", `{"resourceType":"Observation",` + vital + `,"code":{"coding":[{"system":"urn:local","code":"W"}]}}`, us + "vital-signs"},
		{"nothing for a known code in another category", `{"resourceType":"Observation","category":[{"text":"vitals"}],` + weight + `}`, ""},
		{"nothing without category and code", `{"resourceType":"Observation"}`, ""},
		{"a known code of another system is not it", `{"resourceType":"Observation",` + vital + `,"code":{"coding":[{"system":"urn:local","code":"29463-7"}]}}`, us + "vital-signs"},
		{"the narrower list of categories", `{"resourceType":"Observation","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"exam"}]}]}`, us + "observation-clinical-result"},
		{"laboratory before clinical result", `{"resourceType":"Observation","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}]}`, us + "observation-lab"},
		{"the only profile of a type", `{"resourceType":"Patient"}`, us + "patient"},
		{"a claim, with its version", `{"resourceType":"Observation","meta":{"profile":["` + us + `vital-signs|6.1.0"]},` + vital + `,` + weight + `}`, us + "vital-signs"},
		{"no claim of another version", `{"resourceType":"Observation","meta":{"profile":["` + us + `vital-signs|3.1.1"]},` + vital + `,` + weight + `}`, us + "body-weight"},
		{"no claim of another guide", `{"resourceType":"Observation","meta":{"profile":["http://example.org/StructureDefinition/vital"]},` + vital + `,` + weight + `}`, us + "body-weight"},
		{"no claim of another type", `{"resourceType":"Observation","meta":{"profile":["` + us + `patient"]},` + vital + `,` + weight + `}`, us + "body-weight"},
		{"the first known claim of several", `{"resourceType":"Observation","meta":{"profile":["urn:x","` + us + `vital-signs","` + us + `bmi"]}}`, us + "vital-signs"},
		{"escapes in a claim", `{"resourceType":"Observation","meta":{"profile":["` + strings.ReplaceAll(us, "/", `\/`) + `vital-signs"]}}`, us + "vital-signs"},
		{"no profile of the type", `{"resourceType":"Appointment"}`, ""},
		{"an unknown type", `{"resourceType":"Basic"}`, ""},
	} {
		v, err := guide(t, V610).Validate([]byte(c.resource))
		if err != nil || v.Profile != c.profile {
			t.Errorf("%s: got %q, %v, want %q", c.name, v.Profile, err, c.profile)
		}
	}
}

func TestAllClaimedProfilesAreChecked(t *testing.T) {
	const us = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
	v, err := guide(t, V610).Validate([]byte(`{"resourceType":"Observation","meta":{"profile":["` + us + `body-weight","` + us + `bmi"]},"code":{"text":"?"}}`))
	if err != nil {
		t.Fatal(err)
	}
	fixed, status := map[string]bool{}, 0
	for _, i := range v.Issues {
		if i.Rule == RuleFixed && i.Path == "Observation.code" {
			fixed[i.Profile] = true
		}
		if i.Path == "Observation.status" {
			status++
		}
	}
	if !fixed[us+"body-weight"] || !fixed[us+"bmi"] || status != 1 {
		t.Errorf("got %+v", v)
	}
}

func TestVitalSignsOfR4AreClaimedByTheirOwnVersion(t *testing.T) {
	const bp = "http://hl7.org/fhir/StructureDefinition/bp"
	for _, suffix := range []string{"", "|4.0.1", "|3.1.1"} {
		v, err := guide(t, V311).Validate([]byte(`{"resourceType":"Observation","meta":{"profile":["` + bp + suffix + `"]}}`))
		if err != nil || v.Profile != bp {
			t.Errorf("%q: got %q, %v", suffix, v.Profile, err)
		}
	}
}
