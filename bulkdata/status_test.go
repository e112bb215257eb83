package bulkdata

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const statusURL = base + "/$export-poll-location?job_id=secret"

const wholeManifest = `{"transactionTime":"2026-01-02T03:04:05Z","request":"x","requiresAccessToken":true,` +
	`"output":[{"type":"Patient","url":"` + base + `/f/1"}],"error":[]}`

func statusOf(t *testing.T, answer *http.Response, change func(*Config)) (*Status, error) {
	t.Helper()
	return clientOf(t, func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet || r.URL.String() != statusURL || r.Header.Get("Accept") != "application/json" ||
			r.Header.Get("Authorization") != "Bearer token-1" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		return answer, nil
	}, change).Status(t.Context(), statusURL)
}

func TestAnExportInProgressNeedsNoHeaders(t *testing.T) {
	t.Attr("shows", "BD-065 BD-066 BD-070 BD-071 P5")
	s, err := statusOf(t, reply(202, ""), nil)
	if err != nil || s.State != InProgress || s.Manifest != nil || s.RetryAfter != (RetryAfter{}) || s.Deviations != nil {
		t.Errorf("Status = %+v, %v", s, err)
	}
	s, err = statusOf(t, reply(202, outcomeOf("informational"), "X-Progress", "6% Completed\x1b"+strings.Repeat("x", 300), "Retry-After", "-5"), nil)
	if err != nil || s.Outcome == nil || !s.RetryAfter.Unusable || len(s.Progress) != 103 || strings.Contains(s.Progress, "\x1b") {
		t.Errorf("Status = %+v, %v", s, err)
	}
	if diff := cmp.Diff([]Deviation{UnusableRetryAfter}, s.Deviations); diff != "" {
		t.Error(diff)
	}
	s, err = statusOf(t, reply(202, "", "X-Progress", "CANCELLED"), nil)
	if err != nil || !s.SaysCancelled {
		t.Errorf("Status = %+v, %v", s, err)
	}
}

func TestACompleteExportKeepsTheManifestAsReceived(t *testing.T) {
	t.Attr("shows", "BD-073 BD-088 BD-116")
	s, err := statusOf(t, reply(200, wholeManifest, "Content-Type", "application/fhir+json; charset=utf-8",
		"Expires", "Fri, 02 Jan 2026 04:00:00 GMT", "Date", "Fri, 02 Jan 2026 03:00:00 GMT"), nil)
	if err != nil || s.State != Complete || string(s.Raw) != wholeManifest || len(s.Manifest.Output) != 1 {
		t.Fatalf("Status = %+v, %v", s, err)
	}
	if left := time.Until(s.Expires); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the files expire in %v", left)
	}
	for text, odd := range map[string]bool{"0": false, "": false, "soon": true, "2026-01-02 03:04:05.6 +0000 UTC": true} {
		s, err := statusOf(t, reply(200, wholeManifest, "Expires", text), nil)
		if err != nil || !s.Expires.IsZero() || (len(s.Deviations) == 1) != odd {
			t.Errorf("Expires %q: %v, %v, %v", text, s.Expires, s.Deviations, err)
		}
	}
}

func TestA200ThatIsNoManifest(t *testing.T) {
	t.Attr("shows", "BD-088 BD-093 BD-104")
	for name, c := range map[string]struct {
		body   string
		reason Reason
	}{
		"empty":         {"", EmptyBody},
		"blank":         {" \n", EmptyBody},
		"login page":    {"<html>CANARY</html>", NotJSON},
		"truncated":     {wholeManifest[:60], ManifestInvalid},
		"outcome":       {outcomeOf("processing"), OutcomeNotManifest},
		"no time":       {`{"requiresAccessToken":true,"output":[]}`, ManifestInvalid},
		"no token rule": {`{"transactionTime":"2026-01-02T03:04:05Z","output":[]}`, ManifestInvalid},
		"text rule":     {`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":"true","output":[]}`, ManifestInvalid},
		"no output":     {`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true}`, ManifestInvalid},
		"CSV":           {`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[],"outputFormat":"text/csv"}`, ManifestInvalid},
		"too large":     {`{"a":"` + strings.Repeat("x", 2000) + `"}`, TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := statusOf(t, reply(200, c.body), func(cfg *Config) { cfg.Limits.ManifestBytes = 1000 })
			p, ok := errors.AsType[*ProtocolError](err)
			if !ok || p.Reason != c.reason || Temporary(err) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("Status = %v", err)
			}
			if name == "login page" && !strings.Contains(p.UnsafeText(), "CANARY") {
				t.Errorf("UnsafeText = %q", p.UnsafeText())
			}
		})
	}
}

