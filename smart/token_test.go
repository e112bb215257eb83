package smart

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestATokenRequestIsExactlyTheStandards(t *testing.T) {
	t.Attr("shows", "BS-024 BS-038 BS-043 BS-044 BS-045 BS-046 BS-048 BS-049 BS-050 BS-051 BS-052 BS-056 BS-058 BS-059 BS-060 BS-061 BS-063 BS-064 BS-082 BS-083 BS-090 A7")
	for _, alg := range []Algorithm{RS384, ES384} {
		published, err := JWKS(testKeys()[RS384], testKeys()[ES384])
		if err != nil {
			t.Fatal(err)
		}
		var seen sighting
		srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" ||
				r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Accept") != "application/json" {
				t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
			}
			seen = verify(t, r, published)
			_, _ = io.WriteString(w, `{"access_token":"tok","token_type":"Bearer","expires_in":300,"scope":"system/Patient.rs","refresh_token":"no"}`)
		}))
		s, err := NewTokenSource(Config{
			ClientID: "https://client.example/1", Key: testKeys()[alg], TokenURL: srv.URL + "/oauth2/token",
			Scopes:     []string{"system/Patient.rs", "system/Observation.rs?category=a|b&x=*", "system/Patient.rs"},
			HTTPClient: srv.Client(), JWKSURL: "https://client.example/jwks",
		})
		if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		token, err := s.Token(t.Context())
		srv.Close()
		if err != nil {
			t.Fatal(err)
		}
		if token.AccessToken != "tok" || token.RefreshToken != "" || token.Type() != "Bearer" {
			t.Errorf("token = %q %q %q", token.AccessToken, token.RefreshToken, token.Type())
		}
		if scopes, stated := GrantedScopes(token); !stated || !slices.Equal(scopes, []string{"system/Patient.rs"}) {
			t.Errorf("granted = %v %v", scopes, stated)
		}
		form := seen.form
		if len(form) != 4 || form.Get("grant_type") != "client_credentials" ||
			form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" ||
			form.Get("scope") != "system/Patient.rs system/Observation.rs?category=a|b&x=*" {
			t.Errorf("form has %d members, scope %q", len(form), form.Get("scope"))
		}
		h := seen.header
		if h.Algorithm != string(alg) || h.KeyID != testKeys()[alg].ID() || h.ExtraHeaders["typ"] != "JWT" ||
			h.ExtraHeaders["jku"] != "https://client.example/jwks" {
			t.Errorf("header = %+v", h)
		}
		exp, _ := seen.claims["exp"].(float64)
		left := time.Unix(int64(exp), 0).Sub(before)
		if left <= 0 || left > 5*time.Minute-30*time.Second || exp != float64(int64(exp)) {
			t.Errorf("exp is %v ahead", left)
		}
		if id, _ := seen.claims["jti"].(string); len(id) < 26 {
			t.Errorf("jti = %q", id)
		}
		delete(seen.claims, "exp")
		delete(seen.claims, "jti")
		want := map[string]any{"iss": "https://client.example/1", "sub": "https://client.example/1", "aud": srv.URL + "/oauth2/token"}
		if diff := cmp.Diff(want, seen.claims); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAnAssertionIsNeverUsedTwice(t *testing.T) {
	t.Attr("shows", "BS-055 A7")
	published, err := JWKS(testKeys()[ES384])
	if err != nil {
		t.Fatal(err)
	}
	seen := map[any]bool{}
	s := newSource(t, func(r *http.Request) (*http.Response, error) {
		seen[verify(t, r, published).claims["jti"]] = true
		return reply(503, nil, ""), nil
	}, nil)
	for range 50 {
		_, err := s.Token(t.Context())
		e, ok := errors.AsType[*TokenError](err)
		if !ok || !e.Temporary() || e.Held {
			t.Fatalf("Token = %v", err)
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d different jti in 50 requests", len(seen))
	}
}

func TestATokenIsKeptUntilShortlyBeforeItExpires(t *testing.T) {
	t.Attr("shows", "BS-088 BS-107 A1")
	for name, c := range map[string]struct {
		answer string
		good   time.Duration // the token is taken from the cache for this long
	}{
		"300 s":      {`{"access_token":"x","token_type":"bearer","expires_in":300}`, 270 * time.Second},
		"text":       {`{"access_token":"x","token_type":"bearer","expires_in":"1200"}`, 1080 * time.Second},
		"unstated":   {`{"access_token":"x","token_type":"bearer"}`, 270 * time.Second},
		"null":       {`{"access_token":"x","token_type":"bearer","expires_in":null}`, 270 * time.Second},
		"fraction":   {`{"access_token":"x","expires_in":299.9}`, 299*time.Second - 29900*time.Millisecond},
		"endless":    {`{"access_token":"x","expires_in":1e300}`, 24 * hour * 9 / 10},
		"single use": {`{"access_token":"x","expires_in":0}`, 0},
		"negative":   {`{"access_token":"x","expires_in":-5}`, 0},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			asked := 0
			s := newSource(t, func(*http.Request) (*http.Response, error) {
				asked++
				return reply(200, nil, c.answer), nil
			}, nil)
			for _, step := range []struct {
				wait time.Duration
				want int
			}{{0, 1}, {c.good - time.Second, 1}, {time.Second, 2}} {
				pass(step.wait)
				if _, err := s.Token(t.Context()); err != nil {
					t.Fatal(err)
				}
				if c.good > 0 && asked != step.want {
					t.Fatalf("after %v: %d requests, want %d", step.wait, asked, step.want)
				}
			}
			if c.good == 0 && asked != 3 {
				t.Errorf("%d requests for 3 uses, want 3", asked)
			}
		}))
	}
}

