package smart

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

func oauthError(code, description string) string {
	text, err := json.Marshal(map[string]string{"error": code, "error_description": description})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Servers name a failed authentication in their own words, or not at all.
func TestEachFaultOfAnAssertionHasItsHint(t *testing.T) {
	t.Attr("shows", "BS-094 BS-095 A4 A6 A7")
	for description, want := range map[string]CauseKind{
		"Client not found":                                  CauseClient,
		"unknown client_id":                                 CauseClient,
		"issuer is not a registered client":                 CauseClient,
		"No key found for kid abc":                          CauseKey,
		"unable to find matching key":                       CauseKey,
		"Unable to fetch JWKS from the registered URL":      CauseKeySet,
		"JWK Set could not be retrieved":                    CauseKeySet,
		"jku does not match the registered jwks_uri":        CauseJKU,
		"Invalid audience":                                  CauseAudience,
		"the aud claim is not the token endpoint":           CauseAudience,
		"assertion expired":                                 CauseExpiry,
		"exp is more than 5 minutes in the future":          CauseExpiry,
		"JTI has been used before":                          CauseRepeated,
		"replay detected":                                   CauseRepeated,
		"signature verification failed":                     CauseSignature,
		"JWT signature does not match locally computed one": CauseSignature,
		"Unsupported signing algorithm":                     CauseAlgorithm,
		"alg RS256 expected":                                CauseAlgorithm,
	} {
		for _, status := range []int{400, 401} {
			s := newSource(t, func(*http.Request) (*http.Response, error) {
				return reply(status, nil, oauthError("invalid_client", description)), nil
			}, func(c *Config) { c.JWKSURL = "https://client.example/jwks" })
			_, err := s.Token(t.Context())
			e, ok := errors.AsType[*TokenError](err)
			if !ok || e.Description != description || !strings.HasSuffix(err.Error(), ": invalid_client") {
				t.Fatalf("Token = %v", err)
			}
			causes := e.Causes()
			if causes[0].Kind != want || !causes[0].Evident || causes[0].String() == "" {
				t.Errorf("%q: %+v, want %s", description, causes[0], want)
			}
			checkAllCauses(t, causes)
		}
	}
}

// checkAllCauses demands that no checkable cause of invalid_client is left out
// or named twice.
func checkAllCauses(t *testing.T, causes []Cause) {
	t.Helper()
	var kinds []CauseKind
	for _, c := range causes {
		if slices.Contains(kinds, c.Kind) || c.Text == "" || c.Text == string(c.Kind) {
			t.Errorf("cause %s comes twice or without words: %q", c.Kind, c.Text)
		}
		kinds = append(kinds, c.Kind)
	}
	for _, kind := range []CauseKind{CauseClient, CauseKey, CauseJKU, CauseAudience, CauseExpiry, CauseRepeated, CauseSignature, CauseAlgorithm, CauseKeySet, CauseRecent} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("cause %s is not named", kind)
		}
	}
}

func TestASilentServerLeavesAllCausesOpen(t *testing.T) {
	t.Attr("shows", "BS-095 BS-057 A6 A7")
	inBubble(func(t *testing.T) {
		for offset, want := range map[time.Duration]CauseKind{0: CauseClient, 10 * time.Minute: CauseClock, -10 * time.Minute: CauseClock} {
			s := newSource(t, func(*http.Request) (*http.Response, error) {
				date := time.Now().Add(offset).UTC().Format(http.TimeFormat)
				return reply(401, map[string]string{"Date": date}, `{"error":"invalid_client"}`), nil
			}, func(c *Config) { c.JWKSURL = "https://client.example/jwks" })
			_, err := s.Token(t.Context())
			e, ok := errors.AsType[*TokenError](err)
			if !ok {
				t.Fatal(err)
			}
			causes := e.Causes()
			checkAllCauses(t, causes)
			if causes[0].Kind != want || causes[0].Evident != (offset != 0) {
				t.Errorf("offset %v: %+v", offset, causes[0])
			}
			if offset != 0 && !strings.Contains(causes[0].Text, offset.String()) {
				t.Errorf("offset %v is not named: %s", offset, causes[0].Text)
			}
		}
	})(t)
}

func TestOtherRefusalsHaveCausesOfTheirOwn(t *testing.T) {
	t.Attr("shows", "BS-094 BS-097 A6")
	for body, want := range map[string]CauseKind{
		`{"error":"invalid_scope"}`:          CauseScope,
		`{"error":"invalid_grant"}`:          CauseScope,
		`{"error":"unauthorized_client"}`:    CauseApproval,
		`{"error":"unsupported_grant_type"}`: CauseApproval,
		`{"error":"invalid_request"}`:        CauseRequest,
		`<html>no such page</html>`:          CauseEndpoint,
	} {
		asked := 0
		s := newSource(t, func(*http.Request) (*http.Response, error) {
			asked++
			return reply(400, nil, body), nil
		}, func(c *Config) { c.Scopes = []string{"system/Patient.rs", "system/Media.rs"} })
		_, err := s.Token(t.Context())
		e, ok := errors.AsType[*TokenError](err)
		if !ok || e.Causes()[0].Kind != want || asked != 1 {
			t.Errorf("%s: %v after %d requests", body, err, asked)
			continue
		}
		if want == CauseScope && !strings.Contains(e.Causes()[0].Text, "system/Patient.rs system/Media.rs") {
			t.Errorf("the scopes are not reported: %s", e.Causes()[0])
		}
	}
}

