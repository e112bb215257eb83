package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
)

// What becomes of scheduled exports that were missed; see Tenant.CatchUp.
const (
	CatchUpOnce = "once"
	CatchUpNone = "none"
)

// How soon a practice's scheduled exports get a slot; see Tenant.Priority.
const (
	PriorityHigh   = "high"
	PriorityNormal = "normal"
	PriorityLow    = "low"
)

// Scheduling says how the schedules of all practices are kept.
type Scheduling struct {
	// Spread is over how much time the starts of schedules that fall together
	// are spread: each practice begins later than its schedule says, by a part
	// of it that is always the same for this practice. Default: 0, none.
	Spread Duration `yaml:"spread"`
	// CatchUp is once or none: whether an export that was due while bulkhead was
	// down, or the practice paused, is made up for, by one export however many
	// were missed. Default: once.
	CatchUp string `yaml:"catch_up" words:"once none"`
	// CatchUpWithin is how late one may start to make up for one that was
	// missed; after that the next one by the schedule is awaited. Default: 0, as
	// late as need be.
	CatchUpWithin Duration `yaml:"catch_up_within"`
}

// Spread gives over how much time the starts of the tenant's schedule may be
// put off.
func (c *Config) Spread(t *Tenant) time.Duration { return or(t.Spread, c.Scheduling.Spread).Std() }

// CatchUp says whether the tenant's missed exports are made up for, and how
// late; 0 is as late as need be.
func (c *Config) CatchUp(t *Tenant) (ok bool, within time.Duration) {
	return or(t.CatchUp, c.Scheduling.CatchUp) != CatchUpNone, or(t.CatchUpWithin, c.Scheduling.CatchUpWithin).Std()
}

// Maintenance gives the windows in which the tenant's server is not asked for
// anything: those of its registration and of its vendor profile.
func (c *Config) Maintenance(t *Tenant) []Window {
	own := c.Registrations[t.Registration].Maintenance
	vendor := c.Profile(t).Maintenance
	return append(own[:len(own):len(own)], vendor...)
}

// A Window is a time of the week, on the clock of a place, or a time that comes
// once. Its zero value is not a window.
type Window struct {
	// Days are those on which it begins, as bits: 1 << time.Sunday and so on.
	Days uint8
	// From and To are minutes of the day. The window lasts from the one to the
	// other, over midnight where To is not after From.
	From, To int
	// Zone is the IANA zone of the clock; empty: that of whoever has the window.
	Zone string
	// Begin and End are set, and nothing else, for a window that comes once.
	Begin, End time.Time
}

// everyDay are the bits of all days.
const everyDay = 1<<7 - 1

var dayNames = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

var errWindow = errors.New(`must be a window such as "mon-fri 08:00-18:00", "sat,sun 22:00-04:00 America/Chicago", or once "2026-01-31T22:00:00-06:00/2026-02-01T04:00:00-06:00"`)

// UnmarshalText reads a window.
func (w *Window) UnmarshalText(text []byte) error {
	if begin, end, once := strings.Cut(string(text), "/"); once && strings.Contains(begin, "T") {
		return w.once(begin, end)
	}
	words := strings.Fields(string(text))
	v := Window{Days: everyDay}
	if len(words) > 0 && !strings.Contains(words[0], ":") {
		days, ok := parseDays(words[0])
		if !ok {
			return errWindow
		}
		v.Days, words = days, words[1:]
	}
	if len(words) == 0 || len(words) > 2 {
		return errWindow
	}
	from, to, ok := strings.Cut(words[0], "-")
	if !ok {
		return errWindow
	}
	var err, err2 error
	v.From, err = minuteOf(from)
	v.To, err2 = minuteOf(to)
	if err != nil || err2 != nil || v.From == v.To || v.From == 24*60 {
		return errWindow
	}
	if len(words) == 2 {
		v.Zone = words[1]
		if _, err := time.LoadLocation(v.Zone); err != nil || v.Zone == "Local" {
			return fmt.Errorf("names the zone %q: it must be an IANA zone such as America/New_York", v.Zone)
		}
	}
	*w = v
	return nil
}

func (w *Window) once(begin, end string) error {
	from, err := fhir.ParseInstant(begin)
	to, err2 := fhir.ParseInstant(end)
	if err != nil || err2 != nil {
		return errWindow
	}
	if !from.Before(to) {
		return errors.New("must end after it begins")
	}
	*w = Window{Begin: from, End: to}
	return nil
}

// minuteOf reads 08:00 as a minute of the day, and 24:00 as its end.
func minuteOf(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if len(text) != 5 {
		err = errWindow
	}
	return 60*t.Hour() + t.Minute(), err
}

// parseDays reads mon-fri, sat,sun or daily.
func parseDays(text string) (days uint8, ok bool) {
	if text == "daily" {
		return everyDay, true
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := dayOf(first), dayOf(last)
		if from < 0 || to < 0 {
			return 0, false
		}
		for d := from; ; d = (d + 1) % 7 {
			days |= 1 << d
			if d == to {
				break
			}
		}
	}
	return days, true
}

func dayOf(name string) int {
	for i, n := range dayNames {
		if n == strings.ToLower(name) {
			return i
		}
	}
	return -1
}

// MarshalText writes a window as it can be read back.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// String writes a window as it can be read back.
func (w Window) String() string {
	if !w.Begin.IsZero() {
		return fhir.FormatInstant(w.Begin) + "/" + fhir.FormatInstant(w.End)
	}
	text := fmt.Sprintf("%02d:%02d-%02d:%02d", w.From/60, w.From%60, w.To/60, w.To%60)
	if w.Days != everyDay {
		var names []string
		for i := range 7 {
			if d := (i + 1) % 7; w.Days>>d&1 == 1 { // the week begins on Monday
				names = append(names, dayNames[d])
			}
		}
		text = strings.Join(names, ",") + " " + text
	}
	if w.Zone != "" {
		text += " " + w.Zone
	}
	return text
}

// checkWindows refuses windows that leave no time at all.
func (r *reader) checkWindows(at place, windows []Window) {
	const week = 7 * 24 * 60
	var covered [week]bool
	for _, w := range windows {
		to := w.To
		if to <= w.From {
			to += 24 * 60
		}
		for day := range 7 {
			for m := w.From; w.Begin.IsZero() && w.Days>>day&1 == 1 && m < to; m++ {
				covered[(day*24*60+m)%week] = true
			}
		}
	}
	for _, taken := range covered {
		if !taken {
			return
		}
	}
	r.miss(at, "leaves no time of the week: nothing would ever start")
}
