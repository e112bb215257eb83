package bulkdata

import (
	"cmp"
	"math"
	"math/rand/v2"
	"time"
)

// A Pace says how long a caller that polls waits between two status requests.
// It keeps no state and never waits itself. The zero value has the defaults.
type Pace struct {
	// First is the wait after the first answer that does not say how long.
	// Default 10 seconds.
	First time.Duration
	// Longest bounds the waits that the pace makes up by itself; it never
	// shortens what a server asked for. Default 5 minutes.
	Longest time.Duration
	// Least is the shortest wait, also where the server says "now". Default
	// 1 second.
	Least time.Duration
	// Factor is by how much one made-up wait is longer than the one before.
	// Default 2.
	Factor float64
	// Jitter is the largest part of a made-up wait that is added at random, so
	// that many clients do not ask at once. Default 0.1; negative means none.
	Jitter float64
}

// Wait gives the time from one answer to the next request. asked is how many
// answers said nothing usable about the wait before this one, tooOften how many
// were 429 so far: each doubles the first wait. told is this answer's own word,
// which counts as it is.
func (p Pace) Wait(asked, tooOften int, told RetryAfter) time.Duration {
	least := cmp.Or(p.Least, time.Second)
	if told.Given {
		return max(told.Wait, least)
	}
	longest := cmp.Or(p.Longest, 5*time.Minute)
	wait := float64(cmp.Or(p.First, 10*time.Second)) *
		math.Pow(cmp.Or(p.Factor, 2), float64(asked)) * math.Pow(2, float64(tooOften))
	wait = min(wait, float64(longest))
	if jitter := cmp.Or(p.Jitter, 0.1); jitter > 0 {
		wait += wait * jitter * rand.Float64()
	}
	return max(time.Duration(wait), least)
}
