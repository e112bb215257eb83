package bulkdata

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var group = Request{Level: GroupLevel, GroupID: "g1", Types: []string{"Patient"}}

func TestKickoffSendsTheStandardsHeaders(t *testing.T) {
	t.Attr("shows", "BD-020 BD-030 BD-032 BD-060 BS-100 BS-102 K6")
	var got *http.Request
	c, srv := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.WithoutCancel(r.Context()))
		if body, err := io.ReadAll(r.Body); err != nil || len(body) > 0 {
			t.Errorf("body = %q, %v", body, err)
		}
		w.Header()["content-location"] = []string{"/fhir/$export-poll-location?job_id=1"}
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusAccepted)
	}, func(cfg *Config) { cfg.UserAgent = "ours/1" })
	k, err := c.Kickoff(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	if k.StatusURL != srv.URL+"/fhir/$export-poll-location?job_id=1" || k.RetryAfter.Wait != 2*time.Minute || k.ServerTime.IsZero() {
		t.Errorf("Kickoff = %+v", k)
	}
	if diff := cmp.Diff([]Deviation{RelativeContentLocation}, k.Deviations); diff != "" {
		t.Error(diff)
	}
	if got.Method != http.MethodGet || got.RequestURI != "/fhir/Group/g1/$export?_type=Patient" || len(got.TransferEncoding) > 0 {
		t.Errorf("%s %s %v", got.Method, got.RequestURI, got.TransferEncoding)
	}
	want := map[string]string{
		"Accept": "application/fhir+json", "Prefer": "respond-async", "Authorization": "Bearer token-1", "User-Agent": "ours/1",
	}
	for name, value := range want {
		if diff := cmp.Diff([]string{value}, got.Header.Values(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestKickoffKeepsAnAbsoluteLocationByteForByte(t *testing.T) {
	t.Attr("shows", "BD-060 BD-061")
	const location = "https://poll.example:8443/Bulk%2Fx/$s?job_id=1&b=%7E,~"
	c := clientOf(t, func(*http.Request) (*http.Response, error) {
		return reply(202, outcomeOf("informational"), "Content-Location", location), nil
	}, func(cfg *Config) { cfg.AllowedOrigins = []string{"https://POLL.example:8443/"} })
	k, err := c.Kickoff(t.Context(), group)
	if err != nil || k.StatusURL != location || k.Outcome == nil || k.Deviations != nil {
		t.Errorf("Kickoff = %+v, %v", k, err)
	}
}

func TestKickoffRefusesAUselessSuccess(t *testing.T) {
	t.Attr("shows", "BD-059 K6")
	for name, c := range map[string]struct {
		answer *http.Response
		reason Reason
		lost   bool
	}{
		"no location":                  {reply(202, ""), ContentLocationMissing, true},
		"empty":                        {reply(202, "", "Content-Location", " "), ContentLocationMissing, true},
		"two":                          {reply(202, "", "Content-Location", base+"/1", "Content-Location", base+"/2"), ContentLocationSeveral, true},
		"no URL":                       {reply(202, "", "Content-Location", "https://h/%zz"), ContentLocationInvalid, true},
		"200":                          {reply(200, "{}", "Content-Location", base+"/1"), UnexpectedStatus, true},
		"201":                          {reply(201, "", "Content-Location", base+"/1"), UnexpectedStatus, true},
		"200 with duplicate, strictly": {reply(200, duplicate), UnexpectedStatus, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := clientOf(t, func(*http.Request) (*http.Response, error) { return c.answer, nil }, nil).Kickoff(t.Context(), group)
			p, ok := errors.AsType[*ProtocolError](err)
			if !ok || p.Reason != c.reason || MayHaveStarted(err) != c.lost || Temporary(err) {
				t.Errorf("Kickoff = %v, may have started: %v", err, MayHaveStarted(err))
			}
		})
	}
	for _, location := range []string{"https://evil.example/s?x=secret", "http://fhir.example/s", "https://u:secret@fhir.example/s"} {
		_, err := clientOf(t, func(*http.Request) (*http.Response, error) {
			return reply(202, "", "Content-Location", location), nil
		}, nil).Kickoff(t.Context(), group)
		if _, ok := errors.AsType[*OriginError](err); !ok || strings.Contains(err.Error(), "secret") || !MayHaveStarted(err) {
			t.Errorf("location %s: %v", location, err)
		}
	}
}

func TestABusyServerIsNoFailure(t *testing.T) {
	t.Attr("shows", "K1 K2 K3")
	for name, c := range map[string]struct {
		answer *http.Response
		want   BusyError
	}{
		"eCW":    {reply(200, duplicate), BusyError{Status: 200}},
		"Cerner": {reply(409, duplicate), BusyError{Status: 409}},
		"BCDA":   {reply(429, "", "Retry-After", "60"), BusyError{Status: 429, RetryAfter: RetryAfter{Given: true, Wait: time.Minute}}},
		"AB2D": {
			reply(429, outcomeOf("throttled"), "Content-Location", base+"/1/$status, "+base+"/2/$status"),
			BusyError{Status: 429, Locations: []string{base + "/1/$status", base + "/2/$status"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := clientOf(t, func(*http.Request) (*http.Response, error) { return c.answer, nil },
				func(cfg *Config) { cfg.Tolerances.DuplicateOn200 = true })
			_, err := client.Kickoff(t.Context(), group)
			b, ok := errors.AsType[*BusyError](err)
			if !ok || !Temporary(err) || MayHaveStarted(err) || strings.Contains(err.Error(), "CANARY") {
				t.Fatalf("Kickoff = %v", err)
			}
			got := BusyError{Status: b.Status, RetryAfter: RetryAfter{Given: b.RetryAfter.Given, Wait: b.RetryAfter.Wait}, Locations: b.Locations}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARefusalSaysWhetherAnExportMayRun(t *testing.T) {
	t.Attr("shows", "BD-062")
	for name, c := range map[string]struct {
		answer    *http.Response
		temporary bool
		lost      bool
	}{
		"bad request":       {reply(400, outcomeOf("invalid")), false, false},
		"forbidden":         {reply(403, outcomeOf("forbidden")), false, false},
		"no activation":     {reply(403, outcomeOf("exception")), false, false},
		"slowed down":       {reply(403, outcomeOf("throttled")), true, false},
		"unknown group":     {reply(404, outcomeOf("not-found")), false, false},
		"conflict":          {reply(409, outcomeOf("conflict")), false, false},
		"redirect":          {reply(307, "", "Location", base+"/x"), false, false},
		"internal timeout":  {reply(408, ""), true, true},
		"failed inside":     {reply(500, outcomeOf("exception", "processing")), false, false},
		"gave up inside":    {reply(500, outcomeOf("timeout")), true, true},
		"gateway":           {reply(504, "<html>CANARY</html>"), true, true},
		"bare server error": {reply(500, ""), false, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			client := clientOf(t, func(*http.Request) (*http.Response, error) { asked++; return c.answer, nil }, nil)
			_, err := client.Kickoff(t.Context(), group)
			if name == "redirect" {
				if p, ok := errors.AsType[*StatusError](err); !ok || p.Status != 307 || asked != 1 {
					t.Errorf("Kickoff = %v after %d requests", err, asked)
				}
				return
			}
			s, ok := errors.AsType[*StatusError](err)
			if !ok || s.Status != c.answer.StatusCode || asked != 1 || strings.Contains(err.Error(), "CANARY") {
				t.Fatalf("Kickoff = %v after %d requests", err, asked)
			}
			if Temporary(err) != c.temporary || MayHaveStarted(err) != c.lost {
				t.Errorf("temporary %v, may have started %v: %v", Temporary(err), MayHaveStarted(err), err)
			}
			if c.answer.StatusCode == 504 && s.UnsafeText() != "<html>CANARY</html>" {
				t.Errorf("UnsafeText = %q", s.UnsafeText())
			}
		})
	}
}

func TestNothingIsSentWithoutAConnection(t *testing.T) {
	t.Attr("shows", "BD-001")
	closed := httptest.NewServer(nil)
	closed.Close()
	var plain atomic.Int32
	unencrypted := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { plain.Add(1) }))
	unencrypted.Config.ErrorLog = silent
	unencrypted.Start()
	defer unencrypted.Close()
	_, unknown := serverOf(t, func(http.ResponseWriter, *http.Request) { plain.Add(1) }, nil)
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { plain.Add(1) }))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.Config.ErrorLog = silent
	old.StartTLS()
	defer old.Close()
	for name, c := range map[string]struct {
		base      string
		client    *http.Client
		temporary bool
	}{
		"nobody listens":    {"https" + strings.TrimPrefix(closed.URL, "http"), nil, true},
		"no TLS":            {"https" + strings.TrimPrefix(unencrypted.URL, "http"), nil, false},
		"unknown authority": {unknown.URL, nil, false},
		"TLS 1.1":           {old.URL, old.Client(), true},
		"no such host":      {"https://bulkhead.invalid", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := New(Config{BaseURL: c.base, HTTPClient: c.client})
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Kickoff(t.Context(), group)
			if _, ok := errors.AsType[*NotSentError](err); !ok || MayHaveStarted(err) || Temporary(err) != c.temporary {
				t.Errorf("Kickoff = %v, temporary %v", err, Temporary(err))
			}
			if plain.Load() != 0 {
				t.Error("the server saw a request")
			}
		})
	}
}

func TestNothingIsSentWithoutAToken(t *testing.T) {
	for _, temporary := range []bool{true, false} {
		c := clientOf(t, func(*http.Request) (*http.Response, error) {
			t.Error("a request left")
			return nil, io.EOF
		}, func(cfg *Config) { cfg.Tokens = &tokens{err: tokenFailure(temporary)} })
		_, err := c.Kickoff(t.Context(), group)
		if _, ok := errors.AsType[*NotSentError](err); !ok || Temporary(err) != temporary || MayHaveStarted(err) {
			t.Errorf("Kickoff = %v, temporary %v", err, Temporary(err))
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := clientOf(t, nil, nil).Kickoff(gone, group)
	if _, ok := errors.AsType[*NotSentError](err); !ok || Temporary(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("Kickoff = %v", err)
	}
	limited := clientOf(t, func(*http.Request) (*http.Response, error) { return nil, errors.Join(ErrNotSent) }, nil)
	if _, err := limited.Kickoff(t.Context(), group); MayHaveStarted(err) || !Temporary(err) {
		t.Errorf("Kickoff through a limiter = %v", err)
	}
}

type tokenFailure bool

func (tokenFailure) Error() string     { return "no token" }
func (f tokenFailure) Temporary() bool { return bool(f) }

func TestAKickoffWithoutAnAnswerIsUnknown(t *testing.T) {
	t.Attr("shows", "BD-064")
	hang := make(chan struct{})
	for name, handler := range map[string]http.HandlerFunc{
		"hangs up": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
		"hangs":    func(_ http.ResponseWriter, r *http.Request) { <-hang },
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			c, _ := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				handler(w, r)
			}, func(cfg *Config) { cfg.Limits.RequestTimeout = 300 * time.Millisecond })
			_, err := c.Kickoff(t.Context(), group)
			if _, ok := errors.AsType[*UnansweredError](err); !ok || !MayHaveStarted(err) || asked.Load() != 1 {
				t.Errorf("Kickoff = %v after %d requests", err, asked.Load())
			}
			if name == "hangs" {
				close(hang)
			}
		})
	}
}

