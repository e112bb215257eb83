package bulkdata

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlanWritesTheURLOfEveryLevel(t *testing.T) {
	t.Attr("shows", "BD-018")
	for _, spelling := range []string{"https://h", "https://h/", "https://h/apis/fhir", "https://h/apis/fhir/"} {
		c := clientOf(t, nil, func(cfg *Config) { cfg.BaseURL = spelling })
		root := strings.TrimRight(spelling, "/")
		for _, x := range []struct {
			request Request
			want    string
		}{
			{Request{Level: SystemLevel}, "/$export"},
			{Request{Level: PatientLevel}, "/Patient/$export"},
			{Request{Level: GroupLevel, GroupID: "a-1.C-9"}, "/Group/a-1.C-9/$export"},
			{Request{Level: GroupLevel, GroupID: "a/../b?x"}, "/Group/a%2F..%2Fb%3Fx/$export"},
		} {
			p, err := c.Plan(x.request)
			if err != nil {
				t.Fatal(err)
			}
			if p.URL != root+x.want || p.Method != http.MethodGet || p.Body != nil {
				t.Errorf("%s %s, want %s", p.Method, p.URL, root+x.want)
			}
			if got := [2]string{p.Header.Get("Accept"), p.Header.Get("Prefer")}; got != [2]string{"application/fhir+json", "respond-async"} {
				t.Errorf("headers = %v", got)
			}
			if p.Header.Get("Authorization") != "" {
				t.Error("a plan holds a token")
			}
		}
	}
}

func TestParametersSurviveTheQuery(t *testing.T) {
	t.Attr("shows", "BD-024 BD-025 BD-026 BD-041 K8 K14")
	r := Request{
		Level: PatientLevel, Types: []string{"Patient", "Observation", "Patient"}, Since: "2026-01-02T03:04:05.678+01:00",
		TypeFilters:  []string{"Observation?status=final,amended&code=a b", "Patient?active=true"},
		OutputFormat: "application/fhir+ndjson",
	}
	for _, x := range []struct {
		dialect Dialect
		repeat  bool
		want    url.Values
	}{
		{STU1, true, url.Values{"_type": {"Patient,Observation"}, "_typeFilter": {"Observation?status=final%2Camended&code=a b,Patient?active=true"}}},
		{STU2, false, url.Values{"_type": {"Patient,Observation"}, "_typeFilter": {"Observation?status=final%2Camended&code=a b", "Patient?active=true"}}},
		{STU2, true, url.Values{"_type": {"Patient", "Observation"}, "_typeFilter": {"Observation?status=final%2Camended&code=a b", "Patient?active=true"}}},
		{STU3, false, url.Values{"_type": {"Patient,Observation"}, "_typeFilter": r.TypeFilters}},
	} {
		c := clientOf(t, nil, func(cfg *Config) { cfg.Dialect, cfg.Tolerances.RepeatedParameters = x.dialect, x.repeat })
		p, err := c.Plan(r)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		x.want["_since"], x.want["_outputFormat"] = []string{r.Since}, []string{r.OutputFormat}
		if diff := cmp.Diff(x.want, u.Query()); diff != "" {
			t.Errorf("%s: %s", x.dialect, diff)
		}
		if strings.ContainsAny(u.RawQuery, "+ ,:?/") {
			t.Errorf("%s: the query is not fully encoded: %s", x.dialect, u.RawQuery)
		}
	}
}

