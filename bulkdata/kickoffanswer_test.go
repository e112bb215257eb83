package bulkdata

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAPostThatIsRefusedBecomesOneGet(t *testing.T) {
	t.Attr("shows", "BD-021")
	const query = "/fhir/Group/g1/$export?_type=Patient"
	for status, falls := range map[int]bool{400: true, 404: true, 405: true, 415: true, 501: true, 403: false, 409: false, 422: false, 500: false, 503: false} {
		for _, d := range []Dialect{STU2, STU3} {
			r := group
			r.Post = true
			c, s := scriptOf(t, in(d), said{status, "", nil}, accepted)
			k, err := c.Kickoff(t.Context(), r)
			want := []string{"POST /fhir/Group/g1/$export", "GET " + query}
			if !falls {
				want = want[:1]
			}
			if diff := cmp.Diff(want, s.uris()); diff != "" {
				t.Errorf("%s, %d: %s", d, status, diff)
			}
			if (err == nil) != falls || falls && (k.Method != http.MethodGet || k.RequestURL != s.url+query || !slices.Contains(k.Deviations, PostRefused)) {
				t.Errorf("%s, %d: %+v, %v", d, status, k, err)
			}
		}
	}
}

func TestAPostThatOnlyPostCanSayStaysAPost(t *testing.T) {
	t.Attr("shows", "BD-021 BD-022 BD-045")
	for name, x := range map[string]struct {
		dialect Dialect
		request Request
	}{
		"patients": {STU3, Request{Level: GroupLevel, GroupID: "g1", Patients: []string{"p-1"}}},
		"STU4":     {STU4, Request{Level: PatientLevel, Types: []string{"Patient"}}},
	} {
		c, s := scriptOf(t, in(x.dialect), said{405, "", nil}, accepted)
		_, err := c.Kickoff(t.Context(), x.request)
		if e, ok := errors.AsType[*StatusError](err); !ok || e.Status != 405 || len(s.uris()) != 1 || strings.Contains(s.uris()[0], "?") || !strings.HasPrefix(s.uris()[0], "POST ") {
			t.Errorf("%s: %v after %v", name, err, s.uris())
		}
	}
	c, s := scriptOf(t, nil, said{405, "", nil}, said{400, outcomeOf("invalid"), nil})
	r := group
	r.Post = true
	_, err := c.Kickoff(t.Context(), r)
	if e, ok := errors.AsType[*StatusError](err); !ok || e.Status != 400 || len(s.uris()) != 2 {
		t.Errorf("both refused: %v after %v", err, s.uris())
	}
}

func TestTheServerSaysWhetherItSeparatesTheStatus(t *testing.T) {
	t.Attr("shows", "BD-034 BD-035 BD-036")
	for name, x := range map[string]struct {
		lines []string
		want  bool
	}{
		"one line":     {[]string{"respond-async, separate-export-status"}, true},
		"two lines":    {[]string{"respond-async", "separate-export-status"}, true},
		"none":         {nil, false},
		"other case":   {[]string{"Respond-Async , SEPARATE-EXPORT-STATUS"}, true},
		"parameters":   {[]string{`respond-async; wait=5 ,separate-export-status;a="b,c"`}, true},
		"a value":      {[]string{`x="a,b", separate-export-status = "" `}, true},
		"another":      {[]string{"respond-async"}, false},
		"part of name": {[]string{"respond-async, no-separate-export-status"}, false},
		"quoted":       {[]string{`respond-async; x="a, separate-export-status, b"`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			answer := said{202, "", []string{"Content-Location", "BASE/fhir/s"}}
			for _, line := range x.lines {
				answer.lines = append(answer.lines, "preference-applied", line)
			}
			c, s := scriptOf(t, in(STU3), answer)
			k, err := c.Kickoff(t.Context(), Request{Level: SystemLevel, SeparateExportStatus: true})
			if err != nil || k.SeparateStatus != x.want {
				t.Errorf("Kickoff = %+v, %v", k, err)
			}
			if !strings.Contains(s.requests()[0].header.Get("Prefer"), "separate-export-status") {
				t.Error("it was not asked for")
			}
		})
	}
}