func TestTolerancesAreNamedOneByOne(t *testing.T) {
	for body, change := range map[string]func(*Config){
		`{"requiresAccessToken":true,"output":[]}`:                                                                                   func(c *Config) { c.Tolerances.MissingTransactionTime = true },
		`{"transactionTime":"2026-01-02T03:04:05Z","output":[]}`:                                                                     func(c *Config) { c.Tolerances.MissingRequiresAccessToken = true },
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":"true","output":[]}`:                                        func(c *Config) { c.Tolerances.TextRequiresAccessToken = true },
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true}`:                                                      func(c *Config) { c.Dialect = STU4 },
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":null}`:                                        nil,
		`{"transactionTime":"2026-01-02T03:04:05","requiresAccessToken":true,"output":[],"x":{}}`:                                    nil,
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[],"outputFormat":"application/fhir+ndjson"}`: nil,
	} {
		if s, err := statusOf(t, reply(200, body), change); err != nil || s.State != Complete {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestStatusErrorsSayWhatBecameOfTheExport(t *testing.T) {
	t.Attr("shows", "BD-080 BD-081 BD-082 BD-083 BD-084 BD-086 P6 P7 P13")
	for name, c := range map[string]struct {
		status          int
		body            string
		temporary, gone bool
	}{
		"over-polled":        {429, "", true, false},
		"one poll failed":    {500, outcomeOf("timeout"), true, false},
		"failed":             {500, outcomeOf("processing"), false, false},
		"failed and timeout": {500, outcomeOf("timeout", "processing"), false, false},
		"failed as 400":      {400, outcomeOf("invalid"), false, false},
		"bare 500":           {500, "", false, false},
		"proxy":              {502, "<html>", true, false},
		"unavailable":        {503, "", true, false},
		"cancelled":          {404, outcomeOf("not-found"), false, true},
		"not found yet":      {404, outcomeOf("transient"), true, false},
		"expired":            {410, "", false, true},
		"gone, with a shout": {410, outcomeOf("exception"), false, true},
		"activation ended":   {403, outcomeOf("exception"), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := statusOf(t, reply(c.status, c.body), nil)
			s, ok := errors.AsType[*StatusError](err)
			if !ok || s.Status != c.status || Temporary(err) != c.temporary || s.Gone() != c.gone {
				t.Errorf("Status = %v: temporary %v, gone %v", err, Temporary(err), s.Gone())
			}
			if strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "secret") || MayHaveStarted(err) {
				t.Errorf("Error() = %q", err)
			}
		})
	}
}

func TestAnExportStatusHeaderOverrules200(t *testing.T) {
	t.Attr("shows", "BD-079")
	s, err := statusOf(t, reply(200, wholeManifest, "X-Export-Status", "202 Accepted"), nil)
	if err != nil || s.State != InProgress || s.Manifest == nil || len(s.Deviations) != 1 {
		t.Errorf("Status = %+v, %v", s, err)
	}
	if s, err = statusOf(t, reply(200, wholeManifest, "X-Export-Status", "200"), nil); err != nil || s.State != Complete {
		t.Errorf("Status = %+v, %v", s, err)
	}
	_, err = statusOf(t, reply(200, outcomeOf("processing"), "X-Export-Status", "500"), nil)
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Status != 500 {
		t.Errorf("Status = %v", err)
	}
}

func TestStatusLeavesTheTokenBehindOnAForeignOrigin(t *testing.T) {
	t.Attr("shows", "BD-074 BD-130 BS-105")
	var seen []string
	c := clientOf(t, func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.URL.Host+" "+r.Header.Get("Authorization"))
		switch r.URL.Host {
		case "fhir.example":
			if len(seen) > 2 {
				return reply(202, ""), nil
			}
			return reply(307, "", "Location", "https://sub.fhir.example/s"), nil
		default:
			return reply(307, "", "Location", base+"/s"), nil
		}
	}, nil)
	if _, err := c.Status(t.Context(), statusURL); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"fhir.example Bearer token-1", "sub.fhir.example ", "fhir.example "}, seen); diff != "" {
		t.Error(diff)
	}
	for _, foreign := range []string{"https://evil.example/s", "http://fhir.example/s", "%", "/relative", "https://fhir.example:444/s"} {
		before := len(seen)
		_, err := c.Status(t.Context(), foreign)
		if _, ok := errors.AsType[*OriginError](err); !ok || len(seen) != before {
			t.Errorf("Status of %s = %v", foreign, err)
		}
	}
}

func TestRedirectsEndSomewhere(t *testing.T) {
	t.Attr("shows", "BD-074 BD-130")
	for location, reason := range map[string]Reason{
		base + "/again":         RedirectsTooMany,
		"http://fhir.example/s": RedirectDowngrade,
		"http://127.0.0.1/s":    RedirectDowngrade,
		"":                      RedirectInvalid,
		"https://u:p@h/":        RedirectInvalid,
	} {
		asked := 0
		c := clientOf(t, func(*http.Request) (*http.Response, error) {
			asked++
			return reply(302, "", "Location", location), nil
		}, func(cfg *Config) { cfg.Tolerances.LoopbackHTTP = true })
		_, err := c.Status(t.Context(), statusURL)
		p, ok := errors.AsType[*ProtocolError](err)
		if !ok || p.Reason != reason || asked > 6 {
			t.Errorf("redirect to %q = %v after %d requests", location, err, asked)
		}
	}
}

func TestAManifestCutByTheNetworkIsWeather(t *testing.T) {
	answer := reply(200, "")
	answer.Body = io.NopCloser(io.MultiReader(strings.NewReader(wholeManifest[:50]), failing{io.ErrUnexpectedEOF}))
	_, err := statusOf(t, answer, nil)
	if _, ok := errors.AsType[*UnansweredError](err); !ok || !Temporary(err) {
		t.Errorf("Status = %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestRetryAfterReadsBothForms(t *testing.T) {
	t.Attr("shows", "BD-069 P2 P3")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const serverDate = "Fri, 02 Jan 2026 03:14:05 GMT" // ten minutes ahead of us
	for value, want := range map[string]RetryAfter{
		"":                               {},
		"120":                            {Given: true, Wait: 2 * time.Minute},
		"0":                              {Given: true},
		"18000":                          {Given: true, Wait: 5 * time.Hour},
		"Fri, 02 Jan 2026 03:15:05 GMT":  {Given: true, Wait: time.Minute},
		"Friday, 02-Jan-26 03:15:05 GMT": {Given: true, Wait: time.Minute},
		"Fri Jan  2 03:15:05 2026":       {Given: true, Wait: time.Minute},
		"Fri, 02 Jan 2026 03:00:00 GMT":  {Given: true},
		"Fri, 02 Jan 2027 03:00:00 GMT":  {Unusable: true},
		"-5":                             {Unusable: true},
		"1.5":                            {Unusable: true},
		"abc":                            {Unusable: true},
		"1767323045":                     {Unusable: true},
		"1767323045000":                  {Unusable: true},
	} {
		if want.Given {
			want.At = now.Add(want.Wait)
		}
		got := ParseRetryAfter(http.Header{"Retry-After": {value}, "Date": {serverDate}}, now)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", value, diff)
		}
	}
	ours := ParseRetryAfter(http.Header{"Retry-After": {"Fri, 02 Jan 2026 03:05:05 GMT"}}, now)
	if ours.Wait != time.Minute {
		t.Errorf("without a Date the local clock counts: %v", ours.Wait)
	}
}

func TestRetryAfterGivesALocalTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s, err := statusOf(t, reply(202, "", "Retry-After", "120"), nil)
		if err != nil || !s.RetryAfter.At.Equal(start.Add(2*time.Minute)) {
			t.Errorf("Status = %+v, %v", s, err)
		}
	})
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "Fri, 02 Jan 2026 03:15:05 GMT", "-1", "99999999999999999999"} {
		f.Add(seed, "Fri, 02 Jan 2026 03:14:05 GMT")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		r := ParseRetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		if r.Wait < 0 || r.Wait > longestRetryAfter || r.Given && (r.Unusable || r.At.Before(now)) {
			t.Errorf("%+v", r)
		}
	})
}

func TestCancelIsContentWithAnyEnd(t *testing.T) {
	t.Attr("shows", "BD-119 BD-120 D10")
	for status, want := range map[int]bool{200: true, 202: true, 204: true, 404: true, 410: true, 400: false, 500: false} {
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodDelete || r.URL.String() != statusURL || r.Header.Get("Authorization") != "Bearer token-1" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			return reply(status, ""), nil
		}, nil)
		err := c.Cancel(t.Context(), statusURL)
		if _, failed := errors.AsType[*StatusError](err); (err == nil) != want || failed == want {
			t.Errorf("Cancel answered with %d = %v", status, err)
		}
	}
	if err := clientOf(t, nil, nil).Cancel(t.Context(), "https://evil.example/s"); err == nil {
		t.Error("DELETE goes to a foreign origin")
	}
}
