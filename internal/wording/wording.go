// Package wording writes moments, sizes and numbers as people read them,
// everywhere alike: on pages, in a terminal, in alerts and in what a problem
// says. It decides nothing and knows no record.
package wording

import (
	"fmt"
	"strconv"
	"time"
)

// Moment writes a time to the minute, in UTC: "2026-01-06 08:00 UTC".
func Moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Size writes a number of bytes in decimal units: "12 B", "3.4 kB", "1.20 GB".
func Size(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}

// Count writes a whole number with a comma between thousands: 1,234,567.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
