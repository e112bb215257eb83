package smart

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// claims are exactly those of the standard: iat and nbf would only give clocks
// something to disagree about.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`
}

// assertion signs a new one, and gives its jti. It is used for one request only.
func (s *TokenSource) assertion(audience string, key *Key, now time.Time) (signed, id string, err error) {
	id = rand.Text() // 130 random bits
	payload, err := json.Marshal(claims{
		Issuer: s.cfg.ClientID, Subject: s.cfg.ClientID, Audience: audience,
		Expires: now.Add(s.cfg.AssertionLifetime).Unix(),
		ID:      id,
	})
	if err != nil {
		return "", "", fmt.Errorf("%w: client id or token URL is not valid UTF-8", errSigning)
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if s.cfg.JWKSURL != "" {
		options = options.WithHeader("jku", s.cfg.JWKSURL)
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(key.algorithm),
		Key:       jose.JSONWebKey{Key: key.private, KeyID: key.id},
	}, options)
	if err != nil {
		return "", "", errSigning
	}
	object, err := signer.Sign(payload)
	if err != nil {
		return "", "", errSigning
	}
	signed, err = object.CompactSerialize()
	return signed, id, err
}
