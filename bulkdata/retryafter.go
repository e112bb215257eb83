package bulkdata

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestRetryAfter is the longest wait that is believed; servers have sent
// epoch seconds where a number of seconds belongs.
const longestRetryAfter = 24 * time.Hour

// A RetryAfter is what a server said about the next attempt.
type RetryAfter struct {
	// Given says that the server gave a usable value. When it is false the
	// other times are zero and the caller's own backoff holds.
	Given bool
	// Wait is the time to wait from the moment the answer came; never negative.
	Wait time.Duration
	// At is that moment plus Wait, by the local clock.
	At time.Time
	// Unusable says that a value was there and was not believed: not a number
	// and not a date, negative, or more than a day away.
	Unusable bool
}

// ParseRetryAfter reads a Retry-After header as delay seconds or HTTP date.
// received is the local time of the answer. A date is measured against the
// server's own Date header where there is one, so that a wrong clock on either
// side does no harm.
func ParseRetryAfter(h http.Header, received time.Time) RetryAfter {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return RetryAfter{}
	}
	wait, ok := parseWait(text, serverTime(h, received))
	if !ok || wait > longestRetryAfter {
		return RetryAfter{Unusable: true}
	}
	return RetryAfter{Given: true, Wait: wait, At: received.Add(wait)}
}

func parseWait(text string, now time.Time) (time.Duration, bool) {
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now)), true
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, false
	}
	return time.Duration(seconds) * time.Second, true
}

// serverTime is the answer's Date, or fallback where there is none.
func serverTime(h http.Header, fallback time.Time) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return fallback
}
