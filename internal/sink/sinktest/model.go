package sinktest

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A model is the contract in the plainest words: a map.
type model struct {
	there     map[string]map[string]line // tenant, then "Type/id"
	receipts  map[string][]sink.TypeCount
	delivered []*delivery
}

// publish does what the comment on sink.Sink says.
func (m *model) publish(d *delivery) []sink.TypeCount {
	name := d.tenant + "/" + d.export
	if first, again := m.receipts[name]; again {
		return first
	}
	m.delivered = append(m.delivered, d)
	if m.there[d.tenant] == nil {
		m.there[d.tenant] = map[string]line{}
	}
	there, counts := m.there[d.tenant], map[string]*sink.TypeCount{}
	count := func(l line) *sink.TypeCount {
		if counts[l.resourceType] == nil {
			counts[l.resourceType] = &sink.TypeCount{ResourceType: l.resourceType}
		}
		return counts[l.resourceType]
	}
	winners := map[string]line{}
	for _, f := range d.files {
		for _, l := range f.lines {
			l.partial = l.partial || d.partial
			if d.holdsBack(l) {
				count(l).Double++
				continue
			}
			old, double := winners[l.key()]
			if double {
				count(l).Double++
			}
			if !double || old.partial && !l.partial || old.partial == l.partial && !later(old, l, false) {
				winners[l.key()] = l
			}
		}
	}
	for key, l := range there {
		_, stays := winners[key]
		held := !d.taken && slices.ContainsFunc(d.withheld, func(w line) bool { return w.key() == key }) && (!d.again || d.holdsBack(l))
		if !stays && !d.said(key) && (held || slices.Contains(d.deleted, key) || !d.partial && slices.Contains(d.replace, l.resourceType)) {
			delete(there, key)
			if count(l).Deleted++; held {
				count(l).Withheld++
			}
		}
	}
	for key, l := range winners {
		old, known := there[key]
		switch {
		case d.said(key):
			count(l).Unchanged++
			continue
		case !known:
			count(l).New++
		case old.partial && !l.partial:
			count(l).Changed++
		case l.partial && !old.partial || old.contentHash() == l.contentHash() || later(old, l, true):
			count(l).Unchanged++
			continue
		default:
			count(l).Changed++
		}
		there[key] = l
	}
	var types []sink.TypeCount
	for _, c := range slices.SortedFunc(maps.Values(counts), func(a, b *sink.TypeCount) int { return cmp.Compare(a.ResourceType, b.ResourceType) }) {
		types = append(types, *c)
	}
	m.receipts[name] = types
	return types
}

// said reports whether later deliveries have spoken of a resource.
func (d *delivery) said(key string) bool {
	return slices.Contains(d.later, key) || slices.Contains(d.laterDeleted, key) || slices.Contains(d.laterWithheld, key)
}

// holdsBack reports whether a delivered line does not count, because one of its
// resource is withheld that is not known to be older.
func (d *delivery) holdsBack(l line) bool {
	return !d.taken && slices.ContainsFunc(d.withheld, func(w line) bool {
		return w.key() == l.key() && !(l.ts() != nil && w.ts() != nil && later(l, w, true))
	})
}

// later says whether a's last_updated is later than b's. Among doubles an
// unknown one is the oldest; against what is there it decides nothing.
func later(a, b line, bothKnown bool) bool {
	if a.ts() == nil || b.ts() == nil {
		return !bothKnown && a.ts() != nil && b.ts() == nil
	}
	return a.ts().(time.Time).After(b.ts().(time.Time))
}

// rows are a table's rows as brief gives them.
func (m *model) rows(name string, tenants []string) []string {
	var list []string
	for _, tenant := range tenants {
		for key, l := range m.there[tenant] {
			values := []string{l.value}
			if name == identifier.Name {
				values = l.children
			} else if deliver("", "").main(l.resourceType) != name {
				continue
			}
			for _, v := range values {
				list = append(list, tenant+" "+key+" "+v)
			}
		}
	}
	return sorted(list)
}

