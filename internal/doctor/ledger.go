package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// leaseDies is how old the last sign of life of a living process may be: six
// times what the engine takes.
const leaseDies = 6 * time.Minute

// strangers looks for rows of practices that the ledger does not know (I7).
func (x *Examination) strangers(ctx context.Context) ([]Finding, error) {
	list, err := x.Ledger.Strangers(ctx)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return []Finding{newFinding(Strangers, "the ledger has rows of %s, whom it does not know as practices", names(list)).about(list...)}, nil
}

// steady looks at the steps: who has them, and whether they are of exports that
// live.
func (x *Examination) steady(ctx context.Context) (found []Finding, err error) {
	var leased, unexecuted []store.OpenStep
	dead := map[[2]string][]string{}
	for _, s := range x.steps {
		if x.Tenant != "" && x.Tenant != s.Tenant {
			continue
		}
		of, err := x.Ledger.In(s.Tenant).Export(ctx, s.Export)
		switch {
		case err != nil:
			return nil, err
		case of.State.Over() && s.Kind != export.Release:
			dead[[2]string{s.Tenant, s.Export}] = append(dead[[2]string{s.Tenant, s.Export}], named(s))
			continue
		}
		if s.Running && x.abandoned(s) {
			leased = append(leased, s)
		}
		if !s.Executed {
			unexecuted = append(unexecuted, s)
		}
	}
	if len(leased) > 0 {
		found = append(found, newFinding(Leases, "%s taken by a process that is gone: %s", count(len(leased), "step is", "steps are"), names(list(leased))).
			as(Leftover).about(list(leased)...).curedBy(freeLeases))
	}
	for _, s := range unexecuted {
		found = append(found, newFinding(Unexecuted, "the executor does not know step %s", named(s)).of(s.Tenant, s.Export).about(named(s)).curedBy(handOver(s)))
	}
	for of, steps := range dead {
		found = append(found, newFinding(DeadSteps, "export %s has ended and still has %s: %s", of[1], count(len(steps), "step", "steps"), names(steps)).
			of(of[0], of[1]).about(steps...).curedBy(dropSteps(of[0], of[1])))
	}
	return found, nil
}

// abandoned reports whether the process that has a step is gone.
func (x *Examination) abandoned(s store.OpenStep) bool {
	process, _, _ := strings.Cut(s.Owner, "-")
	return x.Holder == "" || process != x.Holder || x.Now.Sub(s.HeartbeatAt) > leaseDies
}

func named(s store.OpenStep) string {
	if s.Subject == "" {
		return s.Export + " " + s.Kind
	}
	return s.Export + " " + s.Kind + " " + s.Subject
}

func list(steps []store.OpenStep) []string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = named(s)
	}
	return names
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// tenant looks at everything of one practice but its sinks.
func (x *Examination) tenant(ctx context.Context, t store.Tenant) (found []Finding, err error) {
	exports, err := x.Ledger.In(t.ID).AllExports(ctx)
	if err != nil {
		return nil, err
	}
	p := &patient{Examination: x, Tenant: t, exports: exports, Deep: x.Deep}
	if p.marks, err = x.Ledger.In(t.ID).Marks(ctx); err != nil {
		return nil, err
	}
	keys, err := p.keys(ctx)
	if err != nil {
		return nil, err
	}
	found = slices.Concat(keys, p.oneAtATime(), p.underWay())
	marks, err := p.watermarks(ctx)
	if err != nil {
		return nil, err
	}
	found = append(found, marks...)
	for i := range exports {
		x.looked.Exports++
		of, err := p.export(ctx, &exports[i])
		if err != nil {
			return nil, fmt.Errorf("look at export %s: %w", exports[i].ID, err)
		}
		found = append(found, of...)
	}
	kept, err := p.kept(ctx)
	return append(found, kept...), err
}

// A patient is a practice that is examined.
type patient struct {
	*Examination
	store.Tenant
	exports []store.Export
	marks   store.Marks // what was taken away on purpose
	Deep    bool        // as wanted, unless its keys do not open its files
}

// disposed reports whether an area of an export was taken away on purpose, or is
// being: what is not there then is not missing.
func (p *patient) disposed(export string, kind agreement.Kind) bool {
	_, gone := p.marks.Of(export, string(kind))
	return gone
}

