package smart

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfterIsBelievedWithinADay(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "0": 0, "-5": 0, "abc": 0, "1767323045": 0, "86400": 24 * time.Hour, "86401": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": 90 * time.Second, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		h := http.Header{"Retry-After": {value}, "Date": {"Fri, 02 Jan 2026 03:03:35 GMT"}}
		if got := retryAfter(h, now); got != want {
			t.Errorf("Retry-After %q = %v, want %v", value, got, want)
		}
	}
}
