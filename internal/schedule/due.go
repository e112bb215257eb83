package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Timing is what is known beforehand of when a practice's scheduled exports
// start.
type Timing struct {
	Cron   string
	Zone   *time.Location
	Offset time.Duration // how much later than Cron says: the practice's part of the spread
	Quiet  Place
	Upkeep Place // maintenance at the server
}

// TimingOf gives the timing of a practice that has a schedule.
func TimingOf(c *config.Config, t *config.Tenant) Timing {
	zone := t.Location()
	return Timing{
		Cron: t.Schedule, Zone: zone, Offset: Offset(t.ID, c.Spread(t)),
		Quiet: Place{Windows: t.Quiet, Zone: zone}, Upkeep: Place{Windows: c.Maintenance(t), Zone: time.UTC},
	}
}

// Offset gives a practice's part of a spread: at least 0 and less than the
// spread, in whole seconds, always the same for the same practice and spread.
func Offset(tenant string, spread time.Duration) time.Duration {
	seconds := uint64(spread / time.Second)
	if spread <= 0 || seconds == 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(tenant))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])%seconds) * time.Second
}

// times is how the text of a timing begins.
func (k Timing) times() string { return k.Cron + " " + k.Zone.String() }

// SameTimes reports whether a Spec is of a timing with the same schedule and
// zone, whatever moves it.
func (k Timing) SameTimes(spec string) bool {
	rest, same := strings.CutPrefix(spec, k.times())
	return same && (rest == "" || rest[0] == ',' || strings.HasPrefix(rest, " +"))
}

// Spec is the timing as one text: another text is another timing.
func (k Timing) Spec() string {
	var text strings.Builder
	text.WriteString(k.times())
	if k.Offset > 0 {
		text.WriteString(" +" + k.Offset.String())
	}
	for _, w := range k.Quiet.Windows {
		text.WriteString(", quiet " + w.String())
	}
	for _, w := range k.Upkeep.Windows {
		text.WriteString(", maintenance " + w.String())
	}
	return text.String()
}

// A Due is when a scheduled export starts, and why then.
type Due struct {
	At   time.Time
	Cron time.Time // when the schedule itself says, without anything else
	Why  []string  // what puts it off, in order; empty when nothing does
}

// Moved says what puts the start off; "" when nothing does.
func (d Due) Moved() string { return strings.Join(d.Why, "; ") }

// movesAtMost bounds how often windows put a start off: one may end in another.
const movesAtMost = 20

// Next gives the first start whose time by schedule and spread comes after a
// moment. It is never in a window: it is put off to the window's end, and then
// by the practice's part of the spread, for others wait for the same end.
func (k Timing) Next(after time.Time) (Due, error) {
	at, err := Next(k.Cron, k.Zone, after.Add(-k.Offset))
	if err != nil {
		return Due{}, err
	}
	d := Due{At: at.Add(k.Offset), Cron: at}
	if k.Offset > 0 {
		d.Why = append(d.Why, "spread: "+k.Offset.String()+" later")
	}
	for moves := 0; ; moves++ {
		over, why := k.clear(d.At)
		if why == "" {
			return d, nil
		}
		d.At = over
		d.Why = append(d.Why, fmt.Sprintf("%s, until %s", why, over.In(k.Zone).Format("2006-01-02 15:04 MST")))
		if moves < movesAtMost {
			d.At = d.At.Add(k.Offset)
		} else if moves > 2*movesAtMost {
			return d, nil // windows of several zones leave no time
		}
	}
}

// clear gives the end of the windows that a moment is in, and which that is;
// "" when it is in none.
func (k Timing) clear(t time.Time) (time.Time, string) {
	if w, in := k.Quiet.Holds(t); in {
		return k.Quiet.Clear(t), "quiet " + w.String()
	}
	if w, in := k.Upkeep.Holds(t); in {
		return k.Upkeep.Clear(t), "maintenance " + w.String()
	}
	return t, ""
}

// grace is how late a start may be and still be in time: a machine may sleep a
// little, or be busy.
const grace = 10 * time.Minute

// Late says what becomes of a start that was due at a moment and is late now:
// "" when it starts, else why it is passed over until the schedule's next.
func Late(c *config.Config, t *config.Tenant, due, now time.Time) string {
	late := now.Sub(due)
	if late <= grace {
		return ""
	}
	ok, within := c.CatchUp(t)
	switch {
	case !ok:
		return fmt.Sprintf("it is %s late, and what is missed is not made up for (catch_up)", late.Round(time.Minute))
	case within > 0 && late > within:
		return fmt.Sprintf("it is %s late, more than catch_up_within allows", late.Round(time.Minute))
	}
	return ""
}

// Facts are what decides when the schedule of one practice starts its next
// export.
type Facts struct {
	Config *config.Config
	Tenant *config.Tenant
	Row    store.Schedule // as the ledger has it; the zero value where it has none
	Back   Backoff
}

// NextStart gives when the practice's schedule starts its next export, and why
// then, as far as can be known now.
func (f Facts) NextStart(now time.Time) (Due, error) {
	timing := TimingOf(f.Config, f.Tenant)
	due, err := timing.Next(now)
	if err != nil {
		return due, err
	}
	if f.Row.Spec == timing.Spec() && Late(f.Config, f.Tenant, f.Row.NextAt, now) == "" {
		due = Due{At: f.Row.NextAt}
		if f.Row.Why != "" {
			due.Why = []string{f.Row.Why}
		}
	}
	if !due.At.Before(f.Back.Until) {
		return due, nil
	}
	if due, err = timing.Next(f.Back.Until.Add(-1)); err != nil {
		return due, err
	}
	due.Why = append(due.Why, f.Back.Says())
	return due, nil
}