func TestManyWaitersShareOneRequest(t *testing.T) {
	t.Attr("shows", "BS-109 A2")
	inBubble(func(t *testing.T) {
		var asked atomic.Int32
		s := newSource(t, func(r *http.Request) (*http.Response, error) {
			asked.Add(1)
			select {
			case <-time.After(10 * time.Second):
				return reply(200, nil, `{"access_token":"x","expires_in":300}`), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}, nil)
		first, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Token(first); !errors.Is(err, context.Canceled) {
				t.Errorf("the cancelled waiter got %v", err)
			}
		})
		synctest.Wait()
		for range 32 {
			wg.Go(func() {
				if token, err := s.Token(t.Context()); err != nil || token.AccessToken != "x" {
					t.Errorf("Token = %v", err)
				}
			})
		}
		synctest.Wait()
		stop()
		wg.Wait()
		if asked.Load() != 1 {
			t.Errorf("%d requests, want 1", asked.Load())
		}
	})(t)
}

func TestARefusalStopsAllWorkers(t *testing.T) {
	t.Attr("shows", "BS-099")
	inBubble(func(t *testing.T) {
		var asked atomic.Int32
		s := newSource(t, func(*http.Request) (*http.Response, error) {
			asked.Add(1)
			return reply(401, nil, `{"error":"invalid_client"}`), nil
		}, nil)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					_, err := s.Token(t.Context())
					if e, ok := errors.AsType[*TokenError](err); !ok || e.Code != "invalid_client" || e.Temporary() {
						t.Errorf("Token = %v", err)
					}
				}
			})
		}
		wg.Wait()
		if asked.Load() != 1 {
			t.Errorf("%d requests, want 1", asked.Load())
		}
		pass(3 * time.Minute)
		_, err := s.Token(t.Context())
		if e, ok := errors.AsType[*TokenError](err); !ok || e.Held || asked.Load() != 2 {
			t.Errorf("after three minutes: %v, %d requests", err, asked.Load())
		}
	})(t)
}

func TestInvalidateDropsOnlyTheCachedToken(t *testing.T) {
	asked := 0
	s := newSource(t, func(*http.Request) (*http.Response, error) {
		asked++
		return reply(200, nil, `{"access_token":"`+strings.Repeat("x", asked)+`","expires_in":300}`), nil
	}, nil)
	old, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Invalidate(nil)
	s.Invalidate(old)
	fresh, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Invalidate(old)
	if again, err := s.Token(t.Context()); err != nil || again != fresh || asked != 2 {
		t.Errorf("Token = %v, %v after %d requests", again == fresh, err, asked)
	}
}

