package sandbox

import (
	"errors"
	"slices"
	"time"
)

// Knobs is how one practice's server behaves. A preset (ECW, Standard) is a
// value of it; tests and --faults change what they want otherwise. Durations
// are in the sandbox's time (Config.TimeScale).
type Knobs struct {
	KickoffKnobs  `yaml:",inline"`
	PollKnobs     `yaml:",inline"`
	ManifestKnobs `yaml:",inline"`
	FileKnobs     `yaml:",inline"`
	ContentKnobs  `yaml:",inline"`

	// Rate is how many requests a wall-clock window (RateWindow long) takes
	// from all clients together; the rest is answered with a bare 429. 0 means
	// no limit. A token costs one request of the practice where it is first
	// used, since the shared token server cannot know which practice it is for.
	Rate       int           `yaml:"rate"`
	RateWindow time.Duration `yaml:"rateWindow"`

	// Token is how the practice's own token endpoint behaves. OwnToken makes
	// discovery name it instead of the shared one.
	Token    TokenKnobs `yaml:"token"`
	OwnToken bool       `yaml:"ownToken"`

	// Faults are tried in order; the first that applies happens.
	Faults []Fault `yaml:"faults"`
}

// clone returns a copy that shares nothing with k.
func (k Knobs) clone() Knobs {
	k.KickoffKnobs = k.KickoffKnobs.clone()
	k.PollKnobs = k.PollKnobs.clone()
	k.ManifestKnobs = k.ManifestKnobs.clone()
	k.FileKnobs = k.FileKnobs.clone()
	k.ContentKnobs = k.ContentKnobs.clone()
	k.Token = k.Token.clone()
	k.Faults = slices.Clone(k.Faults)
	return k
}

// check refuses knobs that mean nothing, so that a slip in a file of knobs is
// not taken for the default.
func (k Knobs) check() error {
	if min(int64(k.Rate), int64(k.RateWindow)) < 0 {
		return errors.New("rate or rateWindow is negative")
	}
	for _, check := range []func() error{
		k.KickoffKnobs.check, k.PollKnobs.check, k.ManifestKnobs.check, k.FileKnobs.check, k.ContentKnobs.check, k.Token.check,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return checkFaults(k.Faults)
}
