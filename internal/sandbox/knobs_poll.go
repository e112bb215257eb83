package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// PollKnobs is how a practice's server runs an export and answers its status
// URL.
type PollKnobs struct {
	Takes      time.Duration `yaml:"takes"`      // how long an export runs
	Progress   []int         `yaml:"progress"`   // percentages shown one after the other while it runs
	RetryAfter time.Duration `yaml:"retryAfter"` // with 202; less than half a scaled second shows as 0
	NoRetry    bool          `yaml:"noRetry"`    // no Retry-After with 202
	Stuck      bool          `yaml:"stuck"`      // exports never finish
	Gone       Gone          `yaml:"gone"`       // how a cancelled export answers
	Expiry     time.Duration `yaml:"expiry"`     // a finished export is forgotten after this; 0 means never
	LowerCase  bool          `yaml:"lowerCase"`  // content-location, retry-after and x-progress in lower case on the wire
}

// Gone is how the status URL of a cancelled export answers.
type Gone string

// The answers for a cancelled export.
const (
	Gone404       Gone = ""
	Gone410       Gone = "410"
	GoneCancelled Gone = "202" // 202 with X-Progress: CANCELLED, for ever
)

func (k PollKnobs) clone() PollKnobs {
	k.Progress = slices.Clone(k.Progress)
	return k
}

func (k PollKnobs) check() error {
	switch {
	case !slices.Contains([]Gone{Gone404, Gone410, GoneCancelled}, k.Gone):
		return fmt.Errorf("unknown answer for a cancelled export %q", k.Gone)
	case min(k.Takes, k.RetryAfter, k.Expiry) < 0:
		return errors.New("a duration of an export is negative")
	}
	return nil
}
