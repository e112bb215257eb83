package bulkdata

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
)

func TestATransportThatTrustsAnybodyIsRefused(t *testing.T) {
	t.Attr("shows", "BD-001")
	for name, cfg := range map[string]*tls.Config{
		"no verification": {InsecureSkipVerify: true},
		"TLS 1.0":         {MinVersion: tls.VersionTLS10},
	} {
		_, err := New(Config{BaseURL: base, HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: cfg}}})
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := New(Config{BaseURL: base, HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13}}}}); err != nil {
		t.Error(err)
	}
}

func TestPlainHTTPIsNeverAsked(t *testing.T) {
	t.Attr("shows", "BD-001")
	asked := 0
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer plain.Close()
	c, _ := scriptOf(t, nil, said{202, "", []string{"Content-Location", plain.URL + "/s"}})
	if _, err := c.Kickoff(t.Context(), group); err == nil {
		t.Error("a status URL over plain http was taken")
	}
	for name, call := range map[string]func() error{
		"status": func() error { _, err := c.Status(t.Context(), plain.URL+"/s"); return err },
		"page":   func() error { _, err := c.Page(t.Context(), StatusRequest{URL: plain.URL + "/s?page=2"}); return err },
		"cancel": func() error { return c.Cancel(t.Context(), plain.URL+"/s") },
		"file": func() error {
			_, err := c.Open(t.Context(), patientFile(plain.URL+"/f", TokenForbidden), OpenOptions{})
			return err
		},
		"attachment": func() error {
			_, err := c.OpenAttachment(t.Context(), Attachment{URL: plain.URL + "/a", Access: TokenForbidden}, OpenOptions{})
			return err
		},
	} {
		if _, refused := errors.AsType[*OriginError](call()); !refused {
			t.Errorf("%s: %v", name, call())
		}
	}
	if asked != 0 {
		t.Errorf("%d requests went out in plain", asked)
	}
}

func TestAClientCertificateServesEveryRequest(t *testing.T) {
	t.Attr("shows", "BD-002 BD-003 BD-126")
	var seen []string
	s := &script{answers: []said{accepted, {200, manifestAtBase, nil}, {200, ndjson, []string{"Content-Type", ndjsonType}}, {202, "", nil}}}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.TLS.PeerCertificates[0].Subject.Organization[0]+r.Header.Get("Authorization"))
		s.ServeHTTP(w, r)
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	srv.Config.ErrorLog = silent
	srv.StartTLS()
	defer srv.Close()
	s.url = srv.URL
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	open := Config{BaseURL: srv.URL + "/fhir", HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}}
	stranger, err := New(open)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Kickoff(t.Context(), group); err == nil || len(seen) != 0 {
		t.Errorf("without a certificate: %v", err)
	}
	open.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: srv.TLS.Certificates}}}
	c, err := New(open)
	if err != nil {
		t.Fatal(err)
	}
	wholeLife(t, c)
	if diff := cmp.Diff([]string{"Acme Co", "Acme Co", "Acme Co", "Acme Co"}, seen); diff != "" {
		t.Error(diff)
	}
}

const manifestAtBase = `{"transactionTime":"2026-01-02T03:04:05Z","request":"x","requiresAccessToken":true,` +
	`"output":[{"type":"Patient","url":"BASE/files/1"}],"error":[]}`

