package sandbox

import "errors"

// ManifestKnobs is what a finished export's manifest looks like.
type ManifestKnobs struct {
	FilesPer      int  `yaml:"filesPer"`      // resources per output file, about
	Count         bool `yaml:"count"`         // output items carry count
	Deletions     bool `yaml:"deletions"`     // with _since the manifest has a deleted section
	OmitError     bool `yaml:"omitError"`     // no error section
	AmpEscape     bool `yaml:"ampEscape"`     // file URLs carry &amp; for &
	EmptyManifest bool `yaml:"emptyManifest"` // a finished export answers 200 with no body
}

func (k ManifestKnobs) clone() ManifestKnobs { return k }

func (k ManifestKnobs) check() error {
	if k.FilesPer < 0 {
		return errors.New("filesPer is negative")
	}
	return nil
}