func TestTheAssertionGoesOnlyToAVerifiedServer(t *testing.T) {
	t.Attr("shows", "BS-002")
	posts := 0
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts++ }))
	srv.Config.ErrorLog = silent
	srv.StartTLS()
	defer srv.Close()
	s := newSource(t, nil, func(c *Config) { c.TokenURL, c.HTTPClient = srv.URL, nil })
	_, err := s.Token(t.Context())
	if e, ok := errors.AsType[*TokenError](err); !ok || e.Temporary() || posts != 0 {
		t.Errorf("Token = %v, %d posts", err, posts)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Attr("shows", "BS-065")
	second := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	defer second.Close()
	first := httptest.NewTLSServer(http.RedirectHandler(second.URL, http.StatusTemporaryRedirect))
	defer first.Close()
	s := newSource(t, nil, func(c *Config) { c.TokenURL, c.HTTPClient = first.URL+"/token", first.Client() })
	if _, err := s.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "redirect") {
		t.Errorf("Token = %v", err)
	}
}

func TestNewTokenSourceRefuses(t *testing.T) {
	t.Attr("shows", "BS-001 BS-018 BS-062 BS-068 BS-069 BS-072")
	for name, change := range map[string]func(*Config){
		"no client":     func(c *Config) { c.ClientID = "" },
		"no key":        func(c *Config) { c.Key = nil },
		"no keys":       func(c *Config) { c.Key, c.Keys = nil, Keys{} },
		"key and keys":  func(c *Config) { c.Keys = Keys{c.Key} },
		"no endpoint":   func(c *Config) { c.TokenURL = "" },
		"scopes twice":  func(c *Config) { c.Spell = func(Style) []string { return []string{"system/*.rs"} } },
		"spelled wrong": func(c *Config) { c.Scopes, c.Spell = nil, func(Style) []string { return []string{"system/*.sr"} } },
		"direct jku":    func(c *Config) { c.DirectKeySet, c.JWKSURL = true, "https://client.example/jwks" },
		"too often":     func(c *Config) { c.Attempts = 11 },
		"backwards":     func(c *Config) { c.DiscoveryAge = -1 },
		"old TLS": func(c *Config) {
			c.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS11}}} //nolint:gosec // that is what is refused
		},
		"no scope":      func(c *Config) { c.Scopes = nil },
		"empty scope":   func(c *Config) { c.Scopes = []string{""} },
		"two in one":    func(c *Config) { c.Scopes = []string{"system/A.rs system/B.rs"} },
		"user scope":    func(c *Config) { c.Scopes = []string{"user/Patient.rs"} },
		"wrong order":   func(c *Config) { c.Scopes = []string{"system/Patient.sr"} },
		"http":          func(c *Config) { c.TokenURL = "http://auth.example/token" },
		"loopback http": func(c *Config) { c.TokenURL = "http://localhost/token" },
		"faked host":    func(c *Config) { c.TokenURL, c.LoopbackHTTP = "http://localhost.example/token", true },
		"password":      func(c *Config) { c.TokenURL = "https://u:p@auth.example/token" },
		"long life":     func(c *Config) { c.AssertionLifetime = 6 * time.Minute },
	} {
		cfg := Config{ClientID: "c", Key: testKeys()[ES384], TokenURL: "https://auth.example/token", Scopes: []string{"system/Patient.rs"}}
		change(&cfg)
		if _, err := NewTokenSource(cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	cfg := Config{ClientID: "c", Key: testKeys()[ES384], TokenURL: "http://127.0.0.1:1/token", Scopes: []string{"system/bulk-submit"}, LoopbackHTTP: true}
	if _, err := NewTokenSource(cfg); err != nil {
		t.Error(err)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"access_token":"x","token_type":"bearer","expires_in":300,"scope":"a b"}`))
	f.Add([]byte(`{"access_token":"x","expires_in":"1e9"}`))
	f.Add([]byte(`{"error":"invalid_client"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		token, lifetime, err := parseAnswer(text)
		if err != nil {
			return
		}
		if token.AccessToken == "" || lifetime < 0 || lifetime > longestExpiry {
			t.Errorf("token %q for %v", token.AccessToken, lifetime)
		}
	})
}

func FuzzTokenError(f *testing.F) {
	f.Add([]byte(`{"error":"invalid_client","error_description":"x eyJ.a.b"}`), "eyJhbGciOiJFUzM4NCJ9.e30.c2ln")
	f.Fuzz(func(t *testing.T, text []byte, signed string) {
		e := &TokenError{Endpoint: "https://h/t"}
		e.read(text, signed)
		if strings.Contains(e.Error(), "eyJ") || len(e.Error()) > 8000 {
			t.Errorf("Error() = %q", e.Error())
		}
	})
}
