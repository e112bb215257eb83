package smart

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A server is what is known of the authorization server: by configuration, or
// by a SMART configuration.
type server struct {
	tokenURL   string
	endpoint   *url.URL
	algorithms []string // that it takes; nil for any
	scopes     []string // in the syntax that it takes
	believed   time.Time
}

// An UnsupportedError says that the server's own SMART configuration rules out
// what is asked of it.
type UnsupportedError struct {
	// Member is the list that says so.
	Member string
	// Listed is what it holds.
	Listed []string
	// Wanted is what it would have to hold.
	Wanted string
}

// Error names the list, what is not in it, and of what is in it the names that
// are registered for that.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("the server's SMART configuration says in %s that it does not take %s (it lists %s)", e.Member, e.Wanted, registered(e.Listed))
}

// registeredNames are what the lists of a configuration usually hold.
// https://www.iana.org/assignments/oauth-parameters/oauth-parameters.xhtml
var registeredNames = []string{
	"none", "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth",
	"client-confidential-symmetric", "client-confidential-asymmetric", "authorization_code", "client_credentials", "refresh_token", "implicit", "password",
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA",
}

// registered lists the registered names among some, and counts the others,
// which are words of the server's own.
func registered(names []string) string {
	var shown []string
	for _, name := range names {
		if slices.Contains(registeredNames, name) && len(shown) < 10 {
			shown = append(shown, name)
		}
	}
	if others := len(names) - len(shown); others > 0 {
		shown = append(shown, fmt.Sprintf("%d other", others))
	}
	if len(shown) == 0 {
		return "nothing"
	}
	return strings.Join(shown, " ")
}

// configured is the server as the configuration has it.
func (c *Config) configured() (*server, error) {
	return c.complete(&server{tokenURL: c.TokenURL, algorithms: c.algorithms(nil)}, c.Style)
}

// complete checks the endpoint and spells the scopes.
func (c *Config) complete(s *server, style Style) (*server, error) {
	var err error
	if s.endpoint, err = parseEndpoint(s.tokenURL, c.LoopbackHTTP); err != nil {
		return nil, fmt.Errorf("token endpoint: %w", err)
	}
	s.scopes = c.Scopes
	if c.Spell != nil {
		if style == "" {
			style = ScopesV1
		}
		s.scopes, err = checkScopes(c.Spell(style), c.OtherScopes)
	}
	return s, err
}

// algorithms gives those that are both agreed and advertised; nil for any. Where
// the document leaves none and is not to be believed, it is what was agreed.
func (c *Config) algorithms(advertised []string) []string {
	if c.Algorithms == nil {
		if c.IgnoreLists && !slices.Contains(advertised, string(RS384)) && !slices.Contains(advertised, string(ES384)) {
			return nil
		}
		return advertised
	}
	agreed, both := []string{}, []string{}
	for _, alg := range c.Algorithms {
		agreed = append(agreed, string(alg))
		if slices.Contains(advertised, string(alg)) {
			both = append(both, string(alg))
		}
	}
	if advertised == nil || len(both) == 0 && c.IgnoreLists {
		return agreed
	}
	return both
}

// find gives what is known of the server, and reads its SMART configuration
// when that is too old, or when it must be new. fresh says that it was just
// read. It runs in one flight at a time.
func (s *TokenSource) find(ctx context.Context, again bool) (known *server, fresh bool, err error) {
	s.mu.Lock()
	known = s.server
	s.mu.Unlock()
	if known != nil && !again && (known.believed.IsZero() || isBefore(time.Now(), known.believed)) {
		return known, false, nil
	}
	found, err := Discover(ctx, s.lend(), s.cfg.FHIRBase)
	_, d := tokenAndDiscovery(err)
	switch {
	case err == nil:
		known, err = s.cfg.discovered(found)
	case s.cfg.TokenURL != "" && d != nil && !d.Temporary():
		// What is configured needs no document.
		if known, err = s.cfg.configured(); err == nil {
			known.believed = time.Now().Add(s.cfg.DiscoveryAge)
		}
	}
	if err != nil {
		return nil, false, err
	}
	s.mu.Lock()
	s.server = known
	s.mu.Unlock()
	return known, true, nil
}

// lend gives discovery the transport of the token requests.
func (s *TokenSource) lend() *http.Client {
	own := &http.Client{Transport: s.transport}
	if s.cfg.HTTPClient != nil {
		own.Jar = s.cfg.HTTPClient.Jar
	}
	return own
}

// discovered is the server as its document has it; what is configured wins.
func (c *Config) discovered(found *Configuration) (*server, error) {
	s := &server{tokenURL: c.TokenURL, algorithms: c.algorithms(found.SigningAlgorithms), believed: time.Now().Add(c.DiscoveryAge)}
	if s.tokenURL == "" {
		s.tokenURL = found.TokenEndpoint
	}
	if member := found.Refuses(); member != "" && !c.IgnoreLists {
		return nil, &UnsupportedError{Member: member, Listed: found.AuthMethods, Wanted: methodPrivateKeyJWT}
	}
	style := c.Style
	if style == "" {
		style = found.ScopeStyle()
	}
	return c.complete(s, style)
}
