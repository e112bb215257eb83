package look

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A looker says why exports wait, as admission sees them.
type looker struct {
	config *config.Config
	actor  interface {
		May(act access.Act, tenant string) bool
	}
	house  bool // who asks may see every practice
	now    time.Time
	names  map[string]string
	ground schedule.Ground

	all          int
	registration map[string]int
	waiting      map[string]int    // by registration
	endpoint     map[string]string // the export that has a tenant's endpoint
	group        map[string]bool   // of an endpoint
}

// take counts the slots that exports have.
func (l *looker) take(open []store.Export) {
	l.registration, l.waiting, l.endpoint, l.group = map[string]int{}, map[string]int{}, map[string]string{}, map[string]bool{}
	for _, x := range open {
		if x.State == life.Requested {
			l.waiting[x.Registration]++
			continue
		}
		if _, err := l.config.Tenant(x.Tenant); err != nil {
			continue // a frozen practice keeps nobody waiting
		}
		l.endpoint[x.Tenant+" "+x.Endpoint] = x.ID
		if x.Group != "" {
			l.group[x.Endpoint+" "+x.Group] = true
		}
		if x.State.Busy() {
			l.registration[x.Registration]++
		}
		if x.State.Busy() && x.ParkedAt.IsZero() {
			l.all++
		}
	}
}

func (l *looker) put(q *Queue, x store.Export) {
	row := Queued{
		Tenant: x.Tenant, Name: cmp.Or(l.names[x.Tenant], x.Tenant), Export: x.ID, Mode: x.Mode, State: x.State, Since: x.StateAt, Asked: x.RequestedAt, Progress: x.Progress,
	}
	if h, held := l.held(x); held {
		row.Why, row.Until = h.Says, maybe(h.Until)
	}
	switch {
	case x.State == life.Unknown:
		q.Deciding = append(q.Deciding, row)
	case x.State.Busy() && (row.Why != "" || x.ParkedAt.IsZero()):
		q.Running = append(q.Running, row)
	case x.State.Busy(): // nothing holds it back any more, and others have its slot
		row.Why = l.whyFull()
		q.Waiting = append(q.Waiting, row)
	default:
		if row.Why == "" {
			row.Why, row.Until = l.why(x)
		}
		q.Waiting = append(q.Waiting, row)
	}
}

// held gives what holds an export back that is not a slot.
func (l *looker) held(x store.Export) (schedule.Hold, bool) {
	t, err := l.config.Tenant(x.Tenant)
	if err != nil {
		return schedule.Hold{Says: "the practice is no longer configured: it is frozen"}, true
	}
	act := schedule.Start
	switch x.State {
	case life.Requested, life.KickingOff, life.Waiting:
	case life.Polling, life.Downloading:
		act = schedule.Ask
	case life.Ingesting, life.Publishing, life.Unknown, life.Completed, life.Gone, life.Failed, life.Denied, life.Cancelled:
		act = schedule.Work
	}
	return l.ground.Holds(t, act, l.now)
}

// why says what an export waits for that nothing holds back.
func (l *looker) why(x store.Export) (says string, until *time.Time) {
	if x.State == life.Waiting && l.now.Before(x.WaitingUntil) {
		return cmp.Or(x.WaitingFor, "the server said later"), &x.WaitingUntil
	}
	if x.State == life.Requested {
		switch {
		case l.endpoint[x.Tenant+" "+x.Endpoint] != "":
			return "another export of the practice has not ended", nil
		case x.Group != "" && l.group[x.Endpoint+" "+x.Group]:
			return "another export of the group has not ended", nil
		}
	}
	if limit := l.slots(x); limit > 0 && l.registration[x.Registration] >= limit {
		return l.full(fmt.Sprintf("all %d slots of registration %s are taken", limit, x.Registration), "all slots of its registration are taken"), nil
	}
	return l.whyFull(), nil
}

// whyFull says whether the machine has a slot left.
func (l *looker) whyFull() string {
	if l.all >= l.config.Limits.Exports {
		return l.full(fmt.Sprintf("all %d slots of the machine are taken", l.config.Limits.Exports), "all slots of the machine are taken")
	}
	return "its turn is about to come"
}

// full says how many, to those who may see every practice.
func (l *looker) full(exactly, roughly string) string {
	if l.house {
		return exactly
	}
	return roughly
}

// slots gives how many exports may run at once under an export's registration;
// 0: as many as the machine has.
func (l *looker) slots(x store.Export) int {
	t, err := l.config.Tenant(x.Tenant)
	if err != nil || x.Registration == "" {
		return 0
	}
	if p := l.config.Profile(t); p != nil && p.OneExportPer == config.PerClient {
		return 1
	}
	return l.config.Registrations[x.Registration].Exports
}

// budgets gives what was asked for in this minute, the most spent first.
func (l *looker) budgets(windows []store.RateWindow) []Budget {
	list := []Budget{}
	for _, w := range windows {
		t, err := l.config.Tenant(w.Tenant)
		if err != nil || !l.actor.May(access.See, w.Tenant) {
			continue
		}
		list = append(list, Budget{Tenant: w.Tenant, Name: cmp.Or(l.names[w.Tenant], w.Tenant), Requests: w.Requests, Limit: l.limit(t)})
	}
	slices.SortFunc(list, func(a, b Budget) int {
		return cmp.Or(cmp.Compare(b.Percent(), a.Percent()), cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Tenant, b.Tenant))
	})
	return list
}

func (l *looker) limit(t *config.Tenant) int64 {
	if l.config.Profile(t) == nil {
		return int64(t.RequestsPerMinute)
	}
	return int64(l.config.RequestsPerMinute(t))
}

// lines gives the slots of the machine and of each registration.
func (l *looker) lines(windows []store.RateWindow) (*SlotLine, []SlotLine) {
	machine := &SlotLine{Practices: len(l.config.Tenants), Taken: l.all, Slots: l.config.Limits.Exports}
	by := map[string]*SlotLine{}
	for _, name := range slices.Sorted(maps.Keys(l.config.Registrations)) {
		by[name] = &SlotLine{Name: name, Slots: l.config.Registrations[name].Exports, Taken: l.registration[name], Waiting: l.waiting[name]}
	}
	of := map[string]string{}
	for i := range l.config.Tenants {
		t := &l.config.Tenants[i]
		if line := by[t.Registration]; line != nil {
			line.Practices++
			of[t.ID] = t.Registration
			if p := l.config.Profile(t); p != nil && p.OneExportPer == config.PerClient {
				line.Slots = 1
			}
		}
	}
	for _, w := range windows {
		machine.Requests += w.Requests
		if line := by[of[w.Tenant]]; line != nil {
			line.Requests += w.Requests
		}
	}
	for _, n := range l.waiting {
		machine.Waiting += n
	}
	var lines []SlotLine
	for _, name := range slices.Sorted(maps.Keys(by)) {
		lines = append(lines, *by[name])
	}
	return machine, lines
}

// holds puts the pauses and the circuits there that who asks may know of.
func (l *looker) holds(q *Queue) {
	for _, p := range l.ground.Pauses {
		if l.house || p.Scope == store.PauseTenant && l.actor.May(access.See, p.Object) || p.Scope == store.PauseAll {
			q.Pauses = append(q.Pauses, p)
		}
	}
	if l.house {
		q.Circuits = l.ground.Circuits
	}
}
