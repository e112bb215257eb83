package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func groupExport(base string) string { return base + "/Group/" + groupUUID + "/$export" }

func TestECWKickoffAnswersAsDocumented(t *testing.T) {
	k := ECW()
	k.Stuck = true
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(&k)}})
	base := srv.Practice("ABCDEF").Base()
	if !strings.HasSuffix(base, "/fhir/r4/ABCDEF") {
		t.Errorf("base %s", base)
	}
	c.login(base, ecwScope)
	r := c.send(http.MethodGet, groupExport(base), asyncHeaders, http.StatusAccepted)
	location := r.Header.Get("Content-Location")
	if !strings.HasPrefix(location, base+"/$export-poll-location?job_id=") || r.Header.Get("Retry-After") != "120" {
		t.Errorf("content-location %q, retry-after %q", location, r.Header.Get("Retry-After"))
	}
	poll := c.get(location, http.StatusAccepted)
	if poll.Header.Get("X-Progress") != "0% Completed" || poll.Header.Get("Retry-After") != "120" {
		t.Errorf("poll: %v", poll.Header)
	}

	again := c.send(http.MethodGet, groupExport(base)+"?_type=Patient", asyncHeaders, http.StatusOK)
	if again.outcome() != "duplicate" || again.Header.Get("Content-Location") != "" {
		t.Errorf("second kick-off: %s", again.body)
	}
	c.send(http.MethodDelete, location, nil, http.StatusAccepted)
	c.get(location, http.StatusNotFound)
	c.send(http.MethodDelete, location, nil, http.StatusNotFound)
	c.send(http.MethodGet, groupExport(base), asyncHeaders, http.StatusAccepted)
}

func TestECWWritesItsHeadersInLowerCase(t *testing.T) {
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(quick(ECW()))}, Plain: true})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	raw := c.raw(groupExport(base), asyncHeaders)
	if !strings.Contains(raw, "\r\ncontent-location: "+base) || !strings.Contains(raw, "\r\nretry-after: 0\r\n") {
		t.Errorf("answer on the wire:\n%s", raw)
	}
}

func TestRetryAfterIsScaled(t *testing.T) {
	k := ECW()
	srv, c := play(t, Config{Practices: []Practice{ecwPractice(&k)}, TimeScale: 60})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	r := c.send(http.MethodGet, groupExport(base), asyncHeaders, http.StatusAccepted)
	if got := r.Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %s, want 120 s / 60", got)
	}
}