// testModel compares the sink to the model after each step of random runs.
func testModel(t *testing.T, h Harness) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		// A run costs many fsyncs; who wants more says -rapid.checks.
		f.Value.Set("4")
		defer f.Value.Set(f.DefValue)
	}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++ // each run has tenants of its own, so that storage is made once
		tenants := []string{fmt.Sprintf("north%d", run), fmt.Sprintf("south%d", run)}
		m := &model{there: map[string]map[string]line{}, receipts: map[string][]sink.TypeCount{}}
		s := h.Open(t)
		stage := &stage{T: t, dir: t.TempDir()}
		for step := range rapid.IntRange(1, 5).Draw(rt, "steps") {
			d := drawDelivery(rt, rapid.SampledFrom(tenants).Draw(rt, "tenant"), fmt.Sprintf("e%d", step))
			if len(m.delivered) > 0 && rapid.IntRange(0, 3).Draw(rt, "again") == 0 {
				d = rapid.SampledFrom(m.delivered).Draw(rt, "export")
			}
			if rapid.IntRange(0, 3).Draw(rt, "new process") == 0 {
				s = h.Open(t)
			}
			staged := stage.write(d)
			if rapid.IntRange(0, 3).Draw(rt, "lost reply") == 0 {
				(loseReply{s}).Publish(t.Context(), staged) // the next Publish tells whether it was done
			}
			r, err := s.Publish(t.Context(), staged)
			if err != nil {
				rt.Fatalf("Publish: %v", err)
			}
			if diff := gocmp.Diff(m.publish(d), r.Types); diff != "" {
				rt.Fatalf("receipt (-model +sink):\n%s", diff)
			}
			compare(t, rt, h, m, tenants)
		}
	})
}

func compare(t *testing.T, rt *rapid.T, h Harness, m *model, tenants []string) {
	for _, table := range []table.Table{patient, identifier, observation, table.Resource} {
		c := h.Read(t, table.Name)
		c.Rows = slices.DeleteFunc(c.Rows, func(r Row) bool { return !slices.Contains(tenants, r["tenant_id"].(string)) })
		if diff := gocmp.Diff(m.rows(table.Name, tenants), brief(c)); diff != "" {
			rt.Fatalf("table %s (-model +sink):\n%s", table.Name, diff)
		}
	}
}

func drawDelivery(rt *rapid.T, tenant, export string) *delivery {
	lines := rapid.SliceOfN(rapid.Custom(drawLine), 0, 8).Draw(rt, "lines")
	d := deliver(tenant, export, lines...)
	d.partial = rapid.IntRange(0, 3).Draw(rt, "partial") == 0
	d.deleted = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) string { return drawLine(rt).key() }), 0, 3).Draw(rt, "deleted")
	if rapid.IntRange(0, 3).Draw(rt, "late") == 0 {
		d.later = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) string { return drawLine(rt).key() }), 0, 3).Draw(rt, "later")
		d.laterDeleted = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) string { return drawLine(rt).key() }), 0, 2).Draw(rt, "later deleted")
	}
	if rapid.IntRange(0, 2).Draw(rt, "withholds") == 0 {
		d.withheld = rapid.SliceOfN(rapid.Custom(drawLine), 1, 3).Draw(rt, "withheld")
		d.again = rapid.Bool().Draw(rt, "again")
		d.laterWithheld = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) string { return drawLine(rt).key() }), 0, 1).Draw(rt, "later withheld")
	}
	d.replace = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"Patient", "Observation", "Basic", "Device"}), 0, 2, rapid.ID[string]).Draw(rt, "replace")
	return d
}

func drawLine(rt *rapid.T) line {
	l := line{
		resourceType: rapid.SampledFrom([]string{"Patient", "Patient", "Observation", "Basic", "Device"}).Draw(rt, "type"),
		id:           rapid.SampledFrom([]string{"1", "2", "3"}).Draw(rt, "id"),
		updated:      rapid.SampledFrom([]string{"", t1, t2, t3}).Draw(rt, "updated"),
		partial:      rapid.IntRange(0, 3).Draw(rt, "subsetted") == 0,
		value:        rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "value"),
	}
	if l.resourceType == "Patient" {
		l.children = rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 3).Draw(rt, "children")
	}
	return l
}