func (p *patient) oneAtATime() (found []Finding) {
	at := map[string]string{}
	for _, x := range p.exports {
		if x.State.Over() || x.State == life.Requested {
			continue
		}
		if other := at[x.Endpoint]; other != "" {
			found = append(found, newFinding(TwoExports, "exports %s and %s are under way at the same endpoint", other, x.ID).of(p.ID, x.ID))
		}
		at[x.Endpoint] = x.ID
	}
	return found
}

// underWay looks whether every export that holds a slot has something to do.
func (p *patient) underWay() (found []Finding) {
	for _, x := range p.exports {
		if !x.State.Busy() {
			continue
		}
		p.looked.Running++
		if p.Frozen {
			found = append(found, newFinding(Frozen, "export %s is %s, and the practice is no longer configured", x.ID, x.State).of(p.ID, x.ID).as(Notice))
			continue
		}
		if !slices.ContainsFunc(p.steps, func(s store.OpenStep) bool { return s.Tenant == p.ID && s.Export == x.ID }) {
			found = append(found, newFinding(Stuck, "export %s is %s, and no step of it is there: nothing moves it", x.ID, x.State).
				of(p.ID, x.ID).curedBy(rouse(p.ID, x.ID)))
		}
	}
	return found
}

// watermarks looks at I6: a watermark is what the export that moved it said,
// and not after its kick-off.
func (p *patient) watermarks(ctx context.Context) (found []Finding, err error) {
	marks, err := p.Ledger.In(p.ID).Watermarks(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		if says := p.wrong(m); says != "" {
			found = append(found, newFinding(Watermarks, "%s", says).of(p.ID, m.Export))
		}
	}
	return found, nil
}

func (p *patient) wrong(m store.Watermark) string {
	i := slices.IndexFunc(p.exports, func(x store.Export) bool { return x.ID == m.Export })
	if i < 0 {
		return fmt.Sprintf("the watermark %s was moved by export %s, which is not there", m.Since, m.Export)
	}
	x := p.exports[i]
	since, err := fhir.ParseInstant(m.Since)
	switch {
	case err != nil:
		return fmt.Sprintf("the watermark of export %s is no instant", m.Export)
	case x.State != life.Completed:
		return fmt.Sprintf("the watermark %s was moved by export %s, which is %s", m.Since, x.ID, x.State)
	case x.NextSince != m.Since:
		return fmt.Sprintf("the watermark is %s, export %s moved it to %s", m.Since, x.ID, x.NextSince)
	case !x.KickoffSentAt.IsZero() && since.After(x.KickoffSentAt.Add(time.Millisecond)): // I6; the ledger keeps milliseconds
		return fmt.Sprintf("the watermark %s is after the kick-off of export %s: changes between them would never be asked for", m.Since, x.ID)
	}
	return ""
}

// export looks at one export and its files.
func (p *patient) export(ctx context.Context, x *store.Export) (found []Finding, err error) {
	in := p.Ledger.In(p.ID)
	files, err := in.Files(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	parts, err := in.FileParts(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	p.looked.Files += int64(len(files))
	found = append(found, p.counts(x, files, parts)...)
	published, err := p.published(ctx, x)
	if err != nil {
		return nil, err
	}
	found = append(found, published...)
	if p.Files == nil || len(files) == 0 {
		return found, nil
	}
	scope, err := p.Options.Files.Tenant(p.ID)
	if err != nil {
		return nil, err
	}
	l := &losses{patient: p, x: x, scope: scope, files: files, parts: parts}
	if err := l.look(ctx); err != nil {
		return nil, err
	}
	return append(found, l.findings()...), nil
}

func (p *patient) published(ctx context.Context, x *store.Export) ([]Finding, error) {
	if x.State != life.Completed || x.Purpose == store.Roster {
		return nil, nil
	}
	done, err := p.Ledger.In(p.ID).Publications(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	var lacks []string
	for _, sink := range x.Sinks {
		if !slices.ContainsFunc(done, func(d store.Publication) bool { return d.Sink == sink }) {
			lacks = append(lacks, sink)
		}
	}
	if len(lacks) == 0 {
		return nil, nil
	}
	return []Finding{newFinding(Unpublished, "export %s is completed without a receipt of %s", x.ID, names(lacks)).of(p.ID, x.ID).about(lacks...)}, nil
}
