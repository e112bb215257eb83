package bulkdata

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// printable says that a text of the server cannot forge lines where it is shown.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func FuzzOperationOutcome(f *testing.F) {
	f.Add([]byte(outcomeOf("processing", "timeout")))
	f.Add([]byte(`{"resourceType":"OperationOutcome","id":"x","issue":[{"severity":"warning","code":"informational","details":{"coding":[{"system":"s","code":"c","display":"Group too large"}]},"diagnostics":"line\nline","expression":["a"]}]}`))
	f.Add([]byte("\xef\xbb\xbf" + `{"issue":[],"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"no-store"}]}`))
	f.Add([]byte(`{"resourceType":"OperationOutcome","issue":[{"details":null}]}`))
	f.Add([]byte(`{"resourceType":"OperationOutcome","text":{"status":"generated","div":"<div>x</div>"},"issue":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := ParseOperationOutcome(text)
		if err != nil {
			if o != nil {
				t.Errorf("an outcome and %v", err)
			}
			return
		}
		if len(o.Issues) > maxIssues || o.Omitted < 0 || len(o.String()) > 6*90 || utf8.RuneCountInString(o.UnsafeText()) > maxUnsafeText+3 || !printable(o.UnsafeText()) || !printable(o.String()) {
			t.Errorf("%q with %q", o.String(), o.UnsafeText())
		}
		if o.Transient() && o.Worst() != SeverityError {
			t.Errorf("%v is transient and no error", o)
		}
	})
}

func FuzzCapability(f *testing.F) {
	f.Add([]byte(`{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","software":{"name":"EHR","version":"11"},"instantiates":["` + guideStatement + `|2.0.0"],` +
		`"rest":[{"mode":"server","operation":[{"name":"export","definition":"` + guideOperation + `export|2.0.0"}],"resource":[{"type":"Patient","searchParam":[{"name":"_id","type":"token"}],` +
		`"operation":[{"name":"$export","definition":"` + guideOperation + `patient-export"}]}]}]}`))
	f.Add([]byte(`{"resourceType":"CapabilityStatement","rest":[{"resource":[{"type":"Group","operation":[{"name":"export-v4","definition":"` + guideOperation + `group-export|4.0.0"}],` +
		`"extension":[{"url":"http://hl7.org/fhir/uv/bulkdata/Extension/operation-not-supported","valueCanonical":"` + guideStatement + `"}]}]}]}`))
	f.Add([]byte(`{"resourceType":"CapabilityStatement","rest":[{"resource":[{"type":["Patient"]}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := clientOf(t, func(*http.Request) (*http.Response, error) { return reply(200, string(text)), nil }, nil)
		found, err := c.Capability(t.Context())
		if err != nil {
			return
		}
		if !printable(found.Software) || !printable(found.FHIRVersion) {
			t.Errorf("%q %q", found.Software, found.FHIRVersion)
		}
		for _, o := range found.Operations {
			if !slices.Contains(found.Levels, o.Level) || !printable(o.Name) || !printable(o.Definition) {
				t.Errorf("%+v", o)
			}
		}
		for _, level := range []Level{SystemLevel, PatientLevel, GroupLevel} {
			if name := found.OperationName(level, STU4); !operationName.MatchString(name) {
				t.Errorf("an operation named %q", name)
			}
			_ = found.Warnings(Request{Level: level, Types: []string{"Patient"}, TypeFilters: []string{"Patient?active=true"}})
		}
	})
}

func FuzzGroups(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"searchset","total":2,"link":[{"relation":"self","url":"Group"}],"entry":[{"fullUrl":"https://h/Group/7","resource":` +
		`{"resourceType":"Group","id":"7","type":"person","actual":true,"name":"Diabetes","quantity":12,"identifier":[{"system":"s","value":"uuid-1"}]}},{"resource":{"resourceType":"OperationOutcome"}}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","entry":[{"resource":null},{},{"resource":{"resourceType":"Group","name":"a\u0000b","quantity":1e3}}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","link":[{"relation":"next","url":"https://evil.example/"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		asked := 0
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			asked++
			if r.URL.Host != "fhir.example" {
				t.Errorf("asked %s", r.URL.Host)
			}
			return reply(200, string(text)), nil
		}, nil)
		groups, err := c.Groups(t.Context())
		if asked > maxGroupPages || err != nil && groups != nil {
			t.Errorf("%d requests, %v", asked, err)
		}
		for _, g := range groups {
			if !printable(g.Name) || slices.Contains(g.Identifiers, "") {
				t.Errorf("%+v", g)
			}
		}
	})
}

func FuzzStatusHeaders(f *testing.F) {
	const date = "Fri, 02 Jan 2026 03:14:05 GMT"
	f.Add("202 Accepted", "50%", "120", date, date, true, 200)
	f.Add("200", "in progress", date, "0", "", false, 200)
	f.Add("500 Internal Server Error", "\x1b[31mred", "-1", "2026-01-02 03:04:05 +0000 UTC", "soon", true, 200)
	f.Add("", strings.Repeat("é", 300), "1767323045000", "", date, false, 202)
	f.Add("20x", "", "abc", "-1", date, true, 503)
	f.Fuzz(func(t *testing.T, export, progress, retry, expires, date string, separate bool, status int) {
		answer := reply(200, wholeManifest)
		answer.StatusCode = status
		answer.Header = http.Header{"X-Export-Status": {export}, "X-Progress": {progress}, "Retry-After": {retry}, "Expires": {expires}, "Date": {date}}
		s, err := clientOf(t, func(*http.Request) (*http.Response, error) { return answer, nil }, func(cfg *Config) { cfg.Limits.Redirects = 1 }).
			StatusOf(t.Context(), StatusRequest{URL: statusURL, Separate: separate})
		if err != nil {
			if s != nil || err.Error() == "" {
				t.Errorf("%+v and %v", s, err)
			}
			return
		}
		if status != 200 && status != 202 || s.State == Complete && (s.Manifest == nil || separate && !strings.HasPrefix(strings.TrimSpace(export), "200")) {
			t.Errorf("%d, %q: %+v", status, export, s)
		}
		if len([]rune(s.Progress)) > maxProgress+3 || !printable(s.Progress) || s.RetryAfter.Wait < 0 || s.RetryAfter.Wait > longestRetryAfter {
			t.Errorf("%+v", s)
		}
	})
}

func FuzzKickoffHeaders(f *testing.F) {
	f.Add("https://fhir.example/r4/abcdef/status/1?x=%7E,~", "", "respond-async, separate-export-status")
	f.Add("/r4/abcdef/status/1", "", `Respond-Async;wait="a,b\"" , SEPARATE-EXPORT-STATUS`)
	f.Add("https://fhir.example/1/$status, https://fhir.example/2/$status", "", "")
	f.Add("https://u:p@fhir.example/", "x", `"`)
	f.Add("//evil.example/s", "", ",;=,")
	f.Fuzz(func(t *testing.T, location, second, applied string) {
		answer := reply(202, "")
		answer.Header = http.Header{"Content-Location": {location}, "Preference-Applied": {applied, second}}
		if second != "" {
			answer.Header.Add("Content-Location", second)
		}
		c := clientOf(t, func(*http.Request) (*http.Response, error) { return answer, nil }, nil)
		if k, err := c.Kickoff(t.Context(), group); err == nil {
			if u, err := c.checkStatusURL(OpStatus, k.StatusURL); err != nil || originOf(u) != "https://fhir.example:443" {
				t.Errorf("%q is polled: %v", k.StatusURL, err)
			}
			if k.SeparateStatus && !strings.Contains(strings.ToLower(applied+second), separateExportStatus) {
				t.Errorf("%q applies it", applied)
			}
		} else if !MayHaveStarted(err) {
			t.Errorf("the export behind %v is forgotten", err)
		}
		answer.StatusCode = 429
		answer.Body = http.NoBody
		_, err := c.Kickoff(t.Context(), group)
		busy, ok := err.(*BusyError) //nolint:errorlint // the very error is wanted
		if !ok || slices.Contains(busy.Locations, "") {
			t.Errorf("429 = %v", err)
		}
	})
}

func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 500-999/1234", "bytes 0-0/*", "Bytes 10-71/72", "bytes */72", "bytes 5-4/9", "items 0-1/2", "bytes 99999999999999999999-1/2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := parseContentRange(text)
		if ok && (r.first < 0 || r.last < r.first || r.size >= 0 && r.last >= r.size || r.size < -1) {
			t.Errorf("%q = %+v", text, r)
		}
	})
}

func FuzzPages(f *testing.F) {
	f.Add([]byte(strings.ReplaceAll(pageOf(pageTime, "https://fhir.example/p2", "a", "b"), "BASE", base)), []byte(pageOf(pageTime, "", "c")))
	f.Add(golden(f, "stu3.json"), golden(f, "stu4.json"))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		p, seen := &Pages{Limit: 5}, map[[3]any]bool{}
		url := statusURL
		for range 8 {
			for _, text := range [][]byte{one, two} {
				m, err := ParseManifest(text, ManifestOptions{StatusURL: url})
				if err != nil {
					continue
				}
				files, _, err := p.Add(url, &Status{State: Complete, Manifest: m, Answered: time.Time{}})
				for _, x := range files {
					key := [3]any{x.Page, x.File.Section, x.File.Index}
					if seen[key] {
						t.Errorf("%v was given twice", key)
					}
					seen[key] = true
				}
				if err != nil {
					return
				}
				url = p.Next
			}
		}
		if len(p.Visited) > 5 {
			t.Errorf("%d pages", len(p.Visited))
		}
	})
}