func TestKickoffRefusals(t *testing.T) {
	k := quick(ECW())
	k.DisabledGroups = []string{"closed"}
	p := ecwPractice(k)
	p.Groups = append(p.Groups, Group{ID: "78", Identifier: "closed"})
	srv, c := play(t, Config{Practices: []Practice{p, openPractice(quick(Standard()))}})
	ecw, std := srv.Practice("ABCDEF").Base(), srv.Practice("open").Base()
	group := "/Group/" + groupUUID + "/$export"
	for name, tc := range map[string]struct {
		url     string
		scope   string
		headers map[string]string
		status  int
		code    string
	}{
		"no token":              {ecw + group, "", asyncHeaders, 401, "login"},
		"no Group scope":        {ecw + group, "system/Patient.read", asyncHeaders, 403, "forbidden"},
		"Group scope as .r":     {ecw + group, "system/Patient.read system/Group.r", asyncHeaders, 403, "forbidden"},
		"no Accept":             {ecw + group, ecwScope, map[string]string{"Prefer": "respond-async"}, 422, "required"},
		"no Prefer":             {ecw + group, ecwScope, map[string]string{"Accept": "application/fhir+json"}, 422, "required"},
		"Accept differs":        {ecw + group, ecwScope, map[string]string{"Accept": "application/json", "Prefer": "respond-async"}, 400, "invalid"},
		"Prefer differs":        {ecw + group, ecwScope, map[string]string{"Accept": "application/fhir+json", "Prefer": "respond-async,x"}, 400, "invalid"},
		"system level":          {ecw + "/$export", ecwScope, asyncHeaders, 400, "not-supported"},
		"patient level":         {ecw + "/Patient/$export", ecwScope, asyncHeaders, 400, "not-supported"},
		"group that is off":     {ecw + "/Group/closed/$export", ecwScope, asyncHeaders, 401, "not-found"},
		"type outside scope":    {ecw + group + "?_type=Patient,Condition", ecwScope, asyncHeaders, 401, "forbidden"},
		"type it lacks":         {ecw + group + "?_type=Appointment", ecwScope, asyncHeaders, 400, "not-supported"},
		"unknown parameter":     {ecw + group + "?_typeFilter=Patient%3Factive%3Dtrue", ecwScope, asyncHeaders, 400, "not-supported"},
		"since is no time":      {ecw + group + "?_since=yesterday", ecwScope, asyncHeaders, 400, "value"},
		"format":                {ecw + group + "?_outputFormat=text/csv", ecwScope, asyncHeaders, 400, "not-supported"},
		"standard: date":        {std + "/$export?_since=2024-01-01", "", asyncHeaders, 400, "value"},
		"standard: no Prefer":   {std + "/$export", "", map[string]string{"Accept": "application/fhir+json"}, 400, "invalid"},
		"standard: no group":    {std + "/Group/none/$export", "", asyncHeaders, 404, "not-found"},
		"standard: no type":     {std + "/$export?_type=Spaceship", "", asyncHeaders, 400, "not-supported"},
		"standard: parameter":   {std + "/$export?_nonsense=id", "", asyncHeaders, 400, "not-supported"},
		"standard: unknown URL": {std + "/Patient/1", "", nil, 404, "not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			c := *c
			c.t = t
			if tc.scope != "" {
				c.login(ecw, tc.scope)
			}
			r := c.send(http.MethodGet, tc.url, tc.headers, tc.status)
			if r.outcome() != tc.code {
				t.Errorf("outcome %q, want %q: %s", r.outcome(), tc.code, r.body)
			}
			if (tc.status == 403) != strings.Contains(string(r.body), "HAPI-0333") {
				t.Errorf("outcome: %s", r.body)
			}
		})
	}
	if n := len(srv.Practice("ABCDEF").exports); n != 0 {
		t.Errorf("%d refused exports run", n)
	}
}

