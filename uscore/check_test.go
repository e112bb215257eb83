package uscore

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/tape"
)

func TestVerdicts(t *testing.T) {
	const us = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
	const r4 = "http://hl7.org/fhir/StructureDefinition/"
	patient := func(members string) string {
		return `{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"A"}],"gender":"male"` + members + `}`
	}
	issue := func(rule, path, profile string) []Issue {
		return []Issue{{SeverityError, rule, path, profile}}
	}
	for _, c := range []struct {
		name, resource string
		level          Level
		issues         []Issue
	}{
		{"a good one", patient(""), Conforms, nil},
		{"a code instead of a concept", `{"resourceType":"Medication","code":"aspirin"}`, Error, issue(RuleType, "Medication.code", r4+"Medication")},
		{"a list for a single value", `{"resourceType":"Medication","code":[{"text":"aspirin"}]}`, Error, issue(RuleType, "Medication.code", r4+"Medication")},
		{"a single value for a list", patient(`,"communication":{"language":{"text":"en"}}`), Error, issue(RuleType, "Patient.communication", r4+"Patient")},
		{"null is absent", `{"resourceType":"Medication","code":null}`, Error, issue(RuleRequired, "Medication.code", us+"medication")},
		{"an empty object is absent", `{"resourceType":"Medication","code":{ }}`, Error, issue(RuleRequired, "Medication.code", us+"medication")},
		{"an object without known members is there", `{"resourceType":"Medication","code":{"id":"x"}}`, Conforms, nil},
		{"an extension alone is there", `{"resourceType":"Medication","code":{"extension":[{"url":"` + absentReason + `","valueCode":"unknown"}]}}`, Conforms, nil},
		{"an empty list is absent", strings.Replace(patient(""), `[{"family":"A"}]`, `[]`, 1), Error, issue(RuleRequired, "Patient.name", us+"patient")},
		{"an empty string is absent", strings.Replace(patient(""), `"male"`, `""`, 1), Error, issue(RuleRequired, "Patient.gender", us+"patient")},
		{"a primitive by its extension", strings.Replace(patient(""), `"gender":"male"`, `"_gender":{"extension":[{"url":"`+absentReason+`","valueCode":"unknown"}]}`, 1), Conforms, nil},
		{"a sibling without an extension is not it", strings.Replace(patient(""), `"gender":"male"`, `"_gender":{"id":"g","extension":[]}`, 1), Error, issue(RuleRequired, "Patient.gender", us+"patient")},
		{"a code that is not listed", strings.Replace(patient(""), `"male"`, `"m"`, 1), Error, issue(RuleBinding, "Patient.gender", r4+"Patient")},
		{"a code with an escape", strings.Replace(patient(""), `"male"`, `"m\u0061le"`, 1), Conforms, nil},
		{
			"a concept that is only text where codes are required", `{"resourceType":"AllergyIntolerance","code":{"text":"nuts"},"patient":{"reference":"Patient/1"},"clinicalStatus":{"text":"active"}}`,
			Error, issue(RuleBinding, "AllergyIntolerance.clinicalStatus", r4+"AllergyIntolerance"),
		},
		{"a concept that says why it is absent", `{"resourceType":"AllergyIntolerance","code":{"text":"nuts"},"patient":{"reference":"Patient/1"},"clinicalStatus":{"extension":[{"url":"` + absentReason + `","valueCode":"masked"}]}}`, Conforms, nil},
		{
			"two types of a choice", `{"resourceType":"MedicationDispense","status":"on-hold","subject":{"reference":"Patient/1"},"medicationReference":{"reference":"Medication/1"},"medicationCodeableConcept":{"text":"x"}}`,
			Error, issue(RuleChoice, "MedicationDispense.medication[x]", r4+"MedicationDispense"),
		},
		{
			"a type of a choice that the profile refuses", `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"` + obsCategory + `","code":"vital-signs"}]}],
			"code":{"text":"x"},"subject":{"reference":"Patient/1"},"effectiveInstant":"2025-01-01T00:00:00Z","valueString":"no"}`,
			Error, issue(RuleType, "Observation.effective[x]", us+"vital-signs"),
		},
		{"no profile, and nothing wrong with the type", `{"resourceType":"Observation","status":"final","code":{"text":"x"}}`, NoProfile, nil},
		{"no profile, and the type is broken", `{"resourceType":"Observation","status":"final"}`, Error, issue(RuleRequired, "Observation.code", r4+"Observation")},
		{"a type without profiles", `{"resourceType":"MedicationStatement","status":"active","subject":{"reference":"Patient/1"},"medicationReference":{"reference":"Medication/1"}}`, NoProfile, nil},
		{"a broken one of a type without profiles", `{"resourceType":"MedicationStatement","status":"active","subject":{"reference":"Patient/1"}}`, Error, issue(RuleRequired, "MedicationStatement.medication[x]", r4+"MedicationStatement")},
		{"a type that nothing is known of", `{"resourceType":"Basic"}`, NoProfile, nil},
		{"no type", `{}`, NoProfile, nil},
		{"no object", `[{"resourceType":"Patient"}]`, Error, []Issue{{SeverityError, RuleType, "", r4}}},
	} {
		v, err := guide(t, Default).Validate([]byte(c.resource))
		if err != nil || v.Level != c.level || !slices.Equal(v.Issues, c.issues) {
			t.Errorf("%s: got %v %+v, %v", c.name, v.Level, v.Issues, err)
		}
	}
}

func TestAnIssueIsOneHoweverOftenItIsMet(t *testing.T) {
	many := `{"resourceType":"Encounter","location":[` + strings.Repeat(`{},{"id":"x"},`, 500) + `{"id":"y"}]}`
	v, err := guide(t, Default).Validate([]byte(many))
	n := 0
	for _, i := range v.Issues {
		if i.Path == "Encounter.location.location" {
			n++
		}
	}
	if err != nil || n != 1 {
		t.Errorf("%d issues, %v", n, err)
	}
}

