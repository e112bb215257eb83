package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// postParameters posts a Parameters resource to start an export.
func (c *caller) postParameters(url, parameters string) reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, url, strings.NewReader(parameters))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, value := range asyncHeaders {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return read(c.t, resp)
}

func parametersOf(entries ...string) string {
	if len(entries) == 0 {
		return `{"resourceType":"Parameters"}`
	}
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(entries, ",") + `]}`
}

func speaking(d Dialect) *Knobs {
	k := quick(Standard())
	k.Dialect = d
	return k
}

func TestEveryReleaseTakesItsOwnParameters(t *testing.T) {
	const first, last = STU1, STU4
	for name, tc := range map[string]struct {
		query    string
		from, to Dialect // the releases that take it in a GET
	}{
		"nothing":                 {"", first, STU3},
		"one list of types":       {"_type=Patient,Observation", first, STU3},
		"repeated types":          {"_type=Patient&_type=Observation", STU2, STU3},
		"since":                   {"_since=2024-01-01T00:00:00Z", first, STU3},
		"since twice":             {"_since=2024-01-01T00:00:00Z&_since=2024-01-01T00:00:00Z", "", ""},
		"a zone with a bare plus": {"_since=2024-01-01T00:00:00+01:00", "", ""},
		"until":                   {"_until=2024-01-01T00:00:00Z", STU3, STU3},
		"elements":                {"_elements=Patient.id,name", STU2, STU3},
		"deep elements":           {"_elements=Patient.name.family", "", ""},
		"patient":                 {"patient=Patient/1", "", ""},
		"associated":              {"includeAssociatedData=LatestProvenanceResources", STU2, STU3},
		"associated, unknown":     {"includeAssociatedData=Everything", "", ""},
		"filter":                  {"_typeFilter=" + url.QueryEscape("Observation?status=final"), first, STU3},
		"filters in a list":       {"_typeFilter=" + url.QueryEscape("Observation?status=final,Patient?gender=male"), first, STU3},
		"filter with _count":      {"_typeFilter=" + url.QueryEscape("Observation?_count=3"), "", ""},
		"filter of a compartment": {"_typeFilter=" + url.QueryEscape("Patient/1/Observation?status=final"), "", ""},
		"filter outside _type":    {"_type=Patient&_typeFilter=" + url.QueryEscape("Observation?status=final"), "", ""},
		"organized":               {"organizeOutputBy=Patient", STU3, STU3},
		"partial":                 {"allowPartialManifests=true", STU3, STU3},
		"partial, badly":          {"allowPartialManifests=1", "", ""},
		"sizes":                   {"_maximumFileSize=1000", "", ""},
		"another format":          {"_outputFormat=text/csv", "", ""},
	} {
		for _, d := range dialects {
			t.Run(name+" "+string(d), func(t *testing.T) {
				srv, c := play(t, Config{Plain: true, Practices: []Practice{openPractice(speaking(d))}})
				r, err := c.do(http.MethodGet, srv.Practice("open").Base()+"/$export?"+tc.query, asyncHeaders)
				if err != nil {
					t.Fatal(err)
				}
				want := http.StatusBadRequest
				switch {
				case d == last:
					want = http.StatusMethodNotAllowed
				case tc.from != "" && !d.before(tc.from) && !tc.to.before(d):
					want = http.StatusAccepted
				}
				if r.StatusCode != want || (want != http.StatusAccepted && r.outcome() == "") {
					t.Errorf("status %d, want %d: %s", r.StatusCode, want, r.body)
				}
			})
		}
	}
}

