package schedule

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// zonesTried have changes of an hour, of half an hour, at midnight, of a whole
// day, in the other half of the year, and none.
var zonesTried = []string{
	"America/New_York", "America/Los_Angeles", "Europe/London", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "Asia/Kolkata", "UTC",
}

func zoneNamed(t interface{ Fatal(...any) }, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func aWindow(t *rapid.T) config.Window {
	w := config.Window{
		Days: uint8(rapid.IntRange(1, 127).Draw(t, "days")), From: rapid.IntRange(0, 1439).Draw(t, "from"), To: rapid.IntRange(0, 1440).Draw(t, "to"),
	}
	if w.From == w.To {
		w.To++
	}
	return w
}

// aMoment is near a change of clocks of the zone as often as not.
func aMoment(t *rapid.T, zone *time.Location) time.Time {
	at := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 20*365*24*3600).Draw(t, "second")) * time.Second)
	if _, change := at.In(zone).ZoneBounds(); rapid.Bool().Draw(t, "near a change") && !change.IsZero() {
		at = change.Add(time.Duration(rapid.Int64Range(-30*3600, 30*3600).Draw(t, "seconds from it")) * time.Second)
	}
	return at
}

func TestTheEndOfAWindowIsTheFirstMomentOutsideIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := zoneNamed(t, rapid.SampledFrom(zonesTried).Draw(t, "zone"))
		p := Place{Windows: []config.Window{aWindow(t)}, Zone: zone}
		if rapid.Bool().Draw(t, "two") {
			p.Windows = append(p.Windows, aWindow(t))
		}
		from := aMoment(t, zone)
		clear := p.Clear(from)
		if _, in := p.Holds(from); !in {
			if !clear.Equal(from) {
				t.Fatalf("outside of %v at %s, and put off to %s", p.Windows, from.In(zone), clear.In(zone))
			}
			return
		}
		if clear.Sub(from) > 20*24*time.Hour {
			return // the windows leave no time
		}
		if _, in := p.Holds(clear); in || !clear.After(from) {
			t.Fatalf("%v: from %s to %s, which is in it still", p.Windows, from.In(zone), clear.In(zone))
		}
		for at := from; at.Before(clear); at = at.Add(min(7*time.Minute, max(clear.Sub(at)/2, time.Second))) {
			if _, in := p.Holds(at); !in {
				t.Fatalf("%v: %s is outside, before %s", p.Windows, at.In(zone), clear.In(zone))
			}
		}
	})
}

func TestAWindowIsWhatTheClockOnTheWallShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := zoneNamed(t, rapid.SampledFrom(zonesTried).Draw(t, "zone"))
		w, at := aWindow(t), aMoment(t, zone)
		local := at.In(zone)
		clock, day := local.Format("15:04"), local.Weekday()
		begin, until := clockOf(w.From), clockOf(w.To)
		var want bool
		if begin < until {
			want = w.Days>>day&1 == 1 && begin <= clock && clock < until
		} else {
			yesterday := (day + 6) % 7
			want = w.Days>>day&1 == 1 && clock >= begin || w.Days>>yesterday&1 == 1 && clock < until
		}
		if got := In(w, zone, at); got != want {
			t.Fatalf("%s at %s: %v, want %v", w, local, got, want)
		}
	})
}

func clockOf(minute int) string {
	if minute == 1440 {
		return "24:00"
	}
	return time.Date(2000, 1, 1, minute/60, minute%60, 0, 0, time.UTC).Format("15:04")
}

func TestWindowsOverAChangeOfClocks(t *testing.T) {
	for _, c := range []struct{ name, window, zone, at, clear string }{
		{"the skipped hour is in none", "02:00-03:00", "America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z"},
		{"a window into it is shorter", "01:30-02:30", "America/New_York", "2026-03-08T06:30:00Z", "2026-03-08T07:00:00Z"},
		{"a window over it is shorter", "00:00-06:00", "America/New_York", "2026-03-08T05:00:00Z", "2026-03-08T10:00:00Z"},
		{"a window over the hour that comes twice is longer", "00:00-06:00", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-01T11:00:00Z"},
		{"one within it is there twice", "01:15-01:45", "America/New_York", "2026-11-01T05:20:00Z", "2026-11-01T05:45:00Z"},
		{"and again", "01:15-01:45", "America/New_York", "2026-11-01T06:20:00Z", "2026-11-01T06:45:00Z"},
		{"over midnight, from Friday", "fri 22:00-04:00", "America/New_York", "2026-01-31T08:00:00Z", "2026-01-31T09:00:00Z"},
		{"over midnight, of another day", "fri 22:00-04:00", "America/New_York", "2026-01-30T08:00:00Z", "2026-01-30T08:00:00Z"},
		{"once", "2026-01-31T22:00:00Z/2026-02-01T04:00:00Z", "America/New_York", "2026-02-01T00:00:00Z", "2026-02-01T04:00:00Z"},
		{"its own zone", "02:00-06:00 Europe/London", "America/New_York", "2026-07-01T01:30:00Z", "2026-07-01T05:00:00Z"},
	} {
		var w config.Window
		if err := w.UnmarshalText([]byte(c.window)); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		p := Place{Windows: []config.Window{w}, Zone: zoneNamed(t, c.zone)}
		if got := p.Clear(at).UTC().Format(time.RFC3339); got != c.clear {
			t.Errorf("%s: %s at %s is over at %s, want %s", c.name, c.window, c.at, got, c.clear)
		}
	}
}