func TestACheckerForgetsTheResourceBefore(t *testing.T) {
	w := newWorkbench(t, Default)
	if v := w.checkText(t, "Patient", []byte(`{"resourceType":"Patient"}`)); v.Level != Error || len(v.Issues) < 3 {
		t.Errorf("got %+v", v)
	}
	good := `{"resourceType":"Patient","identifier":[{"system":"urn:x","value":"1"}],"name":[{"family":"A"}],"gender":"male"}`
	if v := w.checkText(t, "Patient", []byte(good)); v.Level != Conforms || len(v.Issues) != 0 {
		t.Errorf("got %+v", v)
	}
}

// A shape may hold the wants of others, before the rules and after them.
func TestRulesShareAShape(t *testing.T) {
	shape := tape.NewShape()
	shape.Root().Member("code").All()
	shape.Root().Member("name").Member("period").Member("start")
	c := guide(t, Default).Want("Observation", shape).NewChecker()
	shape.Root().Member("zzz").Member("code")
	shape.Root().Member("component").Member("interpretation")
	var line tape.Tape
	for _, e := range ownExamples(t, Default) {
		if e.typ() != "Observation" {
			continue
		}
		e.resource["zzz"] = node{"code": "x"}
		if err := line.Parse(encode(t, e.resource), shape); err != nil {
			t.Fatal(err)
		}
		if v := c.Check(&line); v.Level != Conforms {
			t.Errorf("%s: %+v", e.name, v)
		}
		delete(e.resource, "code")
		if err := line.Parse(encode(t, e.resource), shape); err != nil {
			t.Fatal(err)
		}
		if v := c.Check(&line); !findsError(v, "Observation.code", RuleRequired) {
			t.Errorf("%s without code: %+v", e.name, v)
		}
	}
}

func TestACheckOfAGoodResourceAllocatesNothing(t *testing.T) {
	for _, e := range ownExamples(t, Default) {
		w := newWorkbench(t, Default)
		text := encode(t, e.resource)
		w.checkText(t, e.typ(), text)
		c := w.checkers[e.typ()]
		if n := testing.AllocsPerRun(10, func() { c.Check(&w.tape) }); n != 0 {
			t.Errorf("%s: %v allocations", e.name, n)
		}
	}
}

func TestWrongKindsAreTypeErrorsAndNeverPanic(t *testing.T) {
	wrong := []any{nil, "", "x", 1, true, []any{}, node{}, []any{nil}, []any{[]any{}}, []any{node{}}, []any{"x"}, node{"coding": "x"}, node{"extension": node{"url": 1}}}
	for _, v := range []Version{V800, R4} {
		w := newWorkbench(t, v)
		for _, e := range ownExamples(t, v) {
			places(e.resource, func(put func(any), was any) {
				for _, x := range wrong {
					put(x)
					w.check(t, e.resource)
				}
				put(was)
			})
			for _, p := range e.profiles(t) {
				typeErrors(t, w, e, oracle{w.guide, p})
			}
		}
	}
}

// places calls f with a way to replace each value below v.
func places(v any, f func(put func(any), was any)) {
	switch v := v.(type) {
	case node:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if was := v[k]; k != "resourceType" {
				f(func(x any) { v[k] = x }, was)
				places(was, f)
			}
		}
	case []any:
		for i, was := range v {
			f(func(x any) { v[i] = x }, was)
			places(was, f)
		}
	}
}

// typeErrors replaces what each rule needs by a number and by a list of lists:
// it is there, but it is nothing that a rule could be satisfied by.
func typeErrors(t *testing.T, w *workbench, e example, o oracle) {
	t.Helper()
	for _, r := range o.profile.rules {
		parent, step := above(r.path)
		if r.kind != "need" || strings.ContainsAny(step, ":[") {
			continue
		}
		for i := range o.at(e.resource, parent) {
			for _, x := range []any{[]any{[]any{}}, false} {
				if step == "active" || step == "primarySource" || step == "wasSubstituted" {
					x = "true"
				}
				broken := clone(e.resource).(node)
				o.at(broken, parent)[i].(node)[step] = x
				v := w.check(t, broken)
				path := e.typ() + "." + r.path
				if !findsError(v, path, RuleType) && !tellsOptionalSlice(o, r.path) && !tellsSlice(o, r.path) {
					t.Errorf("%s with %v as %s: %+v", e.name, x, path, v)
				}
			}
		}
	}
}

// Items inside items have the rules of items, as deep as the page says.
func TestItemsAreFollowedIntoEachOther(t *testing.T) {
	nested := func(open, shut string, depth int) string {
		return `{"resourceType":"QuestionnaireResponse","questionnaire":"q","status":"completed","subject":{"reference":"Patient/1"},"authored":"2025","item":[` +
			strings.Repeat(open, depth) + `{"text":"no linkId"}` + strings.Repeat(shut, depth) + `]}`
	}
	for _, c := range []struct {
		name, open, shut string
		depth            int
	}{
		{"items", `{"linkId":"1","item":[`, `]}`, 5},
		{"answers", `{"linkId":"1","answer":[{"valueString":"x","item":[`, `]}]}`, 5},
	} {
		for depth := range c.depth + 2 {
			v, err := guide(t, Default).Validate([]byte(nested(c.open, c.shut, depth)))
			if found := findsError(v, "QuestionnaireResponse.item.linkId", RuleRequired); err != nil || found != (depth <= c.depth) {
				t.Errorf("%s below %d others: found %v, %v", c.name, depth, found, err)
			}
		}
	}
}
