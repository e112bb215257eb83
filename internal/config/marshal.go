package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// MarshalText writes a duration as it can be read back, in days where it is
// whole ones.
func (d Duration) MarshalText() ([]byte, error) {
	const day = 24 * time.Hour
	if days := d.Std() / day; days > 0 && d.Std() == days*day && days < 1<<12 {
		return fmt.Appendf(nil, "%dd", days), nil
	}
	text, whole := strings.CutSuffix(d.Std().String(), "m0s")
	if whole {
		text += "m"
	}
	if hours, whole := strings.CutSuffix(text, "h0m"); whole {
		text = hours + "h"
	}
	return []byte(text), nil
}

// MarshalText writes a cadence as it can be read back.
func (c Cadence) MarshalText() ([]byte, error) {
	if c.Every > 0 {
		return Duration(c.Every).MarshalText()
	}
	return []byte(c.Cron), nil
}

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