func TestSinceTakesInstantsAndAtECWDates(t *testing.T) {
	src := records{}.add("Patient", 3)
	src["Patient"][1].updated = time.Date(2024, 5, 2, 0, 0, 0, 1e6, time.UTC)
	k := quick(ECW())
	p := ecwPractice(k)
	p.Source = src
	srv, c := play(t, Config{Practices: []Practice{p}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	for since, want := range map[string]int{
		"2024-05-02":                      1,
		"2024-05-03":                      0,
		"2024-05-02T02:00:00%2B02:00":     1,
		"2024-05-02T02:00:00.001%2B02:00": 0,
	} {
		m := c.wait(c.kickoff(base, "/Group/"+groupUUID+"/$export?_since="+since))
		if len(m.Output) != want {
			t.Errorf("_since=%s: %d files, want %d", since, len(m.Output), want)
		}
	}
}

func TestTypesComeFromTheTokenOrTheRequest(t *testing.T) {
	src := small().add("DocumentReference", 2).add("Binary", 2).add("Condition", 4).add("Appointment", 3)
	p := ecwPractice(quick(ECW()))
	p.Source = src
	srv, c := play(t, Config{Practices: []Practice{p}})
	base := srv.Practice("ABCDEF").Base()
	for name, tc := range map[string]struct{ scope, query, want string }{
		"all that the token names": {ecwScope, "", "Observation Patient Practitioner"},
		"wildcard":                 {"system/*.r system/Group.read", "", "Binary Condition DocumentReference Observation Patient Practitioner"},
		"one":                      {ecwScope, "?_type=Patient", "Patient"},
		"documents drag binaries":  {ecwScope + " system/DocumentReference.read", "?_type=DocumentReference", "Binary DocumentReference"},
		"a list":                   {ecwScope, "?_type=Patient,Observation&_outputFormat=application%2Ffhir%2Bndjson", "Observation Patient"},
	} {
		c.token = ""
		c.login(base, tc.scope)
		m := c.wait(c.kickoff(base, "/Group/"+groupUUID+"/$export"+tc.query))
		var types []string
		for _, i := range m.Output {
			types = append(types, i.Type)
		}
		if got := strings.Join(slices.Compact(types), " "); got != tc.want {
			t.Errorf("%s: types %q, want %q", name, got, tc.want)
		}
	}
}

func TestAGroupLimitsClinicalTypesOnly(t *testing.T) {
	p := ecwPractice(quick(ECW()))
	p.Groups[0].Member = func(id string) bool { return id == "3" }
	srv, c := play(t, Config{Practices: []Practice{p}})
	base := srv.Practice("ABCDEF").Base()
	c.login(base, ecwScope)
	m := c.wait(c.kickoff(base, "/Group/"+groupUUID+"/$export"))
	got := fmt.Sprint(len(c.lines(m, "Patient")), len(c.lines(m, "Observation")), len(c.lines(m, "Practitioner")))
	if got != "1 3 3" {
		t.Errorf("patients, observations, practitioners: %s, want 1 3 3", got)
	}
}

func TestStandardExportsAtAllLevels(t *testing.T) {
	k := quick(Standard())
	k.FilesPer = 10
	srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
	base := srv.Practice("open").Base()
	for _, path := range []string{"/$export", "/Patient/$export", "/Group/g1/$export"} {
		status := c.kickoff(base, path+"?_type=Patient&_type=Observation")
		m := c.wait(status)
		if *m.RequiresAccessToken || len(*m.Error) != 0 || m.Deleted != nil {
			t.Errorf("%s: manifest %+v", path, m)
		}
		if want := base + path + "?_type=Patient&_type=Observation"; m.Request != want {
			t.Errorf("request %q, want %q", m.Request, want)
		}
		counts := map[string]int{}
		c.get(base+"/Group/g1", http.StatusOK)
		c.get(base+"/Group/g2", http.StatusNotFound)
		for _, i := range m.Output {
			counts[i.Type] += *i.Count
			if n := strings.Count(string(c.get(i.URL, 200).body), "\n"); n != *i.Count {
				t.Errorf("%s: %d lines, count %d", i.URL, n, *i.Count)
			}
		}
		if counts["Patient"] != 10 || counts["Observation"] != 25 || len(m.Output) != 4 {
			t.Errorf("%s: %v in %d files", path, counts, len(m.Output))
		}
		c.send(http.MethodDelete, status, nil, http.StatusAccepted)
		c.get(m.Output[0].URL, http.StatusNotFound)
	}
}

func TestDuplicateAnswersAndSlotsAreKnobs(t *testing.T) {
	for duplicate, status := range map[Duplicate]int{DuplicateAllowed: 202, Duplicate200: 200, Duplicate409: 409, Duplicate429: 429} {
		k := quick(Standard())
		k.Duplicate, k.SlotUntilDelete = duplicate, true
		srv, c := play(t, Config{Practices: []Practice{openPractice(k)}})
		base := srv.Practice("open").Base()
		location := c.kickoff(base, "/Group/g1/$export")
		c.wait(location)
		r := c.send(http.MethodGet, base+"/Group/g1/$export", asyncHeaders, status)
		if (r.Header.Get("Retry-After") != "") != (status == 202 || status == 429) {
			t.Errorf("%s: Retry-After %q", duplicate, r.Header.Get("Retry-After"))
		}
		c.send(http.MethodDelete, location, nil, http.StatusAccepted)
		c.send(http.MethodGet, base+"/Group/g1/$export", asyncHeaders, http.StatusAccepted)
	}
}
