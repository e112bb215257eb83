package alert

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A ledgerWatch is the one alert that cannot be kept in the ledger: that the
// ledger does not work. It lives as long as the process.
type ledgerWatch struct {
	since, told time.Time
}

// lasting is how long the trouble must last: a moment's is not worth waking
// anybody.
const lasting = 2 * time.Minute

// look gives what is to be told now; an empty turn is nothing.
func (w *ledgerWatch) look(now time.Time, trouble error, r Rules) (store.Alert, store.Turn) {
	if trouble == nil {
		told, since := !w.told.IsZero(), w.since
		*w = ledgerWatch{}
		if !told {
			return store.Alert{}, ""
		}
		return ledgerAlert(nil, since, now), store.Over
	}
	if w.since.IsZero() {
		w.since = now
	}
	turn := store.Opened
	switch {
	case now.Sub(w.since) < lasting:
		return store.Alert{}, ""
	case !w.told.IsZero() && now.Sub(w.told) < r.RemindEvery.Std():
		return store.Alert{}, ""
	case !w.told.IsZero():
		turn = store.Reminder
	}
	w.told = now
	return ledgerAlert(trouble, w.since, time.Time{}), turn
}

func ledgerAlert(trouble error, since, over time.Time) store.Alert {
	a := store.Alert{Kind: string(Ledger), Severity: config.SeverityCritical, Party: string(Us), Since: since, OpenedAt: since, AbsentAt: over}
	a.Summary = "the ledger could not be written for a while"
	if p := problem.Of(trouble); p != nil {
		a.Code, a.Summary, a.Remedy = string(p.Code), clean("nothing can be recorded, so nothing moves: "+p.Summary), clean(p.Remedy)
	}
	return a
}

// direct makes the messages that tell an alert which no row keeps.
func direct(now time.Time, a store.Alert, turn store.Turn, routes *routes) []store.Notice {
	var list []store.Notice
	for _, route := range routes.fitting(a) {
		b := bundle{route: route, kind: a.Kind, turn: turn, news: []store.News{{Route: route, Turn: turn, At: now, Alert: a}}}
		n := b.notice(now)
		n.Incidents = []string{incidentOf(a.Kind, a.Since)}
		list = append(list, n)
	}
	return list
}
