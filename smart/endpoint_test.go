package smart

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A place is an authorization server that notes what it is asked.
type scripted struct {
	document  func() string // the SMART configuration; empty for 404
	endpoints map[string]func(*http.Request) *http.Response
	asked     []string
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.Method+" "+r.URL.String())
	if strings.HasSuffix(r.URL.Path, "/.well-known/smart-configuration") {
		if text := s.document(); text != "" {
			return reply(200, nil, text), nil
		}
		return reply(404, nil, ""), nil
	}
	if answer := s.endpoints[r.URL.String()]; answer != nil {
		return answer(r), nil
	}
	return reply(404, nil, "not here"), nil
}

const goodToken = `{"access_token":"x","token_type":"bearer","expires_in":300,"scope":"system/Patient.rs"}`

func good(*http.Request) *http.Response { return reply(200, nil, goodToken) }

func discovering(t *testing.T, s *scripted, change func(*Config)) *TokenSource {
	t.Helper()
	return newSource(t, s.RoundTrip, func(c *Config) {
		c.TokenURL, c.FHIRBase = "", "https://h.example/apis/fhir"
		if change != nil {
			change(c)
		}
	})
}

func document(members string) func() string {
	return func() string { return `{"token_endpoint":"https://auth.example/token"` + members + `}` }
}

func TestAServerWithOldTLSIsRefused(t *testing.T) {
	t.Attr("shows", "BS-001")
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request went over TLS 1.1")
	}))
	srv.Config.ErrorLog = silent
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // the server that is refused
	srv.StartTLS()
	defer srv.Close()
	s := newSource(t, nil, func(c *Config) { c.TokenURL, c.HTTPClient = srv.URL, srv.Client() })
	if _, err := s.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("Token = %v", err)
	}
	if _, err := Discover(t.Context(), srv.Client(), srv.URL); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("Discover = %v", err)
	}
}