func TestAPostIsReadAsStrictlyAsItsReleaseSays(t *testing.T) {
	const (
		patient = `{"name":"_type","valueString":"Patient"}`
		both    = `{"name":"_type","valueString":"Patient,Observation"}`
	)
	for name, tc := range map[string]struct {
		body       string
		stu3, stu4 int
	}{
		"nothing":                     {parametersOf(), 202, 202},
		"a type":                      {parametersOf(patient), 202, 202},
		"two types":                   {parametersOf(patient, `{"name":"_type","valueString":"Observation"}`), 202, 202},
		"two types in one":            {parametersOf(both), 202, 400},
		"a type as code":              {parametersOf(`{"name":"_type","valueCode":"Patient"}`), 400, 400},
		"since":                       {parametersOf(`{"name":"_since","valueInstant":"2024-01-01T00:00:00Z"}`), 202, 202},
		"since as string":             {parametersOf(`{"name":"_since","valueString":"2024-01-01T00:00:00Z"}`), 400, 400},
		"elements in one":             {parametersOf(`{"name":"_elements","valueString":"id,name"}`), 202, 400},
		"associated as code":          {parametersOf(`{"name":"includeAssociatedData","valueCode":"LatestProvenanceResources"}`), 202, 400},
		"associated as coding":        {parametersOf(`{"name":"includeAssociatedData","valueCoding":{"system":"` + associatedSystem + `","code":"LatestProvenanceResources"}}`), 400, 202},
		"associated, another system":  {parametersOf(`{"name":"includeAssociatedData","valueCoding":{"system":"http://x","code":"LatestProvenanceResources"}}`), 400, 400},
		"partial":                     {parametersOf(`{"name":"allowPartialManifests","valueBoolean":true}`), 202, 202},
		"partial as string":           {parametersOf(`{"name":"allowPartialManifests","valueBoolean":"true"}`), 400, 400},
		"sizes":                       {parametersOf(`{"name":"_minimumFileSize","valuePositiveInt":10}`, `{"name":"_maximumFileSize","valuePositiveInt":100}`), 400, 202},
		"sizes the wrong way around":  {parametersOf(`{"name":"_minimumFileSize","valuePositiveInt":100}`, `{"name":"_maximumFileSize","valuePositiveInt":10}`), 400, 400},
		"a patient":                   {parametersOf(`{"name":"patient","valueReference":{"reference":"Patient/3"}}`), 202, 202},
		"a patient who is unknown":    {parametersOf(`{"name":"patient","valueReference":{"reference":"Patient/nobody"}}`), 400, 400},
		"a patient as string":         {parametersOf(`{"name":"patient","valueString":"Patient/3"}`), 400, 400},
		"an empty array":              {`{"resourceType":"Parameters","parameter":[]}`, 400, 400},
		"another resource":            {`{"resourceType":"Patient"}`, 400, 400},
		"a member that is none":       {`{"resourceType":"Parameters","parameters":[]}`, 400, 400},
		"two values":                  {parametersOf(`{"name":"_type","valueString":"Patient","valueCode":"Patient"}`), 400, 400},
		"no JSON":                     {`_type=Patient`, 400, 400},
		"a parameter that is unknown": {parametersOf(`{"name":"_nonsense","valueString":"x"}`), 400, 400},
	} {
		for d, want := range map[Dialect]int{STU3: tc.stu3, STU4: tc.stu4} {
			t.Run(name+" "+string(d), func(t *testing.T) {
				srv, c := play(t, Config{Plain: true, Practices: []Practice{openPractice(speaking(d))}})
				r := c.postParameters(srv.Practice("open").Base()+"/Patient/$export", tc.body)
				if r.StatusCode != want || (want != http.StatusAccepted && r.outcome() == "") {
					t.Errorf("status %d, want %d: %s", r.StatusCode, want, r.body)
				}
			})
		}
	}
}

func TestAPostMayNotBringAQueryOrAnotherMediaType(t *testing.T) {
	srv, c := play(t, Config{Plain: true, Practices: []Practice{openPractice(speaking(STU4))}})
	url := srv.Practice("open").Base() + "/$export"
	if r := c.postParameters(url+"?_type=Patient", parametersOf()); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a query: status %d", r.StatusCode)
	}
	r, err := c.do(http.MethodPost, url, asyncHeaders)
	if err != nil || r.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("no media type: status %d, %v", r.StatusCode, err)
	}
}

func TestPostIsForThoseWhoTakeIt(t *testing.T) {
	for name, tc := range map[string]struct {
		d    Dialect
		post bool
		want int
	}{"stu1": {STU1, true, 405}, "stu2": {STU2, true, 202}, "stu2 without": {STU2, false, 405}} {
		k := speaking(tc.d)
		k.Post = tc.post
		srv, c := play(t, Config{Plain: true, Practices: []Practice{openPractice(k)}})
		if r := c.postParameters(srv.Practice("open").Base()+"/$export", parametersOf()); r.StatusCode != tc.want {
			t.Errorf("%s: status %d, want %d", name, r.StatusCode, tc.want)
		}
	}
}

