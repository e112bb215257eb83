package wording

import (
	"testing"
	"time"
)

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 1_500_000: "1.5 MB", 5_020_000_000: "5.02 GB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestAMomentIsToldToTheMinute(t *testing.T) {
	east := time.FixedZone("east", 3*60*60)
	if got := Moment(time.Date(2026, 1, 6, 11, 0, 59, 0, east)); got != "2026-01-06 08:00 UTC" {
		t.Errorf("Moment = %s", got)
	}
}
