package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// sinks compares what every sink holds with the ledger's receipts.
func (x *Examination) sinks(ctx context.Context) (found []Finding, err error) {
	x.looked.Sinks = len(x.Sinks)
	for _, name := range slices.Sorted(maps.Keys(x.Sinks)) {
		holdings, err := x.Sinks[name].Holdings(ctx, x.Deep)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			found = append(found, unread(name, err))
			continue
		}
		for _, t := range x.tenants {
			of, err := x.sink(ctx, name, t, holdings[t.ID])
			if err != nil {
				return nil, err
			}
			found = append(found, of...)
		}
		strange, err := x.sinkStrangers(ctx, name, holdings)
		if err != nil {
			return nil, err
		}
		found = append(found, strange...)
	}
	return found, nil
}

func unread(name string, err error) Finding {
	f := newFinding(SinkUnread, "sink %s cannot be looked at: %v", name, err)
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		f.Says = fmt.Sprintf("sink %s cannot be looked at: %s", name, p.Summary)
		f.Code, f.Next = p.Code, p.Remedy
	}
	f.Sink = name
	return f
}

// sinkStrangers looks for practices that the ledger does not know (I7).
func (x *Examination) sinkStrangers(ctx context.Context, name string, holdings map[string]sink.Holding) (found []Finding, err error) {
	if x.Tenant != "" {
		return nil, nil
	}
	for _, tenant := range slices.Sorted(maps.Keys(holdings)) {
		known, err := x.knows(ctx, tenant)
		if err != nil {
			return nil, err
		}
		if !known {
			f := newFinding(SinkStranger, "sink %s has rows of %s, whom the ledger does not know", name, tenant).of(tenant, "")
			f.Sink = name
			found = append(found, f)
		}
	}
	return found, nil
}

// sink looks at what a sink has of one practice.
func (x *Examination) sink(ctx context.Context, name string, t store.Tenant, h sink.Holding) (found []Finding, err error) {
	exports, err := x.Ledger.In(t.ID).AllExports(ctx)
	if err != nil {
		return nil, err
	}
	add := func(c Check, s Severity, says string, args ...any) *Finding {
		f := newFinding(c, says, args...).of(t.ID, "").as(s)
		f.Sink, f.Next = name, strings.ReplaceAll(f.Next, "TENANT", t.ID)
		found = append(found, f)
		return &found[len(found)-1]
	}
	lacks, err := x.lacks(ctx, name, t, exports, h)
	if err != nil {
		return nil, err
	}
	if len(lacks) > 0 {
		add(SinkLacks, Damage, "sink %s lacks %s of %s that it had taken: %s", name, count(len(lacks), "export", "exports"), t.ID, names(lacks)).Subjects = lacks
	}
	if ahead := unknown(exports, h); len(ahead) > 0 {
		add(SinkAhead, Notice, "sink %s has %s of %s that the ledger does not know: %s", name, count(len(ahead), "export", "exports"), t.ID, names(ahead)).Subjects = ahead
	}
	if len(h.Lost) > 0 {
		add(SinkLost, Damage, "sink %s lacks %s of %s: %s", name, count(len(h.Lost), "table", "tables"), t.ID, names(h.Lost)).Subjects = h.Lost
	}
	if h.Foreign > 0 {
		add(SinkCounts, Damage, "sink %s has %s of another practice among those of %s", name, count(int(h.Foreign), "row", "rows"), t.ID)
	}
	if h.Loose > 0 {
		add(SinkCounts, Damage, "sink %s has %s of %s whose resources it does not know", name, count(int(h.Loose), "row", "rows"), t.ID)
	}
	if x.Deep && len(h.Lost) == 0 {
		if off := different(h); len(off) > 0 {
			add(SinkCounts, Damage, "sink %s has other resources of %s than its receipts say: %s", name, t.ID, names(off)).Subjects = off
		}
	}
	return found, nil
}

// lacks gives the exports of which the ledger has the sink's receipt, and the
// sink nothing. What came before a full export that it has does not count: a
// sink that was moved away is made anew by a full export. Nor does what was
// erased from it on purpose.
func (x *Examination) lacks(ctx context.Context, name string, t store.Tenant, exports []store.Export, h sink.Holding) (lacks []string, err error) {
	marks, err := x.Ledger.In(t.ID).Marks(ctx)
	if err != nil {
		return nil, err
	}
	erased, _ := marks.Of("", "sink/"+name)
	for _, e := range exports {
		if e.RequestedAt.Before(erased.BegunAt) {
			continue
		}
		done, err := x.Ledger.In(t.ID).Publications(ctx, e.ID)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(done, func(d store.Publication) bool { return d.Sink == name }) {
			continue
		}
		_, has := h.Receipts[e.ID]
		whole := e.Mode == "full" && e.Since == "" && e.State == life.Completed && e.Purpose == store.Delivery && e.Plain()
		switch {
		case has && whole:
			lacks = nil
		case !has:
			lacks = append(lacks, e.ID)
		}
	}
	return lacks, nil
}

func unknown(exports []store.Export, h sink.Holding) (ahead []string) {
	for _, id := range slices.Sorted(maps.Keys(h.Receipts)) {
		if !slices.ContainsFunc(exports, func(e store.Export) bool { return e.ID == id }) {
			ahead = append(ahead, id)
		}
	}
	return ahead
}

// different gives the types of which there are other resources than the
// receipts add up to.
func different(h sink.Holding) (off []string) {
	expected := h.Expected()
	types := maps.Clone(expected)
	maps.Copy(types, h.Resources)
	for _, t := range slices.Sorted(maps.Keys(types)) {
		if h.Resources[t] != expected[t] {
			off = append(off, fmt.Sprintf("%s %d instead of %d", t, h.Resources[t], expected[t]))
		}
	}
	return off
}
