package config

import (
	"fmt"

	"github.com/goccy/go-yaml"
)

// MarshalText writes a duration as it can be read back.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.Std().String()), nil }

// YAML writes the profile as a file of a folder of profiles, so that a built-in
// one can be the start of a user's own.
func (p *Profile) YAML() ([]byte, error) {
	text, err := yaml.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write profile %s: %w", p.Name, err)
	}
	return text, nil
}
