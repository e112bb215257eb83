package smart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// leastMargin is the least time before its end at which a token is renewed.
const leastMargin = 10 * time.Second

// A TokenSource gives access tokens of one connection. It caches the token in
// memory until shortly before it expires, and lets all that wait share one
// request. It is safe for concurrent use.
type TokenSource struct {
	cfg       Config
	transport http.RoundTripper
	flight    singleflight.Group

	mu      sync.Mutex
	server  *server // nil until it is known
	cached  *oauth2.Token
	renewAt time.Time // with the monotonic clock
	refusal *refusal
}

// A refusal is a final word of the server, or of our own configuration.
type refusal struct {
	err      error
	keyID    string // of the signing key then; empty when it came to no choice
	askAgain time.Time
}

// An issued token is what all waiters of one request get; a token that serves
// one request only is for the first of them.
type issued struct {
	token     *oauth2.Token
	singleUse bool
	taken     atomic.Bool
}

// NewTokenSource checks cfg. It sends nothing.
func NewTokenSource(cfg Config) (*TokenSource, error) {
	cfg, err := cfg.normal()
	if err != nil {
		return nil, err
	}
	s := &TokenSource{cfg: cfg}
	if cfg.HTTPClient != nil {
		s.transport = cfg.HTTPClient.Transport
	}
	if s.transport == nil {
		s.transport = privateTransport()
	}
	if cfg.TokenURL != "" && (cfg.Spell == nil || cfg.Style != "" || cfg.FHIRBase == "") {
		if s.server, err = cfg.configured(); err != nil {
			return nil, fmt.Errorf("token source: %w", err)
		}
	}
	return s, nil
}

// Scopes are the scopes asked for; nil as long as their syntax is to be
// discovered.
func (s *TokenSource) Scopes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return slices.Clone(s.cfg.Scopes)
	}
	return slices.Clone(s.server.scopes)
}

