package smart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A tokenServer gives numbered tokens and knows when each one ends.
type tokenServer struct {
	mu       sync.Mutex
	lifetime time.Duration
	ends     map[string]time.Time
	asked    int
}

func (s *tokenServer) answer(*http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.ends == nil {
		s.ends = map[string]time.Time{}
	}
	name := fmt.Sprintf("t%d", s.asked)
	s.ends[name] = time.Now().Add(s.lifetime)
	return reply(200, nil, fmt.Sprintf(`{"access_token":%q,"token_type":"bearer","expires_in":%d,"scope":"system/Patient.rs"}`,
		name, int(s.lifetime/time.Second))), nil
}

func TestTwoHoursOfShortTokens(t *testing.T) {
	t.Attr("shows", "BS-087 BS-107 BS-108 BS-090")
	inBubble(func(t *testing.T) {
		server := &tokenServer{lifetime: 300 * time.Second}
		s := newSource(t, func(r *http.Request) (*http.Response, error) {
			if err := r.ParseForm(); err != nil || r.PostForm.Get("grant_type") != "client_credentials" {
				t.Errorf("grant type %q, %v", r.PostForm.Get("grant_type"), err)
			}
			return server.answer(r)
		}, nil)
		for range 2 * 60 * 60 {
			token, err := s.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(server.ends[token.AccessToken]); left < 29*time.Second {
				t.Fatalf("a token is used %v before its end", left)
			}
			pass(time.Second)
		}
		if server.asked != 2*60*60/270+1 {
			t.Errorf("%d token requests in two hours, want one every 270 s", server.asked)
		}
	})(t)
}

// The monotonic clock stands still while a machine sleeps, so that a token can
// be past its end by the wall clock alone.
func TestASleepingMachineLooksAtTheWall(t *testing.T) {
	t.Attr("shows", "BS-107")
	now := time.Now()
	for name, c := range map[string]struct {
		now, then time.Time
		want      bool
	}{
		"both before":     {now, now.Add(time.Minute), true},
		"both after":      {now.Add(time.Hour), now, false},
		"slept over it":   {now.Add(time.Hour).Round(0), now.Add(time.Minute), false},
		"wall turned far": {now, now.Add(-time.Hour).Round(0), false},
	} {
		if got := isBefore(c.now, c.then); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAtExpiryManyReadersMakeOneRequest(t *testing.T) {
	t.Attr("shows", "BS-109 A2")
	inBubble(func(t *testing.T) {
		server := &tokenServer{lifetime: 300 * time.Second}
		s := newSource(t, func(r *http.Request) (*http.Response, error) {
			pass(3 * time.Second) // a slow server lets them all arrive
			return server.answer(r)
		}, nil)
		if _, err := s.Token(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(300 * time.Second)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if token, err := s.Token(t.Context()); err != nil || token.AccessToken != "t2" {
					t.Errorf("Token = %v, %v", token, err)
				}
			})
		}
		wg.Wait()
		if server.asked != 2 {
			t.Errorf("%d requests, want one at first and one at expiry", server.asked)
		}
	})(t)
}

func TestASingleUseTokenIsForOneCaller(t *testing.T) {
	t.Attr("shows", "BS-088")
	inBubble(func(t *testing.T) {
		server := &tokenServer{}
		s := newSource(t, func(r *http.Request) (*http.Response, error) {
			pass(time.Second)
			return server.answer(r)
		}, nil)
		var mu sync.Mutex
		got := map[string]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				token, err := s.Token(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				got[token.AccessToken]++
			})
		}
		wg.Wait()
		if len(got) != 8 {
			t.Errorf("8 callers got %v", got)
		}
	})(t)
}

func TestTwoConnectionsShareNoToken(t *testing.T) {
	t.Attr("shows", "BS-106 A2")
	server := &tokenServer{lifetime: hour}
	seen := map[string]string{}
	for name, change := range map[string]func(*Config){
		"tenant a":       func(c *Config) { c.FHIRBase = "https://h.example/fhir/a" },
		"tenant b":       func(c *Config) { c.FHIRBase = "https://h.example/fhir/b" },
		"another scope":  func(c *Config) { c.Scopes = []string{"system/*.rs"} },
		"another client": func(c *Config) { c.ClientID = "client-2" },
		"another server": func(c *Config) { c.TokenURL = "https://auth2.example/token" },
	} {
		s := newSource(t, server.answer, change)
		for range 3 {
			token, err := s.Token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if owner, taken := seen[token.AccessToken]; taken && owner != name {
				t.Errorf("%s and %s share a token", name, owner)
			}
			seen[token.AccessToken] = name
		}
	}
	if server.asked != 5 {
		t.Errorf("%d requests for 5 connections", server.asked)
	}
}

