package sqlonfhir

import (
	"slices"
	"strings"
	"time"
)

// duration and difference are those of FHIRPath 3.0.0-ballot: how many whole
// units, or how many beginnings of units, lie between two dates or times.
// https://hl7.org/fhirpath/2025Jan/#date-and-time-interval-functions

// units are the units of duration and difference, from long to short. Those
// before hour are of the calendar.
var units = strings.Fields("year month week day hour minute second millisecond")

const (
	unitWeek = 2
	unitHour = 4
)

// unitPrecision is how far a date or time must go for a unit.
var unitPrecision = [...]precision{toYear, toMonth, toDay, toDay, toHour, toMinute, toSecond, toSecond}

// unitLength is the length in microseconds of a unit that is of no calendar.
var unitLength = [...]int{unitHour: 3600e6, 60e6, 1e6, 1e3}

func checkUnit(call *syntax) error {
	unit := call.args[1]
	if unit.op != opLiteral || unit.value.kind != kindString || !slices.Contains(units, string(unit.value.text)) {
		return &pathError{unit.at, call.name + "() counts one of '" + strings.Join(units, "', '") + "'"}
	}
	return nil
}

func duration(m *machine, c *scalarCall) error   { return m.between(c, (*span).whole) }
func difference(m *machine, c *scalarCall) error { return m.between(c, (*span).crossed) }

// A span is what lies between two dates, dateTimes or times of day, which go
// equally far.
type span struct {
	from, to moment
	unit     int
}

func (m *machine) between(c *scalarCall, count func(*span) int) error {
	end, ok, err := c.string(m, 0)
	if !ok || err != nil {
		return err
	}
	start, err := c.subject(m)
	if err != nil {
		return err
	}
	s := span{unit: slices.Index(units, string(m.text(&c.args[1])))}
	var ok1, ok2 bool
	s.from, ok1 = parseMoment(start)
	s.to, ok2 = parseMoment(end)
	if !ok1 || !ok2 || s.from.isTime != s.to.isTime || s.from.isTime && s.unit < unitHour {
		return errIncomparable
	}
	if s.level() {
		m.pushInt(count(&s))
	}
	return nil
}

// level cuts both ends to what both have. It reports whether that goes as far
// as the unit asks, and whether both ends are of one time line.
func (s *span) level() bool {
	shared := min(s.from.until, s.to.until)
	if shared < unitPrecision[s.unit] {
		return false
	}
	if s.unit >= unitHour && !s.from.isTime {
		if s.from.zone != s.to.zone {
			return false
		}
		s.from.utc()
		s.to.utc()
	}
	for _, end := range []*moment{&s.from, &s.to} {
		for i := int(shared); i < len(end.field); i++ {
			if shared < toSecond {
				end.field[i] = 0
			}
		}
		end.field[1], end.field[2] = max(end.field[1], 1), max(end.field[2], 1)
	}
	return true
}

// whole counts the whole units of a span. It is negative when the span runs
// backwards.
func (s *span) whole() int {
	if s.unit >= unitHour {
		return (s.to.micros() - s.from.micros()) / unitLength[s.unit]
	}
	if slices.Compare(s.from.field[:], s.to.field[:]) > 0 {
		back := span{s.to, s.from, s.unit}
		return -back.whole()
	}
	if s.unit >= unitWeek {
		days := s.to.day() - s.from.day()
		if slices.Compare(s.to.field[3:], s.from.field[3:]) < 0 {
			days--
		}
		return perUnit(days, s.unit)
	}
	months := s.months()
	if slices.Compare(s.to.field[2:], s.from.field[2:]) < 0 {
		months--
	}
	return perUnit(months, s.unit)
}

// crossed counts the beginnings of units in a span. Weeks begin on Sunday.
func (s *span) crossed() int {
	switch {
	case s.unit >= unitHour:
		return floorDiv(s.to.micros(), unitLength[s.unit]) - floorDiv(s.from.micros(), unitLength[s.unit])
	case s.unit == unitWeek:
		return s.to.week() - s.from.week()
	case s.unit > unitWeek:
		return s.to.day() - s.from.day()
	case s.unit == 0:
		return s.to.field[0] - s.from.field[0]
	}
	return s.months()
}

// perUnit makes weeks of days and years of months.
func perUnit(n, unit int) int {
	switch unit {
	case 0:
		return n / 12
	case unitWeek:
		return n / 7
	}
	return n
}

func (s *span) months() int {
	return (s.to.field[0]-s.from.field[0])*12 + s.to.field[1] - s.from.field[1]
}

// micros counts the microseconds from 1970 in a moment's own zone, and day the
// days. Weeks are those that begin on Sunday.
func (m *moment) micros() int {
	f := &m.field
	return int(time.Date(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], f[6], time.UTC).UnixMicro())
}

func (m *moment) day() int {
	return int(time.Date(m.field[0], time.Month(m.field[1]), m.field[2], 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (m *moment) week() int {
	const thursday = 4 // 1970-01-01
	return floorDiv(m.day()+thursday, 7)
}

// floorDiv divides and rounds down.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
