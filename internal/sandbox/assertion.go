package sandbox

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	assertionType    = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxAssertionLife = 300 * time.Second
)

// authenticate checks the assertion and returns the client that signed it.
// https://hl7.org/fhir/smart-app-launch/STU2/client-confidential-asymmetric.html
func (t *tokens) authenticate(q *tokenRequest) (*client, error) {
	algs := make([]jose.SignatureAlgorithm, len(q.k.Algorithms))
	for i, alg := range q.k.Algorithms {
		algs[i] = jose.SignatureAlgorithm(alg)
	}
	jws, err := jose.ParseSignedCompact(q.form.Get("client_assertion"), algs)
	if err != nil {
		return nil, invalidClient("the assertion is no JWT signed with one of %s", strings.Join(q.k.Algorithms, ", "))
	}
	var claimed assertion
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claimed); err != nil {
		return nil, invalidClient("the assertion's claims cannot be read")
	}
	q.client = claimed.Issuer
	c := t.clients[claimed.Issuer]
	switch {
	case c == nil || time.Since(t.s.clock.started) < t.s.clock.real(q.k.Propagation):
		return nil, invalidClient("unknown client")
	case q.k.JWKSURLOnly && c.JWKSURL == "":
		return nil, invalidClient("the client has no JWKS URL")
	case q.k.JWKS == JWKSUnreachable:
		return nil, invalidClient("the client's JWK Set cannot be fetched")
	case q.k.JWKS == JWKSUnknownKID:
		return nil, invalidClient("no key of the client has this kid")
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != "JWT" {
		return nil, invalidClient("the assertion's typ is not JWT")
	}
	if jku, there := header.ExtraHeaders["jku"]; there && jku != c.JWKSURL {
		return nil, invalidClient("jku is not the registered JWKS URL")
	}
	key, err := c.keys.match(q.r.Context(), header.KeyID, header.Algorithm, t.s.clock.real(q.k.JWKSRefresh))
	if err != nil {
		return nil, invalidClient("no key to verify the assertion with: %v", err)
	}
	if _, err := jws.Verify(key); err != nil {
		return nil, invalidClient("the assertion's signature is wrong")
	}
	return c, t.accept(claimed, q)
}

// An assertion is the claims that a client makes.
type assertion struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ID       string `json:"jti"`
	Expires  int64  `json:"exp"`
	NotFirst int64  `json:"nbf"`
	Issued   int64  `json:"iat"`
}

// accept checks the claims of a verified assertion, and takes its jti so that
// it cannot be used again.
func (t *tokens) accept(a assertion, q *tokenRequest) error {
	now := t.now(q)
	expires := time.Unix(a.Expires, 0)
	switch {
	case a.Subject != a.Issuer:
		return invalidClient("sub is not iss")
	case a.Audience != q.url:
		return invalidClient("aud is not the URL of the token endpoint")
	case !expires.After(now):
		return invalidClient("the assertion has expired")
	case expires.Sub(now) > maxAssertionLife:
		return invalidClient("exp is more than %d seconds ahead", int(maxAssertionLife.Seconds()))
	case time.Unix(max(a.NotFirst, a.Issued), 0).After(now):
		return invalidClient("the assertion is not valid yet")
	case a.ID == "":
		return invalidClient("jti is missing")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep(now)
	use := a.Issuer + "\x00" + a.ID
	if _, again := t.used[use]; again {
		t.observe(a.Issuer).Replays++
		return invalidClient("jti was used before")
	}
	t.used[use] = expires
	return nil
}