func TestNearExpiryIsTheMarginOfRenewal(t *testing.T) {
	t.Attr("shows", "BS-111")
	inBubble(func(t *testing.T) {
		server := &tokenServer{lifetime: 300 * time.Second}
		s := newSource(t, server.answer, nil)
		token, err := s.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			wait time.Duration
			want bool
		}{{0, false}, {269 * time.Second, false}, {time.Second, true}, {time.Hour, true}} {
			pass(step.wait)
			if got := s.NearExpiry(token); got != step.want {
				t.Errorf("after %v more: %v", step.wait, got)
			}
		}
		if s.NearExpiry(nil) {
			t.Error("no token is near its end")
		}
	})(t)
}

func TestWeatherIsWaitedOutWithNewAssertions(t *testing.T) {
	t.Attr("shows", "BS-067 BS-055 BS-099")
	published, err := JWKS(testKeys()[ES384])
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		status int
		wait   string // Retry-After
		body   string
	}
	fine := answer{200, "", goodToken}
	for name, c := range map[string]struct {
		answers []answer
		asked   int
		took    time.Duration
		good    bool
	}{
		"503 twice":              {[]answer{{503, "", ""}, {503, "", ""}, fine}, 3, 3 * time.Second, true},
		"429 with a time":        {[]answer{{429, "30", ""}, fine}, 2, 30 * time.Second, true},
		"408":                    {[]answer{{408, "", ""}, fine}, 2, time.Second, true},
		"503 for ever":           {[]answer{{503, "", ""}, {503, "", ""}, {503, "", ""}, {503, "", ""}}, 4, 7 * time.Second, false},
		"a long wait":            {[]answer{{503, "3600", ""}, fine}, 1, 0, false},
		"an OAuth error":         {[]answer{{400, "", `{"error":"invalid_scope"}`}, fine}, 1, 0, false},
		"an OAuth error at 500":  {[]answer{{500, "", `{"error":"invalid_grant"}`}, fine}, 1, 0, false},
		"weather, then an error": {[]answer{{502, "", "<html>"}, {401, "", `{"error":"invalid_client"}`}, fine}, 2, time.Second, false},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			seen := map[any]bool{}
			s := newSource(t, func(r *http.Request) (*http.Response, error) {
				seen[verify(t, r, published).claims["jti"]] = true
				a := c.answers[len(seen)-1]
				return reply(a.status, map[string]string{"Retry-After": a.wait}, a.body), nil
			}, func(c *Config) { c.Attempts = 4 })
			started := time.Now()
			_, err := s.Token(t.Context())
			if (err == nil) != c.good || len(seen) != c.asked || time.Since(started) != c.took {
				t.Errorf("Token = %v after %d requests and %v, want %d and %v", err, len(seen), time.Since(started), c.asked, c.took)
			}
		}))
	}
}

func TestABrokenNetworkIsTriedAgain(t *testing.T) {
	t.Attr("shows", "BS-067")
	inBubble(func(t *testing.T) {
		asked := 0
		s := newSource(t, func(*http.Request) (*http.Response, error) {
			if asked++; asked < 3 {
				return nil, errors.New("connection reset")
			}
			return reply(200, nil, goodToken), nil
		}, func(c *Config) { c.Attempts = 3 })
		if _, err := s.Token(t.Context()); err != nil || asked != 3 {
			t.Errorf("Token = %v after %d requests", err, asked)
		}
	})(t)
}

// rotating is a key source whose keys a test changes.
type rotating struct{ now, before *Key }

func (r *rotating) SigningKey(context.Context, []string) (*Key, error) { return r.now, nil }

func (r *rotating) PreviousKey(context.Context, []string) (*Key, error) { return r.before, nil }

// cachingServer knows only some keys.
func cachingServer(t *testing.T, knows func() []*Key, asked *[]string) transport {
	return func(r *http.Request) (*http.Response, error) {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		kid := kidOf(t, r.PostForm.Get("client_assertion"))
		*asked = append(*asked, kid)
		if slices.ContainsFunc(knows(), func(k *Key) bool { return k.ID() == kid }) {
			return reply(200, nil, goodToken), nil
		}
		return reply(401, nil, `{"error":"invalid_client","error_description":"no key with this kid"}`), nil
	}
}

