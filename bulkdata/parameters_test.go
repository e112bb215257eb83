package bulkdata

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// everything asks for all that a release defines.
func everything(d Dialect) Request {
	r := Request{
		Level: GroupLevel, GroupID: "g1", Types: []string{"Patient", "Observation"}, Since: "2026-01-02T03:04:05.670+01:00",
		TypeFilters:  []string{"Observation?status=final,amended", "Observation?date=ge2026-01-01"},
		OutputFormat: "application/fhir+ndjson",
	}
	if d == STU1 {
		return r
	}
	r.Elements, r.Patients = []string{"id", "Patient.birthDate"}, []string{"p-1", "p-2"}
	r.AssociatedData = []string{"LatestProvenanceResources", "_own"}
	if d == STU2 {
		return r
	}
	r.Until, r.OrganizeOutputBy, r.AllowPartialManifests, r.SeparateExportStatus = "2026-02-02T03:04:05Z", "Patient", true, true
	if d == STU4 {
		r.MinFileSize, r.MaxFileSize = 1000, 2000
	}
	return r
}

// entries are the parameters of a body as name, member and JSON value.
func entries(t *testing.T, body string) [][3]string {
	t.Helper()
	var p struct {
		ResourceType string           `json:"resourceType"`
		Parameter    []map[string]any `json:"parameter"`
	}
	if err := json.Unmarshal([]byte(body), &p, json.RejectUnknownMembers(true)); err != nil || p.ResourceType != "Parameters" {
		t.Fatalf("body %s: %v", body, err)
	}
	var list [][3]string
	for _, entry := range p.Parameter {
		name, _ := entry["name"].(string)
		delete(entry, "name")
		if len(entry) != 1 {
			t.Errorf("%s has %d values", name, len(entry))
		}
		for member, value := range entry {
			text, err := json.Marshal(value, json.Deterministic(true))
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, [3]string{name, member, string(text)})
		}
	}
	return list
}

func TestEveryParameterOfEveryReleaseHasItsValueType(t *testing.T) {
	t.Attr("shows", "BD-023 BD-027 BD-037 BD-038 BD-040 BD-041 BD-043 BD-045 BD-046 BD-047 BD-054 BD-056 BD-058")
	const system = `"system":"http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data"`
	stu2 := [][3]string{
		{"_type", "valueString", `"Patient,Observation"`},
		{"_since", "valueInstant", `"2026-01-02T03:04:05.670+01:00"`},
		{"_elements", "valueString", `"id,Patient.birthDate"`},
		{"patient", "valueReference", `{"reference":"Patient/p-1"}`},
		{"patient", "valueReference", `{"reference":"Patient/p-2"}`},
		{"includeAssociatedData", "valueCode", `"LatestProvenanceResources"`},
		{"includeAssociatedData", "valueCode", `"_own"`},
		{"_typeFilter", "valueString", `"Observation?status=final%2Camended"`},
		{"_typeFilter", "valueString", `"Observation?date=ge2026-01-01"`},
		{"_outputFormat", "valueString", `"application/fhir+ndjson"`},
	}
	stu3 := append(append(append([][3]string{}, stu2[:2]...), [3]string{"_until", "valueInstant", `"2026-02-02T03:04:05Z"`}), stu2[2:7]...)
	stu3 = append(stu3, [3]string{"_typeFilter", "valueString", `"Observation?status=final,amended"`}, stu2[8],
		[3]string{"organizeOutputBy", "valueString", `"Patient"`}, [3]string{"allowPartialManifests", "valueBoolean", "true"}, stu2[9])
	stu4 := [][3]string{
		{"_type", "valueString", `"Patient"`},
		{"_type", "valueString", `"Observation"`},
		stu3[1], stu3[2],
		{"_elements", "valueString", `"id"`},
		{"_elements", "valueString", `"Patient.birthDate"`},
		stu3[4], stu3[5],
		{"includeAssociatedData", "valueCoding", `{"code":"LatestProvenanceResources",` + system + `}`},
		{"includeAssociatedData", "valueCoding", `{"code":"_own",` + system + `}`},
		stu3[8], stu3[9], stu3[10], stu3[11],
		{"_minimumFileSize", "valuePositiveInt", "1000"},
		{"_maximumFileSize", "valuePositiveInt", "2000"},
		stu3[12],
	}
	for d, want := range map[Dialect][][3]string{STU2: stu2, STU3: stu3, STU4: stu4} {
		c, s := scriptOf(t, in(d), accepted)
		k, err := c.Kickoff(t.Context(), everything(d))
		if err != nil {
			t.Fatal(err)
		}
		got := s.requests()[0]
		if got.method != http.MethodPost || k.Method != http.MethodPost || got.uri != "/fhir/Group/g1/$export" || got.header.Get("Content-Type") != "application/fhir+json" {
			t.Errorf("%s: %s %s", d, got.method, got.uri)
		}
		if diff := cmp.Diff(want, entries(t, got.body)); diff != "" {
			t.Errorf("%s: %s", d, diff)
		}
	}
}

