package smart

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	maxAssertionLifetime = 5 * time.Minute
	defaultLifetime      = 4 * time.Minute
	defaultTimeout       = 30 * time.Second
	defaultRefusalHold   = time.Minute
)

// A Config is one connection: one client at one authorization server, asking
// for one set of scopes.
type Config struct {
	// ClientID is the id that the server assigned, used exactly as it is.
	ClientID string
	// Key signs the assertions.
	Key *Key
	// TokenURL is the token endpoint, used exactly as it is, also as the
	// assertion's audience. It must be https, or http on loopback when
	// LoopbackHTTP is on.
	TokenURL string
	// Scopes are asked for in this order, repetitions dropped. At least one is
	// required, and each must be a system scope unless OtherScopes is on.
	Scopes []string
	// HTTPClient lends its Transport; nothing else of it is used. Nil means a
	// private transport with Go's defaults (TLS 1.2 or later, certificates
	// verified).
	HTTPClient *http.Client

	// JWKSURL is sent as the assertion's jku, byte for byte. Leave it empty
	// unless this very URL is registered.
	JWKSURL string
	// AssertionLifetime is how long an assertion is valid: 4 minutes when
	// zero, at most 5 minutes.
	AssertionLifetime time.Duration
	// Timeout bounds one token request; 30 seconds when zero.
	Timeout time.Duration
	// RefusalHold is how long a server's refusal is given again without asking
	// the server again, because servers lock out clients that insist;
	// one minute when zero, negative for not at all.
	RefusalHold time.Duration
	// LoopbackHTTP permits plain http to a loopback address.
	LoopbackHTTP bool
	// OtherScopes permits scopes that do not begin with "system/".
	OtherScopes bool
}

// A TokenSource gives access tokens of one connection. It caches the token in
// memory until shortly before it expires, and lets all that wait share one
// request. It is safe for concurrent use.
type TokenSource struct {
	cfg       Config
	endpoint  *url.URL
	transport http.RoundTripper
	flight    singleflight.Group

	mu      sync.Mutex
	cached  *oauth2.Token
	renewAt time.Time // with the monotonic clock
	refusal *TokenError
	askAt   time.Time // when a refusal may be put to the server again
}

// NewTokenSource checks cfg. It sends nothing.
func NewTokenSource(cfg Config) (*TokenSource, error) {
	endpoint, err := parseEndpoint(cfg.TokenURL, cfg.LoopbackHTTP)
	if err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	cfg.AssertionLifetime = cmp.Or(cfg.AssertionLifetime, defaultLifetime)
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.RefusalHold = cmp.Or(cfg.RefusalHold, defaultRefusalHold)
	switch {
	case cfg.ClientID == "":
		return nil, errors.New("token source: the client id is missing")
	case cfg.Key == nil:
		return nil, errors.New("token source: the key is missing")
	case cfg.AssertionLifetime < time.Second || cfg.AssertionLifetime > maxAssertionLifetime:
		return nil, errors.New("token source: the assertion lifetime is not within 1 s and 5 min")
	case cfg.Timeout < 0:
		return nil, errors.New("token source: the timeout is negative")
	}
	if cfg.Scopes, err = checkScopes(cfg.Scopes, cfg.OtherScopes); err != nil {
		return nil, fmt.Errorf("token source: %w", err)
	}
	s := &TokenSource{cfg: cfg, endpoint: endpoint}
	if cfg.HTTPClient != nil {
		s.transport = cfg.HTTPClient.Transport
	}
	if s.transport == nil {
		s.transport = privateTransport()
	}
	return s, nil
}

// Scopes are the scopes asked for.
func (s *TokenSource) Scopes() []string { return slices.Clone(s.cfg.Scopes) }

// Token returns a token that is good for a while, from the cache or from the
// server. All callers that wait share one request, which goes on for the
// others when one caller's ctx ends; it carries the values of the first
// caller's ctx and ends by Config.Timeout. The token's Expiry is set.
//
// An error is a [*TokenError], or ctx's own end.
func (s *TokenSource) Token(ctx context.Context) (*oauth2.Token, error) {
	if token, err := s.held(time.Now()); token != nil || err != nil {
		return token, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("obtain token: %w", context.Cause(ctx))
	}
	shared := context.WithoutCancel(ctx)
	flight := s.flight.DoChan("", func() (any, error) { return s.renew(shared) })
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("obtain token: %w", context.Cause(ctx))
	case landed := <-flight:
		if landed.Err != nil {
			return nil, landed.Err
		}
		token, _ := landed.Val.(*oauth2.Token)
		return token, nil
	}
}

// Invalidate drops token if it is still the cached one, so that the next call
// of Token asks the server. Call it when a server answers 401 to the token.
func (s *TokenSource) Invalidate(token *oauth2.Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token != nil && s.cached != nil && s.cached.AccessToken == token.AccessToken {
		s.cached = nil
	}
}

// held is what can be said without the server: a token that is still good, or
// a refusal that is still fresh. Time is measured by both clocks, since the
// monotonic one stands still while a machine sleeps.
func (s *TokenSource) held(now time.Time) (*oauth2.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cached != nil && now.Before(s.renewAt) && now.Round(0).Before(s.renewAt.Round(0)):
		return s.cached, nil
	case s.refusal != nil && now.Before(s.askAt):
		again := *s.refusal
		again.Held = true
		return nil, &again
	}
	return nil, nil
}

// renew gets a token from the server and remembers what came of it.
func (s *TokenSource) renew(ctx context.Context) (*oauth2.Token, error) {
	if token, err := s.held(time.Now()); token != nil || err != nil {
		return token, err // somebody landed between our look and our flight
	}
	sent := time.Now()
	token, lifetime, failed := s.request(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cached, s.refusal = nil, nil
	if failed != nil {
		if failed.Status != 0 && !failed.Temporary() && s.cfg.RefusalHold > 0 {
			s.refusal, s.askAt = failed, time.Now().Add(s.cfg.RefusalHold)
		}
		return nil, failed
	}
	token.Expiry = sent.Add(lifetime)
	s.cached, s.renewAt = token, token.Expiry.Add(-max(lifetime/10, 10*time.Second))
	return token, nil
}

// GrantedScopes returns the scopes that came with a token of this package.
// stated is false when the server did not say; the scopes asked for then count
// as granted.
func GrantedScopes(token *oauth2.Token) (scopes []string, stated bool) {
	text, stated := token.Extra("scope").(string)
	return strings.Fields(text), stated
}