func TestTheFourthReleaseStandsBesideAnother(t *testing.T) {
	k := speaking(STU3)
	srv, c := play(t, Config{Plain: true, Practices: []Practice{openPractice(k)}})
	base := srv.Practice("open").Base()
	if r := c.postParameters(base+"/$export-v4", parametersOf()); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("not offered: status %d", r.StatusCode)
	}
	srv.Practice("open").Set(func(k *Knobs) { k.Operations = []string{"export", "export-v4"} })
	if r := c.postParameters(base+"/Group/g1/$export-v4", parametersOf()); r.StatusCode != http.StatusAccepted {
		t.Errorf("POST to $export-v4: status %d: %s", r.StatusCode, r.body)
	}
	c.send(http.MethodGet, base+"/Group/g1/$export-v4", asyncHeaders, http.StatusMethodNotAllowed)
	c.send(http.MethodGet, base+"/Group/g1/$export", asyncHeaders, http.StatusAccepted)
	seen := srv.Observations("open")
	if len(seen.Exports) != 2 || seen.Exports[0].Dialect != STU4 || seen.Exports[1].Dialect != STU3 {
		t.Errorf("exports: %+v", seen.Exports)
	}
	if want := map[string]int{"POST": 2, "GET": 2}; !cmp.Equal(seen.Kickoffs, want) {
		t.Errorf("kick-offs %v, want %v", seen.Kickoffs, want)
	}
}

func TestTheServerTellsWhatItUnderstood(t *testing.T) {
	k := speaking(STU3)
	k.UnknownParam = UnknownIgnore
	srv, c := play(t, Config{Plain: true, Practices: []Practice{openPractice(k)}})
	r := c.postParameters(srv.Practice("open").Base()+"/Patient/$export", parametersOf(
		`{"name":"_type","valueString":"Patient,Observation"}`, `{"name":"_until","valueInstant":"2024-01-01T00:00:00Z"}`,
		`{"name":"_elements","valueString":"id"}`, `{"name":"patient","valueReference":{"reference":"Patient/3"}}`,
		`{"name":"_typeFilter","valueString":"Observation?status=final,amended"}`,
		`{"name":"includeAssociatedData","valueCode":"RelevantProvenanceResources"}`, `{"name":"mystery","valueString":"x"}`,
	))
	if r.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d: %s", r.StatusCode, r.body)
	}
	got := srv.Observations("open").Exports[0]
	want := ExportObservations{
		ID: got.ID, Accepted: got.Accepted, Level: LevelPatient, Method: "POST", Dialect: STU3, Types: []string{"Observation", "Patient"},
		Until: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Elements: []string{"id"}, Patients: []string{"3"},
		Filters: []string{"Observation?status=final,amended"}, Associated: []string{"RelevantProvenanceResources"}, Ignored: []string{"mystery"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("understood (-want +got):\n%s", diff)
	}
	m := c.wait(r.Header.Get("Content-Location"))
	if got := c.lines(m, "Patient"); len(got) != 1 {
		t.Errorf("%d patients, want the one that was named", len(got))
	}
}