func TestEveryParameterOfEveryReleaseSurvivesTheQuery(t *testing.T) {
	t.Attr("shows", "BD-019 BD-020 BD-024 BD-025 BD-026 BD-040 BD-043 BD-046 BD-053 BD-054 BD-055 BD-056")
	common := url.Values{
		"_type": {"Patient,Observation"}, "_since": {"2026-01-02T03:04:05.670+01:00"}, "_outputFormat": {"application/fhir+ndjson"},
		"_elements": {"id,Patient.birthDate"}, "includeAssociatedData": {"LatestProvenanceResources,_own"},
	}
	for name, x := range map[string]struct {
		dialect Dialect
		repeat  bool
		differ  url.Values // from common; nil takes the parameter out
	}{
		"STU1": {STU1, true, url.Values{"_elements": nil, "includeAssociatedData": nil, "_typeFilter": {"Observation?status=final%2Camended,Observation?date=ge2026-01-01"}}},
		"STU2": {STU2, false, url.Values{"_typeFilter": {"Observation?status=final%2Camended", "Observation?date=ge2026-01-01"}}},
		"STU2, repeated": {STU2, true, url.Values{
			"_typeFilter": {"Observation?status=final%2Camended", "Observation?date=ge2026-01-01"}, "_type": {"Patient", "Observation"},
			"_elements": {"id", "Patient.birthDate"}, "includeAssociatedData": {"LatestProvenanceResources", "_own"},
		}},
		"STU3": {STU3, false, url.Values{
			"_typeFilter": {"Observation?status=final,amended", "Observation?date=ge2026-01-01"}, "_until": {"2026-02-02T03:04:05Z"},
			"organizeOutputBy": {"Patient"}, "allowPartialManifests": {"true"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := scriptOf(t, func(cfg *Config) { cfg.Dialect, cfg.Tolerances.RepeatedParameters = x.dialect, x.repeat }, accepted)
			r := everything(x.dialect)
			r.Patients = nil
			if _, err := c.Kickoff(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			want := url.Values{}
			for _, from := range []url.Values{common, x.differ} {
				for name, values := range from {
					want[name] = values
					if values == nil {
						delete(want, name)
					}
				}
			}
			a := s.requests()[0]
			path, query, _ := strings.Cut(a.uri, "?")
			got, err := url.ParseQuery(query)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v %s", err, diff)
			}
			if a.method != http.MethodGet || a.body != "" || path != "/fhir/Group/g1/$export" || strings.ContainsAny(query, "+ ,:?/") {
				t.Errorf("%s %s %s", a.method, a.uri, a.body)
			}
		})
	}
}

func TestNothingIsSentThatWasNotAskedFor(t *testing.T) {
	t.Attr("shows", "BD-022 BD-023 BD-033 BD-034 BD-037 BD-057 BD-058")
	everyDialect(t, func(t *testing.T, d Dialect) {
		c, s := scriptOf(t, in(d), accepted)
		if _, err := c.Kickoff(t.Context(), Request{Level: SystemLevel}); err != nil {
			t.Fatal(err)
		}
		want := asked{http.MethodGet, "/fhir/$export", "", nil}
		if d == STU4 {
			want = asked{http.MethodPost, "/fhir/$export", `{"resourceType":"Parameters"}`, nil}
		}
		got := s.requests()[0]
		if got.method != want.method || got.uri != want.uri || got.body != want.body || got.header.Get("Prefer") != "respond-async" {
			t.Errorf("asked %s %s %s with Prefer %q", got.method, got.uri, got.body, got.header.Get("Prefer"))
		}
	})
}

func TestAFormatIsPassedThroughAsItIsSpelt(t *testing.T) {
	t.Attr("shows", "BD-037")
	for _, format := range []string{"application/fhir+ndjson", "application/ndjson", "ndjson"} {
		c, s := scriptOf(t, nil, accepted)
		if _, err := c.Kickoff(t.Context(), Request{Level: SystemLevel, OutputFormat: format}); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(s.requests()[0].uri)
		if err != nil || u.Query().Get("_outputFormat") != format {
			t.Errorf("asked %v, %v", u, err)
		}
	}
}

// A server of STU1 or STU2 that splits a _typeFilter at its commas, and then
// reads each part as a FHIR query.
func TestACommaInsideAFilterSurvivesAServerThatSplits(t *testing.T) {
	t.Attr("shows", "BD-028 K14")
	filters := []string{"MedicationRequest?status=active,completed", "Observation?code=a|b,c"}
	for _, d := range []Dialect{STU1, STU2} {
		c, s := scriptOf(t, in(d), accepted)
		if _, err := c.Kickoff(t.Context(), Request{Level: SystemLevel, Types: []string{"MedicationRequest", "Observation"}, TypeFilters: filters}); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(s.requests()[0].uri)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, value := range u.Query()["_typeFilter"] {
			for part := range strings.SplitSeq(value, ",") {
				name, query, _ := strings.Cut(part, "?")
				search, err := url.ParseQuery(query)
				if err != nil {
					t.Fatal(err)
				}
				for key, values := range search {
					got = append(got, name+"?"+key+"="+values[0])
				}
			}
		}
		if diff := cmp.Diff(filters, got); diff != "" {
			t.Errorf("%s: %s", d, diff)
		}
	}
}

func TestARequestTheGuideDoesNotAllowIsNotSent(t *testing.T) {
	t.Attr("shows", "BD-019 BD-040 BD-043 BD-045 BD-050 BD-052 BD-053 BD-058")
	patient := []string{"Patient"}
	filter := func(text string) Request {
		return Request{Level: SystemLevel, Types: patient, TypeFilters: []string{text}}
	}
	for name, x := range map[string]struct {
		dialect   Dialect
		request   Request
		parameter string
	}{
		"POST in STU1":            {STU1, Request{Level: SystemLevel, Post: true}, "POST"},
		"elements in STU1":        {STU1, Request{Level: SystemLevel, Elements: []string{"id"}}, "_elements"},
		"patient in STU1":         {STU1, Request{Level: PatientLevel, Patients: []string{"1"}}, "patient"},
		"associated in STU1":      {STU1, Request{Level: SystemLevel, AssociatedData: []string{"_x"}}, "includeAssociatedData"},
		"until in STU2":           {STU2, Request{Level: SystemLevel, Until: "2026-01-02T03:04:05Z"}, "_until"},
		"organized in STU2":       {STU2, Request{Level: SystemLevel, OrganizeOutputBy: "Patient"}, "organizeOutputBy"},
		"partial in STU2":         {STU2, Request{Level: SystemLevel, AllowPartialManifests: true}, "allowPartialManifests"},
		"separate in STU1":        {STU1, Request{Level: SystemLevel, SeparateExportStatus: true}, "separate-export-status"},
		"sizes in STU3":           {STU3, Request{Level: SystemLevel, MaxFileSize: 5}, "_maximumFileSize"},
		"negative size":           {STU4, Request{Level: SystemLevel, MinFileSize: -1}, "_minimumFileSize"},
		"negative greatest":       {STU4, Request{Level: SystemLevel, MaxFileSize: -1}, "_maximumFileSize"},
		"equal sizes":             {STU4, Request{Level: SystemLevel, MinFileSize: 5, MaxFileSize: 5}, "_maximumFileSize"},
		"until without zone":      {STU3, Request{Level: SystemLevel, Until: "2026-01-02T03:04:05"}, "_until"},
		"nested element":          {STU2, Request{Level: SystemLevel, Elements: []string{"Patient.name.family"}}, "_elements"},
		"two elements":            {STU2, Request{Level: SystemLevel, Elements: []string{"id,name"}}, "_elements"},
		"patient at system level": {STU2, Request{Level: SystemLevel, Patients: []string{"1"}}, "patient"},
		"patient as reference":    {STU4, Request{Level: PatientLevel, Patients: []string{"Patient/1"}}, "patient"},
		"unknown code":            {STU4, Request{Level: SystemLevel, AssociatedData: []string{"Everything"}}, "includeAssociatedData"},
		"organized by two":        {STU4, Request{Level: SystemLevel, OrganizeOutputBy: "Patient,Encounter"}, "organizeOutputBy"},
		"filter of another type":  {STU3, filter("Observation?x=1"), "_typeFilter"},
		"result parameter":        {STU3, filter("Patient?_count=5"), "_typeFilter"},
		"system context":          {STU3, filter("?x=1"), "_typeFilter"},
		"compartment":             {STU3, filter("Patient/1/Observation?x=1"), "_typeFilter"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := scriptOf(t, in(x.dialect), accepted)
			_, err := c.Kickoff(t.Context(), x.request)
			e, ok := errors.AsType[*RequestError](err)
			if !ok || e.Parameter != x.parameter || Temporary(err) || MayHaveStarted(err) || len(s.requests()) != 0 {
				t.Errorf("Kickoff = %v after %v", err, s.uris())
			}
		})
	}
	for _, name := range resultParameters {
		c := clientOf(t, nil, nil)
		if _, err := c.Plan(filter("Patient?active=true&" + name + "=x")); err == nil {
			t.Errorf("%s is allowed in a filter", name)
		}
	}
}

func TestLenientHandlingAndSeparateStatusAreAskedForWhereWanted(t *testing.T) {
	t.Attr("shows", "BD-029 BD-030 BD-031 BD-032 BD-033 BD-034 K13")
	everyDialect(t, func(t *testing.T, d Dialect) {
		c, s := scriptOf(t, in(d), accepted)
		requests := map[string]Request{
			"respond-async":                   {Level: SystemLevel},
			"respond-async, handling=lenient": {Level: SystemLevel, Lenient: true},
		}
		if d == STU3 || d == STU4 {
			requests["respond-async, separate-export-status"] = Request{Level: SystemLevel, SeparateExportStatus: true}
			requests["respond-async, separate-export-status, handling=lenient"] = Request{Level: SystemLevel, SeparateExportStatus: true, Lenient: true}
		}
		for want, r := range requests {
			if _, err := c.Kickoff(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			all := s.requests()
			got := all[len(all)-1].header
			if diff := cmp.Diff([2][]string{{want}, {"application/fhir+json"}}, [2][]string{got.Values("Prefer"), got.Values("Accept")}); diff != "" {
				t.Error(diff)
			}
		}
	})
}