func TestSTU4PostsParametersAndNoQuery(t *testing.T) {
	t.Attr("shows", "BD-022 BD-023 BD-027")
	c := clientOf(t, nil, func(cfg *Config) {
		cfg.Dialect, cfg.Tolerances.ExportOperation = STU4, "export-v4"
	})
	p, err := c.Plan(Request{
		Level: PatientLevel, Types: []string{"Patient", "Observation"}, Since: "2026-01-02T03:04:05Z",
		TypeFilters: []string{"Observation?status=final,amended"},
	})
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"resourceType":"Parameters","parameter":[` +
		`{"name":"_type","valueString":"Patient"},{"name":"_type","valueString":"Observation"},` +
		`{"name":"_since","valueInstant":"2026-01-02T03:04:05Z"},` +
		`{"name":"_typeFilter","valueString":"Observation?status=final,amended"}]}`
	if p.Method != http.MethodPost || p.URL != base+"/Patient/$export-v4" || string(p.Body) != body || p.Header.Get("Content-Type") != "application/fhir+json" {
		t.Errorf("%s %s %s", p.Method, p.URL, p.Body)
	}
	if p, err = c.Plan(Request{Level: SystemLevel}); err != nil || string(p.Body) != `{"resourceType":"Parameters"}` {
		t.Errorf("without parameters: %s, %v", p.Body, err)
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Attr("shows", "BD-050 BD-052 BD-053")
	c := clientOf(t, nil, nil)
	patient := []string{"Patient"}
	for name, r := range map[string]Request{
		"no level":         {},
		"unknown level":    {Level: "practice"},
		"no group":         {Level: GroupLevel},
		"dots":             {Level: GroupLevel, GroupID: ".."},
		"group elsewhere":  {Level: PatientLevel, GroupID: "g"},
		"type list":        {Level: SystemLevel, Types: []string{"Patient,Observation"}},
		"date":             {Level: SystemLevel, Since: "2026-01-02"},
		"no zone":          {Level: SystemLevel, Since: "2026-01-02T03:04:05"},
		"no seconds":       {Level: SystemLevel, Since: "2026-01-02T03:04Z"},
		"no such day":      {Level: SystemLevel, Since: "2026-02-30T03:04:05Z"},
		"foreign type":     {Level: SystemLevel, Types: patient, TypeFilters: []string{"Observation?x=1"}},
		"system context":   {Level: SystemLevel, Types: patient, TypeFilters: []string{"?x=1"}},
		"compartment":      {Level: SystemLevel, Types: patient, TypeFilters: []string{"Patient/1/Observation?x=1"}},
		"no query":         {Level: SystemLevel, Types: patient, TypeFilters: []string{"Patient"}},
		"result parameter": {Level: SystemLevel, Types: patient, TypeFilters: []string{"Patient?active=true&_sort=x"}},
		"encoded result":   {Level: SystemLevel, Types: patient, TypeFilters: []string{"Patient?%5finclude:iterate=x"}},
	} {
		if p, err := c.Plan(r); err == nil {
			t.Errorf("%s: planned %s", name, p.URL)
		}
	}
}

func TestLenientHandlingIsAskedForByNameOnly(t *testing.T) {
	c := clientOf(t, nil, func(cfg *Config) { cfg.Tolerances.HandlingLenient = true })
	p, err := c.Plan(Request{Level: SystemLevel})
	if err != nil || p.Header.Get("Prefer") != "respond-async, handling=lenient" {
		t.Errorf("Prefer = %q, %v", p.Header.Get("Prefer"), err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"nothing":          {},
		"http":             {BaseURL: "http://h/r4"},
		"loopback http":    {BaseURL: "http://127.0.0.1/r4"},
		"http elsewhere":   {BaseURL: "http://localhost.example/r4", Tolerances: Tolerances{LoopbackHTTP: true}},
		"password":         {BaseURL: "https://u:secret@h/r4"},
		"query":            {BaseURL: "https://h/r4?x=secret"},
		"dialect":          {BaseURL: "https://h/r4", Dialect: "r5"},
		"origin with path": {BaseURL: "https://h/r4", AllowedOrigins: []string{"https://h2/x"}},
		"http origin":      {BaseURL: "https://h/r4", AllowedOrigins: []string{"http://h2"}},
	} {
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Config{BaseURL: "http://[::1]:8080/r4", Tolerances: Tolerances{LoopbackHTTP: true}}); err != nil {
		t.Error(err)
	}
}