func TestAConfiguredEndpointNeedsNoDocument(t *testing.T) {
	t.Attr("shows", "BS-005 BS-012")
	for name, text := range map[string]string{
		"no document":      "",
		"another endpoint": `{"token_endpoint":"https://elsewhere.example/token","scopes_supported":["openid"]}`,
		"a broken one":     `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			server := &scripted{
				document:  func() string { return text },
				endpoints: map[string]func(*http.Request) *http.Response{"https://auth.example/token": good},
			}
			s := newSource(t, server.RoundTrip, func(c *Config) {
				c.FHIRBase, c.Scopes = "https://h.example/fhir", nil
				c.Spell = func(style Style) []string { return []string{style.Read("Patient")} }
			})
			if _, err := s.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(server.asked, "POST https://elsewhere.example/token") {
				t.Errorf("asked %v", server.asked)
			}
		})
	}
}

func TestDiscoveryDecidesWhatIsAskedAndWhere(t *testing.T) {
	t.Attr("shows", "BS-007 BS-008 BS-009 BS-010 BS-012 BS-013 BS-014 BS-015 BS-016 BS-051")
	for name, c := range map[string]struct {
		text   string
		ignore bool
		posted string // where the assertion goes, and its aud; empty for nowhere
	}{
		"all members": {
			`{"issuer":"https://i","token_endpoint":"https://auth.example/token","token_endpoint_auth_methods_supported":["private_key_jwt"],
			"grant_types_supported":["client_credentials"],"scopes_supported":["system/Observation.rs"],"capabilities":["permission-v2","https://x/y"],
			"associated_endpoints":[{"url":"https://other.example/fhir","capabilities":["z"]}]}`, false, "https://auth.example/token",
		},
		"a relative endpoint":        {`{"token_endpoint":"auth/token"}`, false, "https://h.example/apis/auth/token"},
		"an absolute path":           {`{"token_endpoint":"/auth/token/"}`, false, "https://h.example/auth/token/"},
		"grant types without ours":   {`{"token_endpoint":"https://auth.example/token","grant_types_supported":["authorization_code"]}`, false, "https://auth.example/token"},
		"auth methods with ours":     {`{"token_endpoint":"https://auth.example/token","token_endpoint_auth_methods_supported":["client_secret_basic","private_key_jwt"]}`, false, "https://auth.example/token"},
		"auth methods without ours":  {`{"token_endpoint":"https://auth.example/token","token_endpoint_auth_methods_supported":["client_secret_basic"]}`, false, ""},
		"the same, not believed":     {`{"token_endpoint":"https://auth.example/token","token_endpoint_auth_methods_supported":["client_secret_basic"]}`, true, "https://auth.example/token"},
		"no endpoint":                {`{"issuer":"https://h.example"}`, false, ""},
		"an endpoint over http":      {`{"token_endpoint":"http://auth.example/token"}`, false, ""},
		"algorithms without ours":    {`{"token_endpoint":"https://auth.example/token","token_endpoint_auth_signing_alg_values_supported":["RS256"]}`, false, ""},
		"these too, not believed":    {`{"token_endpoint":"https://auth.example/token","token_endpoint_auth_signing_alg_values_supported":["RS256"]}`, true, "https://auth.example/token"},
		"an endpoint of other case":  {`{"token_endpoint":"https://auth.example/Token/"}`, false, "https://auth.example/Token/"},
		"no authorization endpoint":  {`{"token_endpoint":"https://auth.example/token","authorization_endpoint":null}`, false, "https://auth.example/token"},
		"endpoints of a wrong shape": {`{"token_endpoint":"https://auth.example/token","associated_endpoints":"x"}`, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var audience any
			server := &scripted{document: func() string { return c.text }}
			server.endpoints = map[string]func(*http.Request) *http.Response{c.posted: func(r *http.Request) *http.Response {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				audience = claimsOf(t, r.PostForm.Get("client_assertion"))["aud"]
				return good(r)
			}}
			s := discovering(t, server, func(cfg *Config) { cfg.IgnoreLists = c.ignore })
			_, err := s.Token(t.Context())
			want := []string{"GET https://h.example/apis/fhir/.well-known/smart-configuration"}
			if c.posted != "" {
				want = append(want, "POST "+c.posted)
			}
			if diff := cmp.Diff(want, server.asked); diff != "" {
				t.Errorf("asked: %s", diff)
			}
			if (err == nil) != (c.posted != "") || c.posted != "" && audience != c.posted {
				t.Errorf("Token = %v, aud = %v", err, audience)
			}
		})
	}
}

func TestARefusalOfTheDocumentIsHeldToo(t *testing.T) {
	t.Attr("shows", "BS-010 BS-099")
	server := &scripted{document: document(`,"token_endpoint_auth_methods_supported":["client_secret_post"]`)}
	s := discovering(t, server, nil)
	for range 5 {
		_, err := s.Token(t.Context())
		if u, ok := errors.AsType[*UnsupportedError](err); !ok || !strings.Contains(err.Error(), "private_key_jwt") || len(u.Listed) != 1 {
			t.Errorf("Token = %v", err)
		}
	}
	if len(server.asked) != 1 {
		t.Errorf("asked %v", server.asked)
	}
}

func TestTheAlgorithmIsOneThatBothHave(t *testing.T) {
	t.Attr("shows", "BS-011 BS-039 BS-044 A4")
	both := Keys{testKeys()[ES384], testKeys()[RS384]}
	for _, c := range []struct {
		advertised string
		agreed     []Algorithm
		want       Algorithm // empty for none
	}{
		{"", nil, RS384},
		{`,"token_endpoint_auth_signing_alg_values_supported":["ES384"]`, nil, ES384},
		{`,"token_endpoint_auth_signing_alg_values_supported":["RS384","ES384"]`, nil, RS384},
		{`,"token_endpoint_auth_signing_alg_values_supported":["RS256"]`, nil, ""},
		{`,"token_endpoint_auth_signing_alg_values_supported":[]`, nil, ""},
		{"", []Algorithm{ES384}, ES384},
		{`,"token_endpoint_auth_signing_alg_values_supported":["RS384","ES384"]`, []Algorithm{ES384}, ES384},
		{`,"token_endpoint_auth_signing_alg_values_supported":["RS384"]`, []Algorithm{ES384}, ""},
	} {
		used := Algorithm("")
		server := &scripted{document: document(c.advertised), endpoints: map[string]func(*http.Request) *http.Response{
			"https://auth.example/token": func(r *http.Request) *http.Response {
				published, err := JWKS(both...)
				if err != nil {
					t.Error(err)
				}
				used = Algorithm(verify(t, r, published).header.Algorithm)
				return good(r)
			},
		}}
		s := discovering(t, server, func(cfg *Config) { cfg.Key, cfg.Keys, cfg.Algorithms = nil, both, c.agreed })
		_, err := s.Token(t.Context())
		if used != c.want || (err == nil) != (c.want != "") {
			t.Errorf("advertised %q, agreed %v: signed with %q, %v; want %q", c.advertised, c.agreed, used, err, c.want)
		}
	}
}

func TestADocumentIsBelievedForATime(t *testing.T) {
	t.Attr("shows", "BS-017")
	inBubble(func(t *testing.T) {
		server := &scripted{document: document(""), endpoints: map[string]func(*http.Request) *http.Response{"https://auth.example/token": good}}
		s := discovering(t, server, nil)
		documents := func() int {
			return len(slices.DeleteFunc(slices.Clone(server.asked), func(a string) bool { return strings.HasPrefix(a, "POST") }))
		}
		for range 11 {
			if _, err := s.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			pass(5 * time.Minute)
		}
		if documents() != 1 {
			t.Errorf("read %d times within the hour", documents())
		}
		pass(10 * time.Minute)
		if _, err := s.Token(t.Context()); err != nil || documents() != 2 {
			t.Errorf("after the hour: %v, read %d times", err, documents())
		}
	})(t)
}

func TestAnEndpointThatMovedIsFoundAgain(t *testing.T) {
	t.Attr("shows", "BS-017")
	for name, gone := range map[string]func(*http.Request) *http.Response{
		"404":        func(*http.Request) *http.Response { return reply(404, nil, "") },
		"410":        func(*http.Request) *http.Response { return reply(410, nil, "") },
		"only twice": nil,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(func(t *testing.T) {
				at := "https://old.example/token"
				server := &scripted{document: func() string { return fmt.Sprintf(`{"token_endpoint":%q}`, at) }}
				server.endpoints = map[string]func(*http.Request) *http.Response{at: good}
				s := discovering(t, server, nil)
				if _, err := s.Token(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(10 * time.Minute)
				server.endpoints[at] = gone
				if gone != nil {
					at = "https://new.example/token"
					server.endpoints[at] = good
				}
				server.asked = nil
				_, err := s.Token(t.Context())
				want := []string{
					"POST https://old.example/token", "GET https://h.example/apis/fhir/.well-known/smart-configuration", "POST " + at,
				}
				if diff := cmp.Diff(want, server.asked); diff != "" {
					t.Error(diff)
				}
				if (err == nil) != (gone != nil) {
					t.Errorf("Token = %v", err)
				}
			})(t)
		})
	}
}

func TestANameThatFailsIsFoundAgain(t *testing.T) {
	t.Attr("shows", "BS-017 BS-002")
	posts := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posts++
		_, _ = io.WriteString(w, goodToken)
	})
	srv := httptest.NewTLSServer(handler)
	defer srv.Close()
	// The certificate of srv is for 127.0.0.1 and example.com, not for localhost.
	wrong := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	at := srv.URL
	base := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"token_endpoint":"%s/token"}`, at)
	}))
	defer base.Close()
	s := newSource(t, nil, func(c *Config) {
		c.TokenURL, c.FHIRBase, c.HTTPClient = "", base.URL, srv.Client()
	})
	first, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Invalidate(first)
	s.mu.Lock()
	s.server.tokenURL = wrong + "/token" // as if the old name had lost its certificate
	s.mu.Unlock()
	if _, err := s.Token(t.Context()); err != nil || posts != 2 {
		t.Errorf("Token = %v after %d posts", err, posts)
	}
}
