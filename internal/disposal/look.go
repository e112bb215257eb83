package disposal

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Facts are what is known of a practice when it is looked at.
type Facts struct {
	Agreement *config.Agreement
	Exports   []store.Export // of which something may be left, the oldest first
	Marks     store.Marks
	OverAt    time.Time // since when the agreement is over; zero while it is not
	Returned  bool      // what there was is handed back
	Destroyed time.Time // when everything was, at the end of the agreement; zero: it was not, or an export was begun since
	AtOnce    bool      // a person wants no pause between the end of the agreement and the destruction
	Now       time.Time
}

// A Verdict says what becomes of one area of one export.
type Verdict struct {
	Export store.Export
	Area   Area
	agreement.Disposal
	Begun bool // it is on its way out already
}

// Look says what becomes of all that is left of the exports' areas. It is pure.
func Look(f Facts) []Verdict {
	origins := replayed(f.Exports)
	ends := endsOf(f.Exports)
	var list []Verdict
	for _, x := range f.Exports {
		for _, a := range Areas {
			mark, begun := f.Marks.Of(x.ID, string(a.Kind))
			if begun && !mark.EndedAt.IsZero() {
				continue
			}
			k := agreement.Kept{Kind: a.Kind, Ended: f.OverAt, Returned: f.Returned}
			if x.State.Over() {
				k.Since = x.EndedAt
				if from := ends[x.Origin]; x.Origin != "" && !from.IsZero() {
					k.Since = from // its lines came with another export
				}
			}
			k.Resumable = resumable(x, f.Exports) || origins.need(x, a.Kind)
			list = append(list, Verdict{x, a, f.decide(k), begun})
		}
	}
	return list
}

// decide is agreement.Dispose, without the pause where a person wants none.
func (f Facts) decide(k agreement.Kept) agreement.Disposal {
	d := agreement.Dispose(f.Agreement, k, f.Now)
	if _, over := agreement.Over(f.Agreement, f.Now); over && f.AtOnce && d.Rule == agreement.Frozen {
		d.Due, d.Rule = true, agreement.AgreementOver
	}
	return d
}

func endsOf(exports []store.Export) map[string]time.Time {
	ends := map[string]time.Time{}
	for _, x := range exports {
		ends[x.ID] = x.EndedAt
	}
	return ends
}

// resumable reports whether a failed export may be taken up again to any use:
// none of the same stream, or replay of the same lines, has completed since.
func resumable(x store.Export, all []store.Export) bool {
	if x.State != life.Failed {
		return false
	}
	for _, y := range all {
		if y.State == life.Completed && y.RequestedAt.After(x.RequestedAt) && y.Origin == x.Origin && y.Stream == x.Stream {
			return false
		}
	}
	return true
}

// origins are the exports whose refused lines a replay takes again, or may, by
// id, with when they were requested.
type origins map[string]time.Time

func replayed(all []store.Export) origins {
	open := origins{}
	for _, x := range all {
		if x.Purpose == store.Replay && (!x.State.Over() || resumable(x, all)) {
			open[x.Origin] = time.Time{}
		}
	}
	for _, x := range all {
		if _, ok := open[x.ID]; ok {
			open[x.ID] = x.RequestedAt
		}
	}
	return open
}

// need reports whether a replay needs an area of an export: the refused lines
// of its origin, and what the origin and later exports said of the same resources.
func (o origins) need(x store.Export, kind agreement.Kind) bool {
	for origin, requested := range o {
		switch {
		case kind == agreement.KindQuarantine && (x.ID == origin || x.Origin == origin):
			return true
		case kind == agreement.KindStaged && !x.RequestedAt.Before(requested):
			return true
		}
	}
	return false
}