func TestAServerWithAnOlderKeySetIsShownThePreviousKey(t *testing.T) {
	t.Attr("shows", "BS-096 BS-055 A4")
	old, next := testKeys()[RS384], testKeys()[ES384]
	for name, c := range map[string]struct {
		before *Key
		knows  []*Key
		asked  []string
		good   bool
	}{
		"it has an older copy":    {old, []*Key{old}, []string{next.ID(), old.ID()}, true},
		"it has the new one":      {old, []*Key{old, next}, []string{next.ID()}, true},
		"it has neither":          {old, nil, []string{next.ID(), old.ID()}, false},
		"no rotation of late":     {nil, []*Key{old}, []string{next.ID()}, false},
		"the same key once again": {next, nil, []string{next.ID()}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			s := newSource(t, cachingServer(t, func() []*Key { return c.knows }, &asked), func(cfg *Config) {
				cfg.Key, cfg.Keys = nil, &rotating{next, c.before}
			})
			_, err := s.Token(t.Context())
			if (err == nil) != c.good || !slices.Equal(asked, c.asked) {
				t.Errorf("Token = %v after keys %v, want %v", err, asked, c.asked)
			}
			if e, ok := errors.AsType[*TokenError](err); ok {
				if e.KeyID != next.ID() || (e.PreviousKeyID != "") != (len(c.asked) == 2) || e.Causes()[0].Kind != CauseKey {
					t.Errorf("error of key %s after %s: %v", e.KeyID, e.PreviousKeyID, e.Causes())
				}
			}
		})
	}
}

func TestOnlyAnInvalidClientIsAskedWithThePreviousKey(t *testing.T) {
	t.Attr("shows", "BS-096 BS-097")
	for _, body := range []string{`{"error":"invalid_scope"}`, `{"error":"unauthorized_client"}`, `{"error":"invalid_grant"}`, `{"error":"unsupported_grant_type"}`, `{"error":"invalid_request"}`, ``} {
		asked := 0
		s := newSource(t, func(*http.Request) (*http.Response, error) {
			asked++
			return reply(400, nil, body), nil
		}, func(c *Config) { c.Key, c.Keys = nil, &rotating{testKeys()[ES384], testKeys()[RS384]} })
		for range 3 {
			if _, err := s.Token(t.Context()); err == nil {
				t.Error("a token came from nowhere")
			}
		}
		if asked != 1 {
			t.Errorf("%s: %d requests", body, asked)
		}
	}
}

func TestARotationKeepsTokensAndEndsARefusal(t *testing.T) {
	t.Attr("shows", "BS-036 BS-099")
	inBubble(func(t *testing.T) {
		one, two := testKeys()[RS384], testKeys()[ES384]
		keys := &rotating{now: one}
		knows := []*Key{one}
		var asked []string
		s := newSource(t, cachingServer(t, func() []*Key { return knows }, &asked), func(c *Config) { c.Key, c.Keys = nil, keys })
		first, err := s.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		keys.now, knows = two, []*Key{one, two}
		if again, err := s.Token(t.Context()); err != nil || again != first {
			t.Errorf("a rotation ended a token: %v", err)
		}
		pass(10 * time.Minute)
		if _, err := s.Token(t.Context()); err != nil || !slices.Equal(asked, []string{one.ID(), two.ID()}) {
			t.Errorf("after the token's end: %v, keys %v", err, asked)
		}
		// A refusal of one key is not held against another.
		pass(10 * time.Minute)
		knows = []*Key{one}
		for range 4 {
			if _, err := s.Token(t.Context()); err == nil {
				t.Error("a token for a key that the server does not know")
			}
		}
		keys.now = one
		if _, err := s.Token(t.Context()); err != nil || len(asked) != 4 {
			t.Errorf("with the other key: %v after %d requests", err, len(asked))
		}
	})(t)
}

func TestAHeldRefusalSaysSo(t *testing.T) {
	t.Attr("shows", "BS-099")
	inBubble(func(t *testing.T) {
		s := newSource(t, func(*http.Request) (*http.Response, error) {
			return reply(401, nil, `{"error":"invalid_client"}`), nil
		}, nil)
		_, first := s.Token(t.Context())
		_, second := s.Token(t.Context())
		e, ok := errors.AsType[*TokenError](second)
		if !ok || !e.Held || time.Until(e.AskAgain) != 3*time.Minute || !strings.Contains(second.Error(), "given again") || strings.Contains(first.Error(), "given again") {
			t.Errorf("first %v, second %v", first, second)
		}
	})(t)
}

// Nothing of a token source can be written to a file or encoded.
func TestATokenSourceKeepsTokensInMemoryOnly(t *testing.T) {
	t.Attr("shows", "BS-093")
	var asked atomic.Int32
	transport := func(*http.Request) (*http.Response, error) {
		asked.Add(1)
		return reply(200, map[string]string{"Cache-Control": "no-store"}, goodToken), nil
	}
	for n := range int32(2) { // a second source stands for the process after a restart
		if _, err := newSource(t, transport, nil).Token(t.Context()); err != nil || asked.Load() != n+1 {
			t.Errorf("start %d: %v after %d requests", n+1, err, asked.Load())
		}
	}
	for field := range reflect.TypeFor[TokenSource]().Fields() {
		if field.IsExported() {
			t.Errorf("%s is exported: an encoder would write it", field.Name)
		}
	}
}
