package alert

import (
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A change is what becomes of one alert.
type change struct {
	alert store.Alert
	what  what
}

type what int

const (
	opens     what = iota // it is new
	differs               // its texts, or its severity, which has not grown
	worsens               // its severity has grown
	subsides              // its cause is gone; it is over when that lasts
	comesBack             // its cause is there again
	ends                  // it is over
	replaced              // it is over, because another one has taken its place
	recurs                // it is told again
)

const (
	flaps         = 24 * time.Hour // an alert that comes back so soon flaps
	longestSettle = 12 * time.Hour
)

// settle is how long the cause must be gone: each return doubles it.
func settle(a store.Alert, r Rules) time.Duration {
	d := r.Settle.Std()
	for range min(a.Returns, 10) {
		d *= 2
	}
	return max(min(d, longestSettle), r.Settle.Std())
}

// plan says what becomes of the open alerts, given what is so now. It gives
// nothing when nothing changes.
func plan(now time.Time, open []store.Alert, conditions []Condition, r Rules) []change {
	have := make(map[Identity]store.Alert, len(open))
	for _, a := range open {
		have[identityOf(a)] = a
	}
	var list []change
	seen := make(map[Identity]bool, len(conditions))
	for _, c := range conditions {
		id := c.Identity()
		if seen[id] {
			continue
		}
		seen[id] = true
		a, is := have[id]
		switch {
		case is && c.Pending: // as it was
		case is:
			list = append(list, lasts(now, a, c, r)...)
		case !c.Pending:
			list = append(list, change{fresh(now, c), opens})
		}
	}
	for _, a := range open {
		if !seen[identityOf(a)] {
			list = append(list, goes(now, a, conditions, r)...)
		}
	}
	return list
}

func identityOf(a store.Alert) Identity { return Identity{a.Tenant, Kind(a.Kind), a.Object} }

func fresh(now time.Time, c Condition) store.Alert {
	a := store.Alert{Tenant: c.Tenant, Kind: string(c.Kind), Object: c.Object, Since: c.Since, OpenedAt: now}
	return worded(a, c)
}

func worded(a store.Alert, c Condition) store.Alert {
	a.Severity, a.Party, a.Source, a.Code = c.Severity, string(c.Party), clean(c.Source), string(c.Code)
	a.Summary, a.Remedy = clean(c.Summary), clean(c.Remedy)
	return a
}

// lasts is an alert whose cause is there.
func lasts(now time.Time, a store.Alert, c Condition, r Rules) []change {
	next := worded(a, c)
	next.AbsentAt = time.Time{}
	switch {
	case rank(c.Severity) > rank(a.Severity):
		return []change{{next, worsens}}
	case !a.AbsentAt.IsZero():
		return []change{{next, comesBack}}
	case next != a:
		return []change{{next, differs}}
	case due(now, a, r):
		return []change{{next, recurs}}
	}
	return nil
}

// due reports whether it is time to tell an alert again. One that was never
// told is still to be told; one that somebody has taken on keeps quiet until
// the time that was agreed.
func due(now time.Time, a store.Alert, r Rules) bool {
	switch {
	case now.Before(a.AckUntil) || a.ToldAt.IsZero() && a.AckUntil.IsZero():
		return false
	case a.AckUntil.After(a.ToldAt), a.ToldAt.After(now): // or the clock was ahead
		return true
	}
	return !now.Before(a.ToldAt.Add(r.RemindEvery.Std()))
}

// goes is an alert whose cause is gone.
func goes(now time.Time, a store.Alert, conditions []Condition, r Rules) []change {
	next := a
	if slices.ContainsFunc(conditions, func(c Condition) bool {
		return !c.Pending && c.Tenant == a.Tenant && takesThePlaceOf(c.Kind, Kind(a.Kind))
	}) {
		next.ClosedAt = now
		return []change{{next, replaced}}
	}
	if a.AbsentAt.IsZero() || a.AbsentAt.After(now) { // the clock was ahead
		next.AbsentAt = now
		return []change{{next, subsides}}
	}
	if now.Sub(a.AbsentAt) < settle(a, r) {
		return nil
	}
	next.ClosedAt = now
	return []change{{next, ends}}
}

// record writes what becomes of the alerts, and what is to be told of them on
// the routes that fit.
func record(tx *store.AlertTx, now time.Time, changes []change, routes *routes) error {
	for _, c := range changes {
		if err := recordOne(tx, now, c, routes); err != nil {
			return err
		}
	}
	return nil
}

func recordOne(tx *store.AlertTx, now time.Time, c change, routes *routes) error {
	a := c.alert
	if c.what == opens {
		return begin(tx, now, a, routes)
	}
	if c.what != recurs {
		if err := tx.Put(a); err != nil {
			return err
		}
	}
	switch c.what {
	case worsens:
		return worsen(tx, now, a, routes)
	case recurs:
		if gathered, err := tx.Gathered(a.ID); err != nil || gathered {
			return err
		}
		return tellOn(tx, now, a, store.Reminder, routes.fitting(a))
	case ends, replaced:
		if err := tx.Forget(a.ID); err != nil || c.what == replaced {
			return err
		}
		told, err := tx.ToldOn(a.ID)
		if err != nil {
			return err
		}
		return tellOn(tx, now, a, store.Over, told)
	case opens, differs, subsides, comesBack:
	}
	return nil
}

// worsen tells that an alert got worse. One that swings about a bound tells it
// once a day.
func worsen(tx *store.AlertTx, now time.Time, a store.Alert, routes *routes) error {
	last, err := tx.LastWorse(a.ID)
	if err != nil || !last.After(now) && now.Sub(last) < flaps {
		return err
	}
	if err := tx.Forget(a.ID); err != nil {
		return err
	}
	return tellOn(tx, now, a, store.Worse, routes.fitting(a))
}

func begin(tx *store.AlertTx, now time.Time, a store.Alert, routes *routes) error {
	before, found, err := tx.ClosedSince(a, now.Add(-flaps))
	if err != nil {
		return err
	}
	if found {
		a.Returns = before.Returns + 1
	}
	if a.ID, err = tx.Add(a); err != nil {
		return err
	}
	return tellOn(tx, now, a, store.Opened, routes.fitting(a))
}

func tellOn(tx *store.AlertTx, now time.Time, a store.Alert, turn store.Turn, routes []string) error {
	for _, route := range routes {
		if err := tx.Tell(a.ID, route, turn, now); err != nil {
			return err
		}
	}
	return nil
}