func TestAStatusURLOfAnyShapeIsPolledByteForByte(t *testing.T) {
	t.Attr("shows", "BD-060 BD-061 BD-065")
	poller, srv := scriptOf(t, nil, said{202, "", nil})
	location := srv.url + "/Bulk%2Fx/$s;v=1?job_id=1&sig=%7E,~+a%20b"
	c, s := scriptOf(t, func(cfg *Config) {
		cfg.HTTPClient, cfg.AllowedOrigins = &http.Client{Transport: poller.transport}, []string{srv.url}
	}, said{
		202, `{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"not-supported","details":{"text":"_elements was ignored"}}]}`,
		[]string{"Content-Location", location, "Content-Type", "application/fhir+json"},
	})
	k, err := c.Kickoff(t.Context(), group)
	if err != nil || k.StatusURL != location || k.Outcome.Worst() != SeverityWarning || k.Outcome.UnsafeText() != "_elements was ignored" {
		t.Fatalf("Kickoff = %+v, %v", k, err)
	}
	if _, err := c.Status(t.Context(), k.StatusURL); err != nil {
		t.Fatal(err)
	}
	if got := srv.uris(); len(got) != 1 || "GET "+strings.TrimPrefix(location, srv.url) != got[0] || len(s.requests()) != 1 {
		t.Errorf("polled %v", got)
	}
}

func TestARefusedKickoffSaysWhatTheServerSaid(t *testing.T) {
	t.Attr("shows", "BD-040 BD-042 BD-062 K10")
	const refusal = `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-supported",` +
		`"details":{"text":"_type is unknown"},"diagnostics":"at parameter 1"}]}`
	c, s := scriptOf(t, in(STU3), said{400, refusal, []string{"Content-Type", "application/fhir+json"}},
		said{422, refusal, nil}, said{502, "<html>Bad gateway</html>", []string{"Content-Type", "text/html"}}, said{500, "", nil}, accepted)
	for _, status := range []int{400, 422, 502, 500} {
		_, err := c.Kickoff(t.Context(), Request{Level: SystemLevel, Types: []string{"Patient"}, Until: "2026-01-02T03:04:05Z"})
		e, ok := errors.AsType[*StatusError](err)
		if !ok || e.Status != status || !strings.Contains(err.Error(), "status "+strconv.Itoa(status)) {
			t.Fatalf("Kickoff = %v", err)
		}
		if status < 500 {
			if diff := cmp.Diff([]Issue{{"error", "not-supported", "_type is unknown", "at parameter 1"}}, e.Outcome.Issues); diff != "" {
				t.Error(diff)
			}
		}
		if status == 502 && e.UnsafeText() != "<html>Bad gateway</html>" {
			t.Errorf("UnsafeText = %q", e.UnsafeText())
		}
	}
	if _, err := c.Kickoff(t.Context(), Request{Level: SystemLevel}); err != nil || s.uris()[4] != "GET /fhir/$export" {
		t.Errorf("without the types: %v, %v", err, s.uris())
	}
}

func TestASuccessOfTheWrongKindIsQuoted(t *testing.T) {
	t.Attr("shows", "BD-059")
	for _, answer := range []said{
		{200, "Export queued", []string{"Content-Location", "BASE/fhir/s"}},
		{201, "Export queued", []string{"Content-Location", "BASE/fhir/s"}},
		{202, "Export queued", nil},
	} {
		c, _ := scriptOf(t, nil, answer)
		_, err := c.Kickoff(t.Context(), group)
		p, ok := errors.AsType[*ProtocolError](err)
		if !ok || p.Status != answer.status || p.UnsafeText() != "Export queued" || !strings.Contains(err.Error(), "status 20") {
			t.Errorf("%d: %v", answer.status, err)
		}
	}
	c, _ := scriptOf(t, nil, accepted)
	if _, err := c.Kickoff(t.Context(), group); err != nil {
		t.Error(err)
	}
}

// A busy server says when to come back; the caller asks again then.
func TestABusyServerSaysWhenToComeBack(t *testing.T) {
	t.Attr("shows", "BD-063 BD-068")
	synctest.Test(t, func(t *testing.T) {
		var times []time.Duration
		start := time.Now()
		c := clientOf(t, func(*http.Request) (*http.Response, error) {
			times = append(times, time.Since(start))
			if len(times) == 1 {
				return reply(429, outcomeOf("throttled"), "Retry-After", "2"), nil
			}
			return reply(202, "", "Content-Location", base+"/s"), nil
		}, nil)
		_, err := c.Kickoff(t.Context(), group)
		busy, ok := errors.AsType[*BusyError](err)
		if !ok || MayHaveStarted(err) || !Temporary(err) {
			t.Fatalf("Kickoff = %v", err)
		}
		<-time.After(time.Until(busy.RetryAfter.At))
		if _, err := c.Kickoff(t.Context(), group); err != nil || times[1] < 2*time.Second {
			t.Errorf("second kick-off after %v: %v", times[1], err)
		}
	})
}
