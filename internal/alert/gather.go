package alert

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quality"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A gatherer reads the facts. It keeps what changes rarely, so that a look at
// five hundred practices reads some five hundred rows and not their history.
type gatherer struct {
	o       Options
	began   time.Time
	pauses  map[string]time.Duration // by schedule and zone
	counted map[string]counted       // by export
	groups  map[string]knownGroup    // by tenant
	wholes  map[string]wholeAt       // by tenant
	slow    slowFacts
	budgets budgets
}

// counted is what a complete export is worth, read at a time.
type counted struct {
	at        time.Time
	lines     int64
	refused   int64
	questions []quality.Question
}

// knownGroup is what is known of a group as of an export, by the rules then in
// force.
type knownGroup struct {
	export string
	rules  [2]int64
	facts  *GroupFacts
}

// wholeAt is when the last whole export completed, as of an export.
type wholeAt struct {
	export string
	ended  time.Time
}

func newGatherer(o Options) gatherer {
	if o.Free == nil {
		o.Free = blob.Free
	}
	return gatherer{
		o: o, began: time.Now(), pauses: map[string]time.Duration{}, counted: map[string]counted{}, groups: map[string]knownGroup{}, wholes: map[string]wholeAt{}, budgets: budgets{spent: map[string]map[int64]bool{}},
	}
}

// ledgerFacts are what the ledger says of all tenants, by tenant.
type ledgerFacts struct {
	paused     map[string]bool
	since      map[string]time.Time // watched
	last       map[string]store.Export
	full, some map[string]store.Export // complete deliveries
	open       map[string][]store.Export
	ended      map[string]store.Ending  // the last end of an agreement
	untaken    map[string]store.Untaken // requests
}

func (g *gatherer) read(ctx context.Context, c *config.Config, now time.Time) (ledgerFacts, error) {
	f := ledgerFacts{open: map[string][]store.Export{}, paused: map[string]bool{}}
	pauses, err := g.o.Store.Pauses(ctx)
	if err != nil {
		return f, err
	}
	var watched []string
	for i := range c.Tenants {
		t := &c.Tenants[i]
		f.paused[t.ID] = slices.ContainsFunc(pauses, func(p store.Pause) bool { return schedule.Pauses(p, t) })
		if t.Schedule != "" && !f.paused[t.ID] && agreementOf(t).begins(now) {
			watched = append(watched, t.ID)
		}
	}
	if f.since, err = g.o.Store.Watch(ctx, watched); err != nil {
		return f, err
	}
	if f.last, err = byTenant(g.o.Store.LastExports(ctx)); err != nil {
		return f, err
	}
	if f.full, err = byTenant(g.o.Store.LastFinished(ctx, "full")); err != nil {
		return f, err
	}
	if f.some, err = byTenant(g.o.Store.LastFinished(ctx, "incremental")); err != nil {
		return f, err
	}
	open, err := g.o.Store.Unfinished(ctx)
	for _, x := range open {
		f.open[x.Tenant] = append(f.open[x.Tenant], x)
	}
	if err != nil {
		return f, err
	}
	if f.ended, err = g.o.Store.LatestEndings(ctx); err != nil {
		return f, err
	}
	f.untaken, err = g.o.Store.UntakenRequests(ctx)
	return f, err
}

func byTenant(list []store.Export, err error) (map[string]store.Export, error) {
	m := make(map[string]store.Export, len(list))
	for _, x := range list {
		m[x.Tenant] = x
	}
	return m, err
}

func (g *gatherer) gather(ctx context.Context, c *config.Config, now time.Time) (Facts, error) {
	ledger, err := g.read(ctx, c, now)
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Machine: MachineFacts{Free: -1, Least: int64(c.Limits.FreeBytes)}}
	for i := range c.Tenants {
		p, err := g.practice(ctx, c, &c.Tenants[i], ledger, now)
		if err != nil {
			return f, err
		}
		f.Practices = append(f.Practices, p)
	}
	g.forget(ledger)
	g.slow.of(c, now, &f)
	if free, err := g.o.Free(c.Folder); err == nil {
		f.Machine.Free = free
	}
	return f, g.house(ctx, c, &f, now)
}

func (g *gatherer) practice(ctx context.Context, c *config.Config, t *config.Tenant, l ledgerFacts, now time.Time) (PracticeFacts, error) {
	p := PracticeFacts{
		Tenant: t.ID, Source: sourceOf(c, t), Pause: g.pause(t, now), WatchedSince: l.since[t.ID], Budget: c.RequestsPerMinute(t),
		Paused: l.paused[t.ID], Agreement: agreementOf(t), End: endFacts(t, l, now), Disposal: g.disposalFacts(t.ID, now), Untaken: l.untaken[t.ID],
	}
	p.SpentMinutes, p.Sampled = g.budgets.of(t.ID, now)
	if x, ok := l.last[t.ID]; ok {
		p.Last = &LastExport{ID: x.ID, State: x.State, At: x.StateAt, Code: problem.Code(x.ProblemCode), Summary: x.ProblemSummary, Remedy: x.ProblemRemedy}
	}
	var err error
	if x, ok := l.full[t.ID]; ok {
		if p.Full, err = g.finished(ctx, x, now); err != nil {
			return p, err
		}
		p.Finished = p.Full
	}
	if x, ok := l.some[t.ID]; ok && (p.Full == nil || x.EndedAt.After(p.Full.EndedAt)) {
		if p.Finished, err = g.finished(ctx, x, now); err != nil {
			return p, err
		}
	}
	if p.Whole, err = g.whole(ctx, t.ID, p.Finished); err != nil {
		return p, err
	}
	if p.Group, err = g.group(ctx, c, t, p.Finished); err != nil {
		return p, err
	}
	for _, x := range l.open[t.ID] {
		o, err := g.openExport(ctx, x, c.Alerts, now)
		if err != nil {
			return p, err
		}
		p.Open = append(p.Open, o)
	}
	return p, nil
}

