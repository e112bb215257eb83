package schedule

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// A moment is in a window when the clock of the window's place shows a time in
// it. So a window keeps its local time over a change of clocks: an hour that is
// skipped is in no window, and one that comes twice is in the window twice.

// In reports whether a moment is in the window; zone is the place of a window
// that names none.
func In(w config.Window, zone *time.Location, t time.Time) bool {
	if !w.Begin.IsZero() {
		return !t.Before(w.Begin) && t.Before(w.End)
	}
	local := t.In(zone)
	minute, today := 60*local.Hour()+local.Minute(), local.Weekday()
	on := func(d time.Weekday) bool { return w.Days>>d&1 == 1 }
	if w.From < w.To {
		return on(today) && w.From <= minute && minute < w.To
	}
	return on(today) && minute >= w.From || on((today+6)%7) && minute < w.To
}

// end gives the first moment after t, which is in the window, at which it may
// be over: when the clock shows its end, or is changed before.
func end(w config.Window, zone *time.Location, t time.Time) time.Time {
	if !w.Begin.IsZero() {
		return w.End
	}
	local := t.In(zone)
	minute := 60*local.Hour() + local.Minute()
	left := (w.To - minute + 24*60) % (24 * 60)
	if left == 0 {
		left = 24 * 60
	}
	over := local.Add(time.Duration(left)*time.Minute - time.Duration(local.Second())*time.Second - time.Duration(local.Nanosecond()))
	if _, changed := local.ZoneBounds(); !changed.IsZero() && changed.Before(over) {
		return changed
	}
	return over
}

// zones are time zones that were loaded, by name. Nil keeps none.
type zones map[string]*time.Location

// of gives a zone, UTC for one that there is not: the configuration has refused
// those.
func (z zones) of(name string) *time.Location {
	if zone, ok := z[name]; ok {
		return zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = time.UTC
	}
	if z != nil {
		z[name] = zone
	}
	return zone
}

// A Place is windows, and the zone of those that name none.
type Place struct {
	Windows []config.Window
	Zone    *time.Location

	zones zones
}

// zoneOf gives the clock of a window.
func (p Place) zoneOf(w config.Window) *time.Location {
	if w.Zone == "" {
		return p.Zone
	}
	return p.zones.of(w.Zone)
}

// Holds gives the first of the windows in which a moment is.
func (p Place) Holds(t time.Time) (w config.Window, ok bool) {
	for _, w := range p.Windows {
		if In(w, p.zoneOf(w), t) {
			return w, true
		}
	}
	return config.Window{}, false
}

// patience bounds how many ends of windows are followed: windows of several
// zones can leave no time between them.
const patience = 100

// Clear gives the first moment from t on that is in none of the windows; where
// they go on and on, one at which to look again.
func (p Place) Clear(t time.Time) time.Time {
	for range patience {
		w, in := p.Holds(t)
		if !in {
			break
		}
		t = end(w, p.zoneOf(w), t)
	}
	return t
}
