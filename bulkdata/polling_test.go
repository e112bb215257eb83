package bulkdata

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryKindOfErrorBodyIsRead(t *testing.T) {
	t.Attr("shows", "BD-062 BD-080 BD-081 BD-083 P7")
	for name, x := range map[string]struct {
		answer said
		codes  string
		quoted string
	}{
		"JSON":             {said{500, outcomeOf("processing"), []string{"Content-Type", "application/json"}}, "error/processing", "CANARY text"},
		"FHIR JSON":        {said{400, outcomeOf("processing", "timeout"), []string{"Content-Type", "application/fhir+json; charset=utf-8"}}, "error/processing, error/timeout", "CANARY text"},
		"no type":          {said{500, "\xef\xbb\xbf" + outcomeOf("processing"), nil}, "error/processing", "CANARY text"},
		"HTML":             {said{500, "<h1>CANARY</h1>" + strings.Repeat("x", 5000), []string{"Content-Type", "text/html"}}, "", "<h1>CANARY</h1>"},
		"empty":            {said{500, "", nil}, "", ""},
		"other resource":   {said{500, `{"resourceType":"Patient","id":"CANARY"}`, nil}, "", `{"resourceType":"Patient","id":"CANARY"}`},
		"broken outcome":   {said{500, `{"resourceType":"OperationOutcome","issue":[`, nil}, "", `{"resourceType":"OperationOutcome","issue":[`},
		"invalid outcome":  {said{500, `{"resourceType":"OperationOutcome","issue":7}`, nil}, "", `{"resourceType":"OperationOutcome","issue":7}`},
		"text":             {said{500, "out of order", []string{"Content-Type", "text/plain"}}, "", "out of order"},
		"unknown encoding": {said{500, "\x1b[31m\x00", []string{"Content-Type", "x/y"}}, "", "[31m"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := scriptOf(t, nil, x.answer)
			_, err := c.Status(t.Context(), s.url+"/fhir/status/1")
			e, ok := errors.AsType[*StatusError](err)
			if !ok || e.Status != x.answer.status || e.Outcome.String() != x.codes || Temporary(err) || !e.ExportEnded() || e.Gone() {
				t.Fatalf("Status = %v", err)
			}
			if got := strings.TrimSpace(e.UnsafeText()); !strings.HasPrefix(got, x.quoted) || len(got) > 2000 || strings.ContainsAny(got, "\x1b\x00") {
				t.Errorf("UnsafeText = %q", got)
			}
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("Error = %q", err)
			}
		})
	}
}

func TestAManifestIsKnownByItsContent(t *testing.T) {
	t.Attr("shows", "BD-066 BD-073")
	for _, contentType := range []string{"application/json", "application/fhir+json; charset=utf-8", "text/plain", "application/octet-stream"} {
		c, s := scriptOf(t, nil, said{200, manifestAtBase, []string{"Content-Type", contentType}}, said{200, outcomeOf("processing"), []string{"Content-Type", contentType}})
		status, err := c.Status(t.Context(), s.url+"/fhir/status/1")
		if err != nil || status.State != Complete {
			t.Errorf("%s: %v", contentType, err)
		}
		_, err = c.Status(t.Context(), s.url+"/fhir/status/1")
		if p, ok := errors.AsType[*ProtocolError](err); !ok || p.Reason != OutcomeNotManifest {
			t.Errorf("%s: %v", contentType, err)
		}
		if got := s.requests()[0].header.Values("Accept"); len(got) != 1 || got[0] != "application/json" {
			t.Errorf("Accept = %v", got)
		}
	}
}

func TestAStatusInProgressMayBeBare(t *testing.T) {
	t.Attr("shows", "BD-070 BD-071 P1 P5")
	for progress, want := range map[string]string{
		"": "", "50%": "50%", "in progress": "in progress", strings.Repeat("x", 300): strings.Repeat("x", 100) + "...",
	} {
		answer := said{202, "", nil}
		if progress != "" {
			answer.lines = []string{"X-Progress", progress}
		}
		c, s := scriptOf(t, nil, answer)
		status, err := c.Status(t.Context(), s.url+"/fhir/status/1")
		if err != nil || status.State != InProgress || len(status.Progress) > 103 || !strings.HasPrefix(status.Progress, want[:min(len(want), 100)]) {
			t.Errorf("%q: %+v, %v", progress, status, err)
		}
	}
}