// A connection that was used before breaks under the kick-off. The standard
// transport sends such a GET again by itself, and would start two exports.
func TestAKickoffIsNeverRepeatedByTheTransport(t *testing.T) {
	t.Attr("shows", "BD-064")
	var kickoffs atomic.Int32
	c, srv := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "$export") {
			return
		}
		kickoffs.Add(1)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close()
	}, nil)
	resp, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	_, err = c.Kickoff(t.Context(), group)
	if _, ok := errors.AsType[*UnansweredError](err); !ok || kickoffs.Load() != 1 {
		t.Errorf("Kickoff = %v after %d requests on the wire", err, kickoffs.Load())
	}
}

func TestA401IsAnsweredWithOneFreshToken(t *testing.T) {
	t.Attr("shows", "BS-110")
	for name, c := range map[string]struct {
		refuse string // the token that is not accepted; "" for every one
		want   []string
	}{
		"once":   {"Bearer token-1", []string{"Bearer token-1", "Bearer token-2"}},
		"always": {"", []string{"Bearer token-1", "Bearer token-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []string
			client := clientOf(t, func(r *http.Request) (*http.Response, error) {
				seen = append(seen, r.Header.Get("Authorization"))
				if c.refuse == "" || c.refuse == r.Header.Get("Authorization") {
					return reply(401, ""), nil
				}
				return reply(202, "", "Content-Location", base+"/s"), nil
			}, nil)
			_, err := client.Kickoff(t.Context(), group)
			s, refused := errors.AsType[*StatusError](err)
			if refused != (name == "always") || refused && (s.Status != 401 || Temporary(err) || MayHaveStarted(err)) {
				t.Errorf("Kickoff = %v", err)
			}
			if diff := cmp.Diff(c.want, seen); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnOpenServerGetsNoToken(t *testing.T) {
	c := clientOf(t, func(r *http.Request) (*http.Response, error) {
		if _, there := r.Header["Authorization"]; there {
			t.Error("a token was sent")
		}
		return reply(202, "", "Content-Location", base+"/s"), nil
	}, func(cfg *Config) { cfg.Tokens = nil })
	if _, err := c.Kickoff(t.Context(), group); err != nil {
		t.Error(err)
	}
}

func TestTheRequestTimeoutIsWeather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, &net.OpError{Op: "read", Err: r.Context().Err()}
		}, nil)
		start := time.Now()
		_, err := c.Kickoff(t.Context(), group)
		if !Temporary(err) || !MayHaveStarted(err) || time.Since(start) != 2*time.Minute {
			t.Errorf("Kickoff = %v after %v", err, time.Since(start))
		}
	})
}

func TestKickoffWorksOverHTTP2(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); r.ProtoMajor != 2 || err != nil || len(body) > 0 {
			t.Errorf("%s with body %q, %v", r.Proto, body, err)
		}
		w.Header().Set("Content-Location", "/s")
		w.WriteHeader(http.StatusAccepted)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	c, err := New(Config{BaseURL: srv.URL, HTTPClient: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kickoff(t.Context(), group); err != nil {
		t.Error(err)
	}
}