// The answer is quoted for who asks, and not where errors are written down.
func TestAnAnswerThatIsNoOAuthErrorIsQuoted(t *testing.T) {
	t.Attr("shows", "BS-098 BS-066")
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"HTML":       {502, "<html><h1>Bad\r\nGateway</h1></html>", "<html><h1>Bad  Gateway</h1></html>"},
		"empty":      {500, "", ""},
		"long":       {503, strings.Repeat("wait. ", 10_000), "wait. ..."},
		"broken":     {400, `{"error":`, `{"error":`},
		"not text":   {400, "\xff\xfe\x00\x01", ""},
		"a number":   {400, `{"error":42}`, `{"error":42}`},
		"with a JWT": {500, "rejected eyJhbGciOiJFUzM4NCJ9.e30.c2lnbmF0dXJl today", "rejected [removed] today"},
	} {
		s := newSource(t, func(*http.Request) (*http.Response, error) { return reply(c.status, nil, c.body), nil }, nil)
		_, err := s.Token(t.Context())
		e, ok := errors.AsType[*TokenError](err)
		if !ok || !strings.Contains(e.Excerpt, c.want) || len(e.Excerpt) > 600 || strings.Contains(e.Excerpt, "eyJ") {
			t.Errorf("%s: %v", name, err)
		}
		if want := fmt.Sprintf(": status %d: the answer is no OAuth error", c.status); !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: error %q, want %q at its end", name, err, want)
		}
	}
}

func TestTokenAnswersOfEveryShapeAreTaken(t *testing.T) {
	t.Attr("shows", "BS-085 BS-086 BS-090 BS-091 BS-092 BS-100 A1")
	long := strings.Repeat("a.b-c_", 1024) // 6 kB, opaque
	for name, body := range map[string]string{
		"Bearer":          `{"access_token":"x","token_type":"Bearer","expires_in":300,"scope":"system/Patient.rs"}`,
		"bearer":          `{"access_token":"x","token_type":"bearer","expires_in":"1200","scope":""}`,
		"unknown members": `{"access_token":"x","token_type":"bearer","patient":"1","id_token":"y","authorization_details":[{"a":1}]}`,
		"refresh token":   `{"access_token":"x","token_type":"bearer","refresh_token":"again"}`,
	} {
		s := newSource(t, func(*http.Request) (*http.Response, error) { return reply(200, nil, body), nil }, nil)
		token, err := s.Token(t.Context())
		if err != nil || token.AccessToken != "x" || token.RefreshToken != "" || token.Extra("refresh_token") != nil || token.Extra("patient") != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := &http.Request{Header: http.Header{}}
		token.SetAuthHeader(r)
		if r.Header.Get("Authorization") != "Bearer x" {
			t.Errorf("%s: the header is %q", name, r.Header.Get("Authorization"))
		}
	}
	s := newSource(t, func(*http.Request) (*http.Response, error) {
		return reply(200, nil, `{"access_token":"`+long+`","token_type":"bearer"}`), nil
	}, nil)
	if token, err := s.Token(t.Context()); err != nil || token.AccessToken != long {
		t.Errorf("a token of 6 kB: %v", err)
	}
}

// What a person or a log sees of a source, its keys and its errors.
func TestNeitherSuccessNorFailureShowsASecret(t *testing.T) {
	t.Attr("shows", "BS-020 BS-066 BS-101")
	var seen []string
	answers := []string{goodToken, oauthError("invalid_client", "bad")}
	for _, body := range answers {
		s := newSource(t, func(r *http.Request) (*http.Response, error) {
			seen = append(seen, r.URL.String())
			if err := r.ParseForm(); err != nil {
				return nil, err
			}
			signed := r.PostForm.Get("client_assertion")
			status := map[bool]int{true: 200, false: 401}[body == goodToken]
			if status == 401 {
				return reply(401, nil, oauthError("invalid_client", "cannot take "+signed)), nil
			}
			return reply(status, nil, strings.Replace(body, `"x"`, `"canary-token"`, 1)), nil
		}, nil)
		_, err := s.Token(t.Context())
		if err != nil {
			seen = append(seen, err.Error())
			e, _ := errors.AsType[*TokenError](err)
			for _, cause := range e.Causes() {
				seen = append(seen, cause.Text)
			}
		}
	}
	for _, text := range seen {
		if strings.Contains(text, "canary-token") || strings.Contains(text, "eyJ") || strings.Contains(text, "?") {
			t.Errorf("seen: %s", text)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, alg := range []Algorithm{RS384, ES384} {
		text, err := testKeys()[alg].PrivateJWK()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseKey(text)
		if err != nil {
			return
		}
		if k.ID() == "" || k.Algorithm() != RS384 && k.Algorithm() != ES384 {
			t.Errorf("key %v", k)
		}
		set, err := JWKS(k)
		if err != nil || strings.Contains(string(set), `"d"`) {
			t.Errorf("its public set: %v", err)
		}
	})
}