// wholeLife takes an export of one file from its kick-off to its end.
func wholeLife(t *testing.T, c *Client) {
	t.Helper()
	k, err := c.Kickoff(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.StatusOf(t.Context(), StatusRequest{URL: k.StatusURL, Separate: k.SeparateStatus})
	if err != nil {
		t.Fatal(err)
	}
	for f := range s.Manifest.Files() {
		b, err := c.Open(t.Context(), f, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		mustRead(t, b, ndjson)
	}
	if err := c.Cancel(t.Context(), k.StatusURL); err != nil {
		t.Fatal(err)
	}
}

func TestTheTokenGoesWithEveryRequestOfAnExport(t *testing.T) {
	t.Attr("shows", "BD-004 BD-005 BD-119 BD-124 BD-126 BS-100 BS-101 BS-102")
	everyDialect(t, func(t *testing.T, d Dialect) {
		c, s := scriptOf(t, in(d), accepted, said{200, manifestAtBase, nil}, said{200, ndjson, []string{"Content-Type", ndjsonType}}, said{202, "", nil})
		wholeLife(t, c)
		for _, a := range s.requests() {
			if diff := cmp.Diff([]string{"Bearer token-1"}, a.header.Values("Authorization")); diff != "" {
				t.Errorf("%s %s: %s", a.method, a.uri, diff)
			}
			if strings.Contains(a.uri+a.body, "token-1") {
				t.Errorf("the token is in %s %s", a.method, a.uri)
			}
		}
		if got := s.uris(); len(got) != 4 || got[1] != "GET /fhir/status/1" || got[2] != "GET /files/1" || got[3] != "DELETE /fhir/status/1" {
			t.Errorf("asked %v", got)
		}
	})
}

func TestAnOpenServerNeedsNoTokenSource(t *testing.T) {
	t.Attr("shows", "BD-003 BS-116")
	c, s := scriptOf(t, func(cfg *Config) { cfg.Tokens = nil },
		accepted, said{200, manifestAtBase, nil}, said{200, ndjson, []string{"Content-Type", ndjsonType}}, said{202, "", nil})
	wholeLife(t, c)
	for _, a := range s.requests() {
		if _, there := a.header["Authorization"]; there {
			t.Errorf("%s %s carries a token", a.method, a.uri)
		}
	}
}

func TestA401IsATokenProblemOnEveryRequest(t *testing.T) {
	t.Attr("shows", "BD-085 BS-110 P11")
	for name, call := range map[string]func(*Client, string) error{
		"status": func(c *Client, url string) error { _, err := c.Status(t.Context(), url+"/fhir/status/1"); return err },
		"file": func(c *Client, url string) error {
			_, err := c.Open(t.Context(), patientFile(url+"/files/1", TokenRequired), OpenOptions{})
			return err
		},
		"cancel": func(c *Client, url string) error { return c.Cancel(t.Context(), url+"/fhir/status/1") },
	} {
		for _, again := range []bool{false, true} {
			answers := []said{{401, "", nil}, {202, ndjson, []string{"Content-Type", ndjsonType}}}
			if name == "file" {
				answers[1].status = 200
			}
			if again {
				answers = answers[:1]
			}
			source := &tokens{}
			c, s := scriptOf(t, func(cfg *Config) { cfg.Tokens = source }, answers...)
			err := call(c, s.url)
			e, failed := errors.AsType[*StatusError](err)
			if failed != again || failed && (e.Status != 401 || e.Temporary() || e.ExportEnded()) {
				t.Errorf("%s, refused again %v: %v", name, again, err)
			}
			var seen []string
			for _, a := range s.requests() {
				seen = append(seen, a.header.Get("Authorization"))
			}
			if diff := cmp.Diff([]string{"Bearer token-1", "Bearer token-2"}, seen); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

// An aging source gives a token that ends, and counts the ones dropped.
type aging struct {
	tokens
	life, age time.Duration
}

func (s *aging) Token(ctx context.Context) (*oauth2.Token, error) {
	token, err := s.tokens.Token(ctx)
	if err == nil {
		token.ExpiresIn, token.Expiry = int64(s.life/time.Second), time.Now().Add(s.life-s.age)
	}
	return token, err
}

func TestA403ToATokenWithinItsMarginIsRenewedOnce(t *testing.T) {
	t.Attr("shows", "BS-111 BS-112")
	for name, c := range map[string]struct {
		status int
		age    time.Duration
		want   int // requests
	}{
		"403, fresh":     {403, time.Minute, 1},
		"403, at margin": {403, 571 * time.Second, 2},
		"403, expired":   {403, 11 * time.Minute, 2},
		"400, expired":   {400, 11 * time.Minute, 2},
		"400, fresh":     {400, time.Minute, 1},
		"404, expired":   {404, 11 * time.Minute, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				client := clientOf(t, func(*http.Request) (*http.Response, error) { asked++; return reply(c.status, ""), nil },
					func(cfg *Config) { cfg.Tokens = &aging{life: 10 * time.Minute, age: c.age} })
				_, err := client.Status(t.Context(), statusURL)
				if e, ok := errors.AsType[*StatusError](err); !ok || e.Status != c.status || asked != c.want {
					t.Errorf("Status = %v after %d requests, want %d", err, asked, c.want)
				}
			})
		})
	}
}

func TestACookieNeverLeavesItsHost(t *testing.T) {
	t.Attr("shows", "P14")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	jar.SetCookies(&url.URL{Scheme: "https", Host: "store.ehr.example", Path: "/"}, []*http.Cookie{{Name: "left", Value: "over", Path: "/"}})
	var seen []string
	c := clientOf(t, func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.URL.Host+" "+r.Header.Get("Cookie"))
		answer := reply(200, ndjson, "Content-Type", ndjsonType)
		answer.Header.Add("Set-Cookie", "from="+r.URL.Hostname()+"; Domain=ehr.example; Path=/; Secure")
		return answer, nil
	}, func(cfg *Config) {
		cfg.HTTPClient.Jar, cfg.BaseURL = jar, "https://fhir.ehr.example/r4"
		cfg.AllowedOrigins = []string{"https://poll.ehr.example"}
	})
	for _, text := range []string{
		"https://fhir.ehr.example/f", "https://fhir.ehr.example/f", "https://poll.ehr.example/f",
		"https://poll.ehr.example/f", "https://store.ehr.example/f", "https://store.ehr.example/f", "https://ehr.example/f",
	} {
		b, err := c.Open(t.Context(), patientFile(text, TokenForbidden), OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, b); err != nil {
			t.Fatal(err)
		}
		_ = b.Close()
	}
	want := []string{
		"fhir.ehr.example ", "fhir.ehr.example from=fhir.ehr.example", "poll.ehr.example ",
		"poll.ehr.example from=poll.ehr.example", "store.ehr.example ", "store.ehr.example ", "ehr.example ",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}
