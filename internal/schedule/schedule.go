// Package schedule says when a tenant's next export is due. It keeps no time
// of its own: schedules live in the ledger, and engine looks at them.
package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// Next gives the first time after after at which spec, five cron fields or a
// descriptor such as @daily, is due in the zone. A local time that a change of
// clocks skips is due when the clocks have moved on; one that comes twice is due
// the first time only, unless spec is for every hour.
func Next(spec string, zone *time.Location, after time.Time) (time.Time, error) {
	s, err := cron.ParseStandard(spec)
	if err != nil {
		return time.Time{}, fmt.Errorf("read schedule %q: %w", spec, err)
	}
	var next time.Time
	if everyHour(spec) {
		next = s.Next(after.In(zone))
	} else {
		next = onTheWall(s, zone, after)
	}
	if next.IsZero() {
		return next, fmt.Errorf("read schedule %q: it is never due", spec)
	}
	return next, nil
}

// longestLeap is more than a change of clocks skips.
const longestLeap = 3 * time.Hour

// onTheWall gives the first time after after that a schedule means by what the
// clock on the wall shows: the schedule is asked as if clocks never changed.
func onTheWall(s cron.Schedule, zone *time.Location, after time.Time) time.Time {
	shown := after.In(zone)
	_, offset := shown.Zone()
	for wall := after.UTC().Add(time.Duration(offset)*time.Second - longestLeap); ; {
		if wall = s.Next(wall); wall.IsZero() {
			return wall
		}
		if due := shows(wall, zone); due.After(after) {
			return due
		}
	}
}

// shows gives the first moment at which the clock of a zone shows what the
// clock of UTC shows at wall; where it never does, because it is set forward
// over that, as much later as it is set forward.
func shows(wall time.Time, zone *time.Location) time.Time {
	_, before := wall.AddDate(0, 0, -1).In(zone).Zone()
	_, later := wall.AddDate(0, 0, 1).In(zone).Zone()
	for _, offset := range []int{max(before, later), min(before, later)} {
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, is := at.Zone(); is == offset {
			return at
		}
	}
	return wall.Add(-time.Duration(before) * time.Second).In(zone)
}

// everyHour reports whether a schedule is by the hour, not by the clock.
func everyHour(spec string) bool {
	fields := strings.Fields(spec)
	return len(fields) > 0 && (fields[0] == "@hourly" || fields[0] == "@every") || len(fields) > 1 && strings.HasPrefix(fields[1], "*")
}

// FullDue reports whether the cadence asks for a full export now, when the
// last one that completed was requested at last. A cadence that is not given
// never asks. A duration may be a little short, at most by two hours, so that
// one of days comes due at the same hour of the day.
func FullDue(c config.Cadence, zone *time.Location, last, now time.Time) bool {
	switch {
	case c.Every > 0:
		return !now.Before(last.Add(c.Every - min(slack, c.Every/10)))
	case c.Cron != "":
		next, err := Next(c.Cron, zone, last)
		return err == nil && !now.Before(next)
	}
	return false
}
