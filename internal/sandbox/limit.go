package sandbox

import (
	"sync"
	"time"
)

// limit counts requests in fixed windows of the wall clock, as eClinicalWorks
// does: whoever has used up a window waits for the next one to begin.
type limit struct {
	mu     sync.Mutex
	window time.Time
	used   int
}

// take counts a request at now and reports whether it is within n per window
// of length d. An n of 0 is no limit.
func (l *limit) take(now time.Time, d time.Duration, n int) bool {
	if n <= 0 || d <= 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := now.Truncate(d); !w.Equal(l.window) {
		l.window, l.used = w, 0
	}
	l.used++
	return l.used <= n
}
