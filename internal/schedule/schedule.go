// Package schedule says when a tenant's next export is due. It keeps no time
// of its own: schedules live in the ledger, and engine looks at them.
package schedule

import (
	"fmt"
	"time"

	"github.com/netresearch/go-cron"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// Next gives the first time after after at which spec, five cron fields or a
// descriptor such as @daily, is due in the zone. A local time that a change of
// clocks skips is due when the clocks have moved on.
func Next(spec string, zone *time.Location, after time.Time) (time.Time, error) {
	s, err := cron.ParseStandard(spec)
	if err != nil {
		return time.Time{}, fmt.Errorf("read schedule %q: %w", spec, err)
	}
	next := s.Next(after.In(zone))
	if next.IsZero() {
		return next, fmt.Errorf("read schedule %q: it is never due", spec)
	}
	return next, nil
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