// Token returns a token that is good for a while, from the cache or from the
// server. All callers that wait share one request, which goes on for the
// others when one caller's ctx ends; it carries the values of the first
// caller's ctx and ends by the times of Config. The token's Expiry is set.
//
// An error is a [*TokenError], a [*DiscoveryError], what the key source says,
// or ctx's own end.
func (s *TokenSource) Token(ctx context.Context) (*oauth2.Token, error) {
	for {
		if token, err := s.held(ctx, time.Now()); token != nil || err != nil {
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
			got, _ := landed.Val.(*issued)
			if !got.singleUse || got.taken.CompareAndSwap(false, true) {
				return got.token, nil
			}
		}
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

// NearExpiry reports whether a token of this package has come so near to its
// end that a server may have found it expired: within the margin in which Token
// gives a new one. A refusal other than 401, such as 403, then deserves one
// repetition with a fresh token.
func (*TokenSource) NearExpiry(token *oauth2.Token) bool {
	if token == nil || token.Expiry.IsZero() {
		return false
	}
	renewAt := token.Expiry.Add(-margin(time.Duration(token.ExpiresIn) * time.Second))
	return !isBefore(time.Now(), renewAt)
}

// margin is how long before its end a token is renewed.
func margin(lifetime time.Duration) time.Duration { return max(lifetime/10, leastMargin) }

// isBefore compares by both clocks, since the monotonic one stands still while
// a machine sleeps.
func isBefore(now, then time.Time) bool {
	return now.Before(then) && now.Round(0).Before(then.Round(0))
}

// held is what can be said without the server: a token that is still good, or
// a refusal that is still fresh and of the key that would sign now.
func (s *TokenSource) held(ctx context.Context, now time.Time) (*oauth2.Token, error) {
	s.mu.Lock()
	cached, renewAt, refused, known := s.cached, s.renewAt, s.refusal, s.server
	s.mu.Unlock()
	if cached != nil && isBefore(now, renewAt) {
		return cached, nil
	}
	if refused == nil || !now.Before(refused.askAgain) {
		return nil, nil
	}
	if refused.keyID != "" && known != nil {
		if key, err := s.cfg.Keys.SigningKey(ctx, known.algorithms); err != nil || key.id != refused.keyID {
			return nil, nil
		}
	}
	if e, ok := errors.AsType[*TokenError](refused.err); ok {
		again := *e
		again.Held, again.AskAgain = true, refused.askAgain
		return nil, &again
	}
	return nil, refused.err
}

// renew gets a token from the server and remembers what came of it. There is
// one at a time.
func (s *TokenSource) renew(ctx context.Context) (*issued, error) {
	if token, err := s.held(ctx, time.Now()); token != nil || err != nil {
		return &issued{token: token}, err // somebody landed between our look and our flight
	}
	got, err := s.persist(ctx)
	if err == nil && s.cfg.Issued != nil {
		err = s.cfg.Issued(ctx, got.issue)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cached, s.refusal = nil, nil
	if err != nil {
		s.refusal = s.refusalOf(err)
		return nil, err
	}
	token := got.token
	token.Expiry = got.sent.Add(got.lifetime)
	s.cached, s.renewAt = token, token.Expiry.Add(-margin(got.lifetime))
	return &issued{token: token, singleUse: got.lifetime <= 0}, nil
}

// refusalOf gives what is to be held of an error, nil for nothing.
func (s *TokenSource) refusalOf(err error) *refusal {
	if s.cfg.RefusalHold < 0 {
		return nil
	}
	held := &refusal{err: err, askAgain: time.Now().Add(s.cfg.RefusalHold)}
	if e, ok := errors.AsType[*TokenError](err); ok && e.Status != 0 && !e.Temporary() {
		held.keyID = e.KeyID
		return held
	}
	if e, ok := errors.AsType[*DiscoveryError](err); ok && e.Status != 0 && !e.Temporary() {
		return held
	}
	if _, ok := errors.AsType[*UnsupportedError](err); ok {
		return held
	}
	return nil
}

// persist obtains a token, again and again while the weather is bad, as often
// as the configuration says.
func (s *TokenSource) persist(ctx context.Context) (*answer, error) {
	for attempt := 1; ; attempt++ {
		got, err := s.obtain(ctx)
		if err == nil || attempt >= s.cfg.Attempts {
			return got, err
		}
		wait := time.Second << (attempt - 1)
		switch e, d := tokenAndDiscovery(err); {
		case e != nil && e.Temporary():
			wait = max(wait, e.RetryAfter)
		case d != nil && d.Temporary():
			wait = max(wait, d.RetryAfter)
		default:
			return nil, err
		}
		if wait > time.Minute {
			return nil, err // the caller decides on waits of this kind
		}
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func tokenAndDiscovery(err error) (*TokenError, *DiscoveryError) {
	e, _ := errors.AsType[*TokenError](err)
	d, _ := errors.AsType[*DiscoveryError](err)
	return e, d
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// obtain makes one request. Two failures of it are answered by a second one: an
// endpoint that has moved, and a key that the server may not know yet.
func (s *TokenSource) obtain(ctx context.Context) (*answer, error) {
	known, fresh, err := s.find(ctx, false)
	if err != nil {
		return nil, err
	}
	key, err := s.cfg.Keys.SigningKey(ctx, known.algorithms)
	if err != nil {
		return nil, fmt.Errorf("choose the signing key: %w", err)
	}
	got, failed := s.request(ctx, known, key)
	if failed != nil && failed.moved() && s.cfg.TokenURL == "" && !fresh {
		if again, _, err := s.find(ctx, true); err == nil {
			known = again
			got, failed = s.request(ctx, known, key)
		}
	}
	if failed == nil {
		return got, nil
	}
	if failed.Code == "invalid_client" {
		previous, err := s.cfg.Keys.PreviousKey(ctx, known.algorithms)
		if err == nil && previous != nil && previous.id != key.id {
			if got, second := s.request(ctx, known, previous); second == nil {
				return got, nil
			}
			failed.PreviousKeyID = previous.id
		}
	}
	return nil, failed
}

// GrantedScopes returns the scopes that came with a token of this package.
// stated is false when the server did not say; the scopes asked for then count
// as granted.
func GrantedScopes(token *oauth2.Token) (scopes []string, stated bool) {
	text, stated := token.Extra("scope").(string)
	return strings.Fields(text), stated
}
