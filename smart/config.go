package smart

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	maxAssertionLifetime = 5 * time.Minute
	defaultLifetime      = 4 * time.Minute
	defaultTimeout       = 30 * time.Second
	defaultRefusalHold   = 3 * time.Minute
	defaultDiscoveryAge  = time.Hour
	maxAttempts          = 10
)

// A Config is one connection: one client at one authorization server, asking
// for one set of scopes.
type Config struct {
	// ClientID is the id that the server assigned, used exactly as it is.
	ClientID string
	// Key signs the assertions. Exactly one of Key and Keys is given.
	Key *Key
	// Keys chooses the key for every token request, by the algorithms that the
	// server takes.
	Keys KeySource

	// TokenURL is the token endpoint, used exactly as it is, also as the
	// assertion's audience. It must be https, or http on loopback when
	// LoopbackHTTP is on. When it is empty the endpoint is discovered.
	TokenURL string
	// FHIRBase is where the SMART configuration is discovered when it is
	// needed: for the token endpoint, or for the syntax of Spell. The
	// configuration is read again after DiscoveryAge, and once at once when the
	// token endpoint has moved: it answers 404 or 410, or its name fails.
	FHIRBase string
	// DiscoveryAge is how long a SMART configuration is believed; one hour when
	// zero.
	DiscoveryAge time.Duration
	// Algorithms are those that the server takes by agreement; nil for what its
	// SMART configuration lists. Both together must leave one that a key has.
	Algorithms []Algorithm
	// IgnoreLists goes on where the SMART configuration lists neither
	// private_key_jwt nor an algorithm of ours: for servers whose documents are
	// wrong about themselves.
	IgnoreLists bool

	// Scopes are asked for in this order, repetitions dropped. At least one is
	// required, and each must be a system scope unless OtherScopes is on.
	Scopes []string
	// Spell gives the scopes in the place of Scopes, in the syntax that the
	// server takes: Style if that is given, or else what the SMART
	// configuration says, or else release 1.
	Spell func(Style) []string
	// Style is the syntax for Spell.
	Style Style
	// OtherScopes permits scopes that do not begin with "system/".
	OtherScopes bool

	// HTTPClient lends its Transport; nothing else of it is used, save its Jar
	// for discovery. Nil means a private transport with Go's defaults (TLS 1.2
	// or later, certificates verified).
	HTTPClient *http.Client
	// JWKSURL is sent as the assertion's jku, byte for byte. Leave it empty
	// unless this very URL is registered.
	JWKSURL string
	// DirectKeySet says that the key set itself was registered and no URL: a
	// jku would then fail.
	DirectKeySet bool
	// AssertionLifetime is how long an assertion is valid: 4 minutes when
	// zero, at most 5 minutes.
	AssertionLifetime time.Duration
	// Timeout bounds one token request; 30 seconds when zero.
	Timeout time.Duration
	// Attempts is how many requests one call of Token makes at most while the
	// weather is bad (see TokenError.Temporary), with growing pauses, or those
	// that the server asks for up to a minute. One when zero, at most 10.
	Attempts int
	// RefusalHold is how long a refusal is given again without asking the
	// server again, because servers lock out clients that insist; three minutes
	// when zero, negative for not at all. Another signing key ends it.
	RefusalHold time.Duration
	// Issued, when set, is told of every token that the server issues, before
	// anybody gets it. Its error is that of Token, and the token is dropped. It
	// gets the values of the context of the call that asked for the token.
	Issued func(context.Context, Issue) error
	// LoopbackHTTP permits plain http to a loopback address.
	LoopbackHTTP bool
}

// normal gives the configuration with its defaults, or says what is wrong.
func (c Config) normal() (Config, error) {
	c.AssertionLifetime = cmp.Or(c.AssertionLifetime, defaultLifetime)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.RefusalHold = cmp.Or(c.RefusalHold, defaultRefusalHold)
	c.DiscoveryAge = cmp.Or(c.DiscoveryAge, defaultDiscoveryAge)
	c.Attempts = cmp.Or(c.Attempts, 1)
	if c.Key != nil && c.Keys != nil {
		return c, errors.New("token source: there is a key beside the key source")
	}
	if c.Keys == nil {
		c.Keys = Keys{c.Key}
	}
	for _, check := range []func() error{c.checkClient, c.checkServer, c.checkTimes, c.checkTransport} {
		if err := check(); err != nil {
			return c, fmt.Errorf("token source: %w", err)
		}
	}
	var err error
	if c.Spell == nil {
		if c.Scopes, err = checkScopes(c.Scopes, c.OtherScopes); err != nil {
			return c, fmt.Errorf("token source: %w", err)
		}
	}
	return c, nil
}

func (c *Config) checkClient() error {
	if fixed, ok := c.Keys.(Keys); ok {
		if err := fixed.check(); err != nil {
			return err
		}
	}
	switch {
	case c.ClientID == "":
		return errors.New("the client id is missing")
	case c.DirectKeySet && c.JWKSURL != "":
		return errors.New("a jku is configured, but the key set was registered without a URL")
	case c.Spell != nil && len(c.Scopes) > 0:
		return errors.New("there are scopes beside Spell")
	}
	return nil
}

func (c *Config) checkServer() error {
	if c.TokenURL == "" && c.FHIRBase == "" {
		return errors.New("there is neither a token endpoint nor a FHIR base")
	}
	if c.TokenURL == "" {
		return nil // Discover checks the base
	}
	if _, err := parseEndpoint(c.TokenURL, c.LoopbackHTTP); err != nil {
		return fmt.Errorf("token endpoint: %w", err)
	}
	return nil
}

func (c *Config) checkTimes() error {
	switch {
	case c.AssertionLifetime < time.Second || c.AssertionLifetime > maxAssertionLifetime:
		return errors.New("the assertion lifetime is not within 1 s and 5 min")
	case c.Timeout < 0 || c.DiscoveryAge < 0:
		return errors.New("a time is negative")
	case c.Attempts < 1 || c.Attempts > maxAttempts:
		return fmt.Errorf("the attempts are not within 1 and %d", maxAttempts)
	}
	return nil
}

// checkTransport refuses what would let a server pass with an old TLS.
func (c *Config) checkTransport() error {
	if c.HTTPClient == nil {
		return nil
	}
	t, ok := c.HTTPClient.Transport.(*http.Transport)
	if ok && t.TLSClientConfig != nil && t.TLSClientConfig.MinVersion != 0 && t.TLSClientConfig.MinVersion < tls.VersionTLS12 {
		return errors.New("the transport permits TLS older than 1.2")
	}
	return nil
}
