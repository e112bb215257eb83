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

	// Rate counts the requests of all clients together, in windows of the wall
	// clock. A token costs one request of the practice where it is first used,
	// since the shared token server cannot know which practice it is for.
	Rate       int           `yaml:"rate" does:"requests that a window of the wall clock takes; the rest is answered with a bare 429"`
	RateWindow time.Duration `yaml:"rateWindow" does:"the window of rate"`

	// OwnToken makes discovery name the practice's own token endpoint, which
	// Token describes, instead of the shared one.
	OwnToken bool       `yaml:"ownToken" does:"the practice has a token endpoint of its own"`
	Token    TokenKnobs `yaml:"token"`

	// Faults are tried in order; the first that applies happens.
	Faults []Fault `yaml:"faults" does:"faults; see the actions"`
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

// settle replaces values that mean the same as the default by it.
func (k *Knobs) settle() {
	k.KickoffKnobs.settle()
	k.PollKnobs.settle()
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
