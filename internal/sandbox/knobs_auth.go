package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// TokenKnobs is how a token endpoint behaves.
type TokenKnobs struct {
	Algorithms  []string      `yaml:"algorithms"` // accepted signature algorithms
	Advertise   bool          `yaml:"advertise"`  // discovery lists the algorithms
	BadScope    string        `yaml:"badScope"`   // OAuth error code when a scope is not offered to the client
	Life        time.Duration `yaml:"life"`
	JWKSRefresh time.Duration `yaml:"jwksRefresh"` // a fetched JWK Set is used this long
	Faults      []Fault       `yaml:"faults"`
}

func (k TokenKnobs) clone() TokenKnobs {
	k.Algorithms = slices.Clone(k.Algorithms)
	k.Faults = slices.Clone(k.Faults)
	return k
}

func (k TokenKnobs) check() error {
	for _, alg := range k.Algorithms {
		if alg != "RS384" && alg != "ES384" {
			return fmt.Errorf("unknown algorithm %q", alg)
		}
	}
	if min(k.Life, k.JWKSRefresh) < 0 {
		return errors.New("a duration of the token endpoint is negative")
	}
	return checkFaults(k.Faults)
}
