package disposal

import (
	"cmp"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
)

// A Date is when something of a practice goes, if its agreement stays as it is.
type Date struct {
	At      time.Time      // when it must go, or had to
	Due     bool           // with the next round
	What    agreement.Kind // an area; KindDelivered stands for everything, at the end of the agreement
	Exports int            // of how many; 0 for everything
	Rule    agreement.Rule // why
}

// Calendar says what of a practice goes when, the next first: of each area what
// goes on one day, in UTC, together. What nobody can date, such as what a legal
// hold or a replay keeps, is not in it. It is pure.
func Calendar(f Facts) []Date {
	if _, over := agreement.Over(f.Agreement, f.Now); over {
		d := f.decide(agreement.Kept{Kind: agreement.KindDelivered, Ended: f.OverAt, Returned: f.Returned})
		if d.At.IsZero() || f.OverAt.IsZero() {
			return nil
		}
		return []Date{{At: d.At, Due: d.Due, What: agreement.KindDelivered, Rule: d.Rule}}
	}
	type key struct {
		day  string
		kind agreement.Kind
		due  bool
	}
	at := map[key]int{}
	var list []Date
	for _, v := range Look(f) {
		if v.At.IsZero() {
			continue
		}
		k := key{v.At.UTC().Format(time.DateOnly), v.Area.Kind, v.Due}
		i, known := at[k]
		if !known {
			i = len(list)
			at[k], list = i, append(list, Date{At: v.At, Due: v.Due, What: v.Area.Kind, Rule: v.Rule})
		}
		list[i].Exports++
		if v.At.Before(list[i].At) {
			list[i].At = v.At
		}
	}
	slices.SortStableFunc(list, func(a, b Date) int {
		return cmp.Or(a.At.UTC().Truncate(24*time.Hour).Compare(b.At.UTC().Truncate(24*time.Hour)),
			cmp.Compare(slices.Index(agreement.Kinds, a.What), slices.Index(agreement.Kinds, b.What)))
	})
	return list
}