func TestWhatIsUnknownIsAnsweredAsTheKnobSays(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Knobs)
		query  string
		want   int
	}{
		"400":                 {func(*Knobs) {}, "_nonsense=1", 400},
		"422":                 {func(k *Knobs) { k.UnknownParam = Unknown422 }, "_nonsense=1", 422},
		"ignore":              {func(k *Knobs) { k.UnknownParam = UnknownIgnore }, "_nonsense=1", 202},
		"lenient":             {func(k *Knobs) { k.LenientParams = true }, "_nonsense=1", 202},
		"lacked":              {func(k *Knobs) { k.LacksParams = []string{"_since"} }, "_since=2024-01-01T00:00:00Z", 400},
		"bad filter":          {func(k *Knobs) { k.BadTypeFilter = 422 }, "_typeFilter=Patient", 422},
		"repeated":            {func(k *Knobs) { k.RejectRepeated = true }, "_type=Patient&_type=Observation", 400},
		"administrative only": {func(k *Knobs) { k.AdminOnly = AdminReject }, "_type=Practitioner", 400},
		"and a clinical one":  {func(k *Knobs) { k.AdminOnly = AdminReject }, "_type=Practitioner,Patient", 202},
		"patient only":        {func(k *Knobs) { k.PatientOnly = 403 }, "_type=Patient", 403},
		"patient and more":    {func(k *Knobs) { k.PatientOnly = 403 }, "_type=Patient,Observation", 202},
	} {
		k := quick(Standard())
		tc.change(k)
		srv, c := play(t, Config{Plain: true, Practices: []Practice{openPractice(k)}})
		r, err := c.do(http.MethodGet, srv.Practice("open").Base()+"/$export?"+tc.query, asyncHeaders)
		if err != nil || r.StatusCode != tc.want {
			t.Errorf("%s: status %d, %v, want %d", name, r.StatusCode, err, tc.want)
		}
	}
}

func TestAFilterFiltersInEitherQuoting(t *testing.T) {
	source := records{}
	for i, status := range []string{"final", "amended", "preliminary", "final"} {
		id := string(rune('a' + i))
		source["Observation"] = append(source["Observation"], resource{id: id, updated: longAgo, text: `{"resourceType":"Observation","id":"` + id +
			`","status":"` + status + `","effectiveDateTime":"202` + string(rune('0'+i)) + `-05-01","category":[{"coding":[{"system":"http://c","code":"lab"}]}]}`})
	}
	for filter, want := range map[string]int{
		`Observation?status=final`:                                         2,
		`Observation?status=final%2Camended`:                               3,
		`Observation?status=final\,amended`:                                3,
		`Observation?status=amended,Observation?date=ge2023`:               2,
		`Observation?date=ge2021-01-01&date=lt2023`:                        2,
		`Observation?category=http://c|lab&status=preliminary`:             1,
		`Observation?category=http://other|lab`:                            0,
		`Observation?category=lab`:                                         4,
		`Observation?_lastUpdated=gt2020-01-01,Observation?status=amended`: 1,
	} {
		p := openPractice(speaking(STU1))
		p.Source = source
		srv, c := play(t, Config{Plain: true, Practices: []Practice{p}})
		base := srv.Practice("open").Base()
		m := c.wait(c.kickoff(base, "/$export?_type=Observation&_typeFilter="+url.QueryEscape(filter)))
		if got := c.lines(m, "Observation"); len(got) != want {
			t.Errorf("%s: %d lines, want %d; understood %v", filter, len(got), want, srv.Observations("open").Exports[0].Filters)
		}
	}
}

func TestAFilterThatCannotBeReadIsRefused(t *testing.T) {
	for _, text := range []string{"Observation", "Observation?", "?status=final", "observation?status=final", "Observation?_sort=date", "Observation?subject.name=x"} {
		if f, err := readFilter(text); err == nil {
			t.Errorf("%q is read as %s", text, f)
		}
	}
	for quote, want := range map[CommaQuote][]string{
		CommaBoth: {`a\,b`, "c%2Cd"}, CommaPercent: {`a\`, "b", "c%2Cd"}, CommaBackslash: {`a\,b`, "c", "d"},
	} {
		if got := splitFilters(`a\,b,c%2Cd`, quote); !slices.Equal(got, want) {
			t.Errorf("%q: split into %q, want %q", quote, got, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, text := range []string{"Observation?status=final,amended", `Patient?gender=a\,b&birthdate=ge2000-01`, "Observation?date=lt2024-02-30", "X"} {
		f.Add(text, `{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":"s","code":"c"}]}]}`)
	}
	f.Fuzz(func(t *testing.T, text, line string) {
		filter, err := readFilter(text)
		if err != nil {
			return
		}
		again, err := readFilter(filter.kind + "?" + filter.search[0].name + "=" + url.QueryEscape(strings.Join(filter.search[0].values, ",")))
		if err != nil || again.kind != filter.kind {
			t.Errorf("%q is read, but not as it was understood: %v", text, err)
		}
		filter.matches([]byte(line))
	})
}
