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

func TestALocalTimeThatComesTwiceIsDueOnce(t *testing.T) {
	for name, c := range map[string]struct {
		spec, zone string
		want       []string
	}{
		"New York, autumn": {"30 1 * * *", "America/New_York", []string{"2026-10-31T01:30:00-04:00", "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"}},
		"New York, two of the night": {"0 1,3 * * *", "America/New_York", []string{
			"2026-10-31T01:00:00-04:00", "2026-10-31T03:00:00-04:00", "2026-11-01T01:00:00-04:00", "2026-11-01T03:00:00-05:00",
		}},
		"New York, every hour":           {"0 * 1 11 *", "America/New_York", []string{"2026-11-01T00:00:00-04:00", "2026-11-01T01:00:00-04:00", "2026-11-01T01:00:00-05:00"}},
		"Berlin, autumn":                 {"30 2 * * *", "Europe/Berlin", []string{"2026-10-31T02:30:00+01:00"}},
		"Lord Howe, half an hour":        {"45 1 * * *", "Australia/Lord_Howe", []string{"2026-10-31T01:45:00+11:00"}},
		"Santiago, midnight is skipped":  {"0 0 * * *", "America/Santiago", []string{"2026-10-31T00:00:00-03:00"}},
		"UTC, the last day of the month": {"0 2 31 * *", "UTC", []string{"2026-10-31T02:00:00Z", "2026-12-31T02:00:00Z"}},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 10, 30, 12, 0, 0, 0, zone)
		for _, want := range c.want {
			next, err := Next(c.spec, zone, at)
			if err != nil || next.Format(time.RFC3339) != want {
				t.Errorf("%s: due %s, %v, want %s", name, next.Format(time.RFC3339), err, want)
			}
			at = next
		}
	}
}

// Every zone, for two years: a daily schedule is due once on each local day.
func TestADailyScheduleIsDueOnceOnEachLocalDayOfEveryZone(t *testing.T) {
	for _, name := range []string{
		"UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
		"America/Puerto_Rico", "America/St_Johns", "America/Santiago", "America/Havana", "Europe/London", "Europe/Berlin", "Africa/Cairo", "Asia/Beirut",
		"Australia/Lord_Howe", "Australia/Adelaide", "Pacific/Auckland", "Pacific/Apia",
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range []string{"30 0 * * *", "0 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "15 3 * * *", "59 23 * * *"} {
			at := time.Date(2026, 1, 1, 23, 59, 30, 0, zone)
			for day := 1; day <= 730; day++ {
				next, err := Next(spec, zone, at)
				want := time.Date(2026, 1, 1+day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
				if err != nil || next.Format(time.DateOnly) != want {
					t.Fatalf("%s in %s: after %s it is due at %s, %v, want one on %s", spec, name, at.Format(time.RFC3339), next.Format(time.RFC3339), err, want)
				}
				at = next
			}
		}
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
