package schedule

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

func TestNextKeepsLocalTimeOverTheChangeOfClocks(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	after := time.Date(2026, 3, 7, 12, 0, 0, 0, zone)
	want := []string{"2026-03-08T03:30:00-04:00", "2026-03-09T02:30:00-04:00"}
	for _, w := range want {
		next, err := Next("30 2 * * *", zone, after)
		if err != nil || next.Format(time.RFC3339) != w {
			t.Fatalf("Next = %s, %v, want %s: no day may be skipped", next.Format(time.RFC3339), err, w)
		}
		after = next
	}
}

func TestAScheduleThatCannotBeReadIsAnError(t *testing.T) {
	for _, spec := range []string{"", "soon", "61 * * * *", "0 0 31 2 *"} {
		if next, err := Next(spec, time.UTC, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
			t.Errorf("Next(%q) = %s, want an error", spec, next)
		}
	}
}

func TestFullDueByDurationAndByCalendar(t *testing.T) {
	last := time.Date(2026, 1, 10, 4, 0, 0, 0, time.UTC)
	monthly, weekly := config.Cadence{Cron: "0 3 1 * *"}, config.Cadence{Every: 7 * 24 * time.Hour}
	cases := []struct {
		name string
		c    config.Cadence
		now  time.Time
		want bool
	}{
		{"never", config.Cadence{}, last.AddDate(9, 0, 0), false},
		{"a week, early", weekly, last.AddDate(0, 0, 6), false},
		{"a week", weekly, last.AddDate(0, 0, 7), true},
		{"monthly, same month", monthly, last.AddDate(0, 0, 20), false},
		{"monthly, next month", monthly, time.Date(2026, 2, 1, 3, 0, 0, 0, time.UTC), true},
	}
	for _, c := range cases {
		if got := FullDue(c.c, time.UTC, last, c.now); got != c.want {
			t.Errorf("%s: FullDue = %v, want %v", c.name, got, c.want)
		}
	}
}
