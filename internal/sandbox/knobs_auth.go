package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// TokenKnobs is how a token endpoint behaves.
type TokenKnobs struct {
	Algorithms  []string      `yaml:"algorithms" quirk:"A4" values:"list of RS384, ES384" does:"accepted signature algorithms"`
	Advertise   bool          `yaml:"advertise" does:"discovery lists the algorithms"`
	BadScope    string        `yaml:"badScope" does:"OAuth error code when a scope is not offered to the client"`
	Life        time.Duration `yaml:"life" quirk:"P11" does:"how long a token works; five seconds at least"`
	JWKSRefresh time.Duration `yaml:"jwksRefresh" does:"how long a fetched JWK Set is used"`

	ExpiresIn   string        `yaml:"expiresIn" quirk:"A1" values:"string|missing|text" does:"writes expires_in as a string, leaves it out, or writes this text instead"`
	Limit       int           `yaml:"limit" quirk:"A2" does:"token requests that limitWindow takes; the rest is answered 429 with Retry-After"`
	LimitWindow time.Duration `yaml:"limitWindow" quirk:"A2" does:"the window of limit; a minute when not set"`
	Narrow      []string      `yaml:"narrow" quirk:"A3" values:"list of types" does:"grants nothing of these types, whatever is asked"`
	JWKS        JWKSTrouble   `yaml:"jwks" quirk:"A4" values:"unreachable|unknownKid" does:"the client's keys cannot be fetched, or the key id is not among them"`
	JWKSURLOnly bool          `yaml:"jwksURLOnly" quirk:"A5" does:"refuses clients that registered a key instead of a JWKS URL"`
	Propagation time.Duration `yaml:"propagationDelay" quirk:"A6" does:"how long after the start no client is known yet"`
	Skew        time.Duration `yaml:"skew" quirk:"A7" does:"how far the server's clock is ahead of ours; behind when negative"`
	Replay      int           `yaml:"replay" quirk:"A7" does:"the first N requests are answered 503 after the assertion was used up"`

	Faults []Fault `yaml:"faults" does:"faults of the token endpoint"`
}

// JWKSTrouble is what is wrong with a client's keys in the server's eyes.
type JWKSTrouble string

// The troubles with keys. Both are answered 401 invalid_client.
const (
	JWKSFine        JWKSTrouble = ""
	JWKSUnreachable JWKSTrouble = "unreachable" // the JWKS URL cannot be reached
	JWKSUnknownKID  JWKSTrouble = "unknownKid"  // no key there has the assertion's kid
)

func (k TokenKnobs) clone() TokenKnobs {
	k.Algorithms = slices.Clone(k.Algorithms)
	k.Narrow = slices.Clone(k.Narrow)
	k.Faults = slices.Clone(k.Faults)
	return k
}

func (k TokenKnobs) check() error {
	for _, alg := range k.Algorithms {
		if alg != "RS384" && alg != "ES384" {
			return fmt.Errorf("unknown algorithm %q", alg)
		}
	}
	switch {
	case min(k.Life, k.JWKSRefresh, k.LimitWindow, k.Propagation) < 0 || min(k.Limit, k.Replay) < 0:
		return errors.New("a duration or a number of the token endpoint is negative")
	case !slices.Contains([]JWKSTrouble{JWKSFine, JWKSUnreachable, JWKSUnknownKID}, k.JWKS):
		return fmt.Errorf("unknown trouble with the JWK Set %q", k.JWKS)
	}
	return checkFaults(k.Faults)
}
