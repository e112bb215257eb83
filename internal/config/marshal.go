package config

import (
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// MarshalText writes a duration as it can be read back.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.Std().String()), nil }

// MarshalText writes a moment as it can be read back.
func (m Moment) MarshalText() ([]byte, error) { return []byte(fhir.FormatInstant(m.Time)), nil }

// YAML writes the whole profile as a file of a folder of profiles that extends
// none, so that a built-in one can be the start of a user's own.
func (p *Profile) YAML() ([]byte, error) {
	whole := *p
	whole.Extends = ""
	text, err := yaml.MarshalWithOptions(&whole, yaml.OmitZero())
	if err != nil {
		return nil, fmt.Errorf("write profile %s: %w", p.Name, err)
	}
	return text, nil
}