func TestARedirectedStatusIsStillAskedAtItsOwnURL(t *testing.T) {
	t.Attr("shows", "BD-074 BS-105")
	other, seen := scriptOf(t, nil, said{202, "", nil})
	c, s := scriptOf(t, func(cfg *Config) { cfg.HTTPClient = &http.Client{Transport: other.transport} },
		said{307, "", []string{"Location", seen.url + "/elsewhere"}})
	for range 2 {
		if _, err := c.Status(t.Context(), s.url+"/fhir/status/1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.uris(); len(got) != 2 || got[1] != "GET /fhir/status/1" || s.requests()[1].header.Get("Authorization") == "" {
		t.Errorf("asked %v", got)
	}
	for _, a := range seen.requests() {
		if _, there := a.header["Authorization"]; there || a.uri != "/elsewhere" {
			t.Errorf("%s with %v", a.uri, a.header)
		}
	}
}

func TestInfrastructureThatFailsIsWeather(t *testing.T) {
	t.Attr("shows", "BD-084 P13")
	for name, answer := range map[string]func() (*http.Response, error){
		"reset":       func() (*http.Response, error) { return nil, errors.New("connection reset by peer") },
		"bad gateway": func() (*http.Response, error) { return reply(502, "<html>"), nil },
		"unavailable": func() (*http.Response, error) { return reply(503, "<html>"), nil },
		"timeout":     func() (*http.Response, error) { return reply(504, ""), nil },
		"cut": func() (*http.Response, error) {
			a := reply(200, "")
			a.Body = io.NopCloser(failing{io.ErrUnexpectedEOF})
			return a, nil
		},
	} {
		_, err := clientOf(t, func(*http.Request) (*http.Response, error) { return answer() }, nil).Status(t.Context(), statusURL)
		if err == nil || !Temporary(err) {
			t.Errorf("%s: %v", name, err)
		}
		if e, ok := errors.AsType[*StatusError](err); ok && e.ExportEnded() {
			t.Errorf("%s ends the export", name)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := clientOf(t, func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, nil).
			Status(t.Context(), statusURL)
		if !Temporary(err) {
			t.Errorf("silence: %v", err)
		}
	})
	_, err := clientOf(t, func(*http.Request) (*http.Response, error) { return reply(503, outcomeOf("processing")), nil }, nil).Status(t.Context(), statusURL)
	if Temporary(err) {
		t.Errorf("a 503 in which the server says that the export failed: %v", err)
	}
}

func TestACancelledExportIsGone(t *testing.T) {
	t.Attr("shows", "BD-086 BD-119 BD-120 BD-122 P8")
	for _, status := range []int{404, 410} {
		c, s := scriptOf(t, nil, said{202, outcomeOf("informational"), nil}, said{status, outcomeOf("not-found"), nil})
		url := s.url + "/fhir/status/1"
		if err := c.Cancel(t.Context(), url); err != nil {
			t.Fatal(err)
		}
		_, err := c.Status(t.Context(), url)
		e, ok := errors.AsType[*StatusError](err)
		if !ok || !e.Gone() || !e.ExportEnded() || Temporary(err) {
			t.Errorf("%d after a cancel: %v", status, err)
		}
		if err := c.Cancel(t.Context(), url); err != nil {
			t.Errorf("cancelled again: %v", err)
		}
		if got := s.requests()[0]; got.method != http.MethodDelete || got.header.Get("Authorization") != "Bearer token-1" {
			t.Errorf("asked %s with %v", got.method, got.header)
		}
	}
}

func TestPartialSuccessIsSuccess(t *testing.T) {
	t.Attr("shows", "BD-007 BD-087 M6")
	for text, outcomes := range map[string]int{
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"request":"x","output":[{"type":"Patient","url":"BASE/f/1"}],"error":[{"type":"OperationOutcome","url":"BASE/e/1"}]}`: 1,
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"output":[{"type":"Patient","url":"BASE/f/1"}],"outcome":[{"url":"BASE/e/1"},{"url":"BASE/e/2"}]}`:                    2,
		`{"transactionTime":"2026-01-02T03:04:05Z","requiresAccessToken":true,"request":"x","output":[],"error":[]}`:                                                                                0,
	} {
		c, s := scriptOf(t, nil, said{200, text, nil})
		status, err := c.Status(t.Context(), s.url+"/fhir/status/1")
		if err != nil || status.State != Complete || len(status.Manifest.Error)+len(status.Manifest.Outcome) != outcomes {
			t.Errorf("%s: %+v, %v", text, status, err)
		}
	}
}

func TestExpiresIsUnknownUnlessItIsADate(t *testing.T) {
	t.Attr("shows", "BD-116")
	synctest.Test(t, func(t *testing.T) {
		soon := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
		s, err := statusOf(t, reply(200, wholeManifest, "Expires", soon), nil)
		if err != nil || time.Until(s.Expires) != time.Minute {
			t.Errorf("Expires in %v, %v", time.Until(s.Expires), err)
		}
		for _, text := range []string{"", "0", "-1", "never", "2026-01-02 03:04:05 +0000 UTC"} {
			c := clientOf(t, func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/r4/abcdef/f/1" {
					return reply(200, ndjson, "Content-Type", ndjsonType), nil
				}
				return reply(200, wholeManifest, "Expires", text), nil
			}, nil)
			s, err := c.Status(t.Context(), statusURL)
			if err != nil || !s.Expires.IsZero() {
				t.Fatalf("Expires %q: %v, %v", text, s.Expires, err)
			}
			b, err := c.Open(t.Context(), s.Manifest.Output[0], OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			mustRead(t, b, ndjson)
		}
	})
}