func agreementOf(t *config.Tenant) AgreementFacts {
	if a := t.Agreement; a != nil {
		return AgreementFacts{Status: a.Status, From: a.EffectiveFrom.Time, Ends: a.ExpiresAt.Time, Notice: a.Notice.Std()}
	}
	return AgreementFacts{}
}

// whole gives when the practice's last export completed of which its server
// reported no error; the zero time when none did.
func (g *gatherer) whole(ctx context.Context, tenant string, last *Finished) (time.Time, error) {
	switch {
	case last == nil:
		return time.Time{}, nil
	case last.ServerErrors == 0:
		return last.EndedAt, nil
	}
	if known, ok := g.wholes[tenant]; ok && known.export == last.ID {
		return known.ended, nil
	}
	ended, err := g.o.Store.In(tenant).LastWhole(ctx)
	if err == nil {
		g.wholes[tenant] = wholeAt{last.ID, ended}
	}
	return ended, err
}

// sourceOf calls a practice's vendor as people do.
func sourceOf(c *config.Config, t *config.Tenant) string {
	profile := c.Profile(t)
	if profile == nil {
		return ""
	}
	name := profile.Title
	if name == "" {
		name = profile.Name
	}
	if _, ok := c.Registration(t); ok {
		name += " (registration " + t.Registration + ")"
	}
	return name
}

// pause gives the longest time between two of the tenant's next times.
func (g *gatherer) pause(t *config.Tenant, now time.Time) time.Duration {
	if t.Schedule == "" {
		return 0
	}
	key := t.Schedule + " " + t.TimeZone
	if d, ok := g.pauses[key]; ok {
		return d
	}
	longest, last := time.Duration(0), time.Time{}
	for next := now; len(g.pauses) < 100_000; {
		at, err := schedule.Next(t.Schedule, t.Location(), next)
		if err != nil {
			break
		}
		if !last.IsZero() {
			longest = max(longest, at.Sub(last))
		}
		if last, next = at, at; at.Sub(now) > 14*24*time.Hour && longest > 0 {
			break
		}
	}
	g.pauses[key] = longest
	return longest
}

// finished gives what is known of a complete export. What it is worth is read
// once, and again after an hour if lines of it were refused: they may have
// been taken since.
func (g *gatherer) finished(ctx context.Context, x store.Export, now time.Time) (*Finished, error) {
	f := &Finished{ID: x.ID, EndedAt: x.EndedAt, ServerErrors: x.ServerErrors}
	if t, err := fhir.ParseInstant(x.TransactionTime); err == nil {
		f.TransactionTime = t
	}
	known, ok := g.counted[x.ID]
	if !ok || known.refused > 0 && now.Sub(known.at) > time.Hour {
		text, err := g.o.Store.In(x.Tenant).Quality(ctx, x.ID)
		if err != nil || text == nil {
			return f, err
		}
		var s struct {
			Lines       int64              `json:"lines"`
			Blank       int64              `json:"blank"`
			Quarantined int64              `json:"quarantined"`
			Questions   []quality.Question `json:"questions"`
		}
		if err := json.Unmarshal(text, &s); err != nil {
			return f, nil //nolint:nilerr // its two rules are silent; all others are not
		}
		known = counted{at: now, lines: s.Lines - s.Blank, refused: s.Quarantined, questions: s.Questions}
		g.counted[x.ID] = known
	}
	f.Counted, f.Lines, f.Refused, f.Questions = true, known.lines, known.refused, known.questions
	return f, nil
}

// forget drops what is kept of exports that are not the last ones any more.
func (g *gatherer) forget(l ledgerFacts) {
	if len(g.counted) <= 2*(len(l.full)+len(l.some)) {
		return
	}
	keep := map[string]counted{}
	for _, m := range []map[string]store.Export{l.full, l.some} {
		for _, x := range m {
			if known, ok := g.counted[x.ID]; ok {
				keep[x.ID] = known
			}
		}
	}
	g.counted = keep
}

// group reads what is known of a practice's group once for each export that
// completed.
func (g *gatherer) group(ctx context.Context, c *config.Config, t *config.Tenant, last *Finished) (*GroupFacts, error) {
	if last == nil {
		return nil, nil //nolint:nilnil // nothing is known
	}
	rules := [2]int64{int64(c.Alerts.RosterRuns), int64(c.Alerts.RosterAfter)}
	if known, ok := g.groups[t.ID]; ok && known.export == last.ID && known.rules == rules {
		return known.facts, nil
	}
	facts, err := GroupOf(ctx, g.o.Store, c, t)
	if err == nil {
		g.groups[t.ID] = knownGroup{last.ID, rules, facts}
	}
	return facts, err
}

func (g *gatherer) openExport(ctx context.Context, x store.Export, r Rules, now time.Time) (OpenExport, error) {
	o := OpenExport{ID: x.ID, Mode: x.Mode, State: x.State, At: x.StateAt, Asked: x.RequestedAt, KickedOff: x.KickoffSentAt, WaitingFor: x.WaitingFor}
	if !x.State.Busy() || now.Sub(x.RequestedAt) < min(r.StuckFloor.Std(), r.StuckAfter.Std()) {
		return o, nil
	}
	var err error
	o.Took, err = g.o.Store.In(x.Tenant).Durations(ctx, x.Mode, 50)
	return o, err
}
