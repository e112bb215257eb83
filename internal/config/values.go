package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/netresearch/go-cron"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// A Duration is written for people: "90s", "36h", "30d", "2w" or "1d12h".
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes d as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// UnmarshalText reads a duration. Days have 24 hours and weeks have 7 days; a
// negative duration is refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := parseDuration(string(text))
	*d = Duration(v)
	return err
}

var errDuration = errors.New("must be a duration such as 90s, 36h or 30d")

func parseDuration(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	var total time.Duration
	rest := s
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * day}, {"d", day}} {
		number, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 12)
		if err != nil {
			return 0, errDuration
		}
		total += time.Duration(n) * unit.length
		rest = after
	}
	if rest == "" && rest != s {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || total+d < total {
		return 0, errDuration
	}
	return total + d, nil
}

// A Moment is a point in time, written as a FHIR instant or as a date, which
// means that day's midnight in the tenant's time zone. The zero Moment is
// "not given".
type Moment struct {
	time.Time
	date bool // only a date was given, the zone is not settled yet
}

// UnmarshalText reads an instant or a date.
func (m *Moment) UnmarshalText(text []byte) error {
	if t, err := fhir.ParseInstant(string(text)); err == nil {
		*m = Moment{Time: t}
		return nil
	}
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return errors.New("must be a date such as 2026-01-31, or an instant such as 2026-01-31T08:00:00Z")
	}
	*m = Moment{Time: t, date: true}
	return nil
}

// in settles a date's zone.
func (m *Moment) in(loc *time.Location) {
	if m.date {
		y, mo, d := m.Date()
		*m = Moment{Time: time.Date(y, mo, d, 0, 0, 0, 0, loc)}
	}
}

// A Cadence is how often something is due: after a time, or by the calendar.
// At most one of its fields is set; the zero Cadence is never.
type Cadence struct {
	Every time.Duration
	Cron  string
}

// IsZero reports whether nothing was given.
func (c Cadence) IsZero() bool { return c == Cadence{} }

// UnmarshalText reads a duration or a cron expression.
func (c *Cadence) UnmarshalText(text []byte) error {
	if d, err := parseDuration(string(text)); err == nil && d > 0 {
		*c = Cadence{Every: d}
		return nil
	}
	if err := checkCron(string(text)); err != nil {
		return errors.New("must be a duration such as 30d, or a cron expression such as \"0 3 1 * *\"")
	}
	*c = Cadence{Cron: string(text)}
	return nil
}

func checkCron(spec string) error {
	if strings.Contains(spec, "TZ=") {
		return errors.New("must not name a zone: use time_zone")
	}
	if _, err := cron.ParseStandard(spec); err != nil {
		return fmt.Errorf("must be a cron expression of five fields such as \"30 2 * * *\": %w", err)
	}
	return nil
}
