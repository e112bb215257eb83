package sandbox

import (
	"math"
	"sync"
	"time"
)

// clock is the sandbox's time: how long its durations take in ours, and what
// time it is for the practices.
type clock struct {
	scale   float64
	epoch   time.Time
	started time.Time

	mu       sync.Mutex
	advanced time.Duration
}

func newClock(scale float64, epoch time.Time) *clock {
	if scale == 0 {
		scale = 1
	}
	return &clock{scale: scale, epoch: epoch, started: time.Now()}
}

// real returns how long d of the sandbox's time takes.
func (c *clock) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.scale)
}

// seconds returns how many whole seconds d takes, rounded to the nearest.
func (c *clock) seconds(d time.Duration) int {
	return int(math.Round(c.real(d).Seconds()))
}

// now is the practices' own time, to the millisecond, as it stands in
// transactionTime. It is never later than the real time.
func (c *clock) now() time.Time {
	now := time.Now()
	if c.epoch.IsZero() {
		return now.UTC().Truncate(time.Millisecond)
	}
	c.mu.Lock()
	t := c.epoch.Add(c.advanced)
	c.mu.Unlock()
	t = t.Add(time.Duration(float64(now.Sub(c.started)) * c.scale))
	if t.After(now) {
		t = now
	}
	return t.UTC().Truncate(time.Millisecond)
}

// Advance moves the practices' own time on by d, as far as the real time
// allows. It has an effect only when Config.Epoch is set.
func (s *Server) Advance(d time.Duration) {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.advanced += d
}

// Now is the practices' own time: the transactionTime that an export started
// now would have.
func (s *Server) Now() time.Time { return s.clock.now() }
