package uscore

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// Changes at random, of which the rules know nothing, must be judged as the
// oracle judges them.
func TestRandomChangesAreJudgedAsTheOracleJudges(t *testing.T) {
	for _, v := range Versions() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			w, random, compared := newWorkbench(t, v), rand.New(rand.NewPCG(7, 11)), 0
			for _, e := range everyExample(t, v) {
				if e.profiles(t) == nil {
					continue
				}
				words := texts(e.resource)
				for range 12 {
					r := clone(e.resource).(node)
					for range 1 + random.IntN(3) {
						disturb(random, r, words)
					}
					verdict := w.check(t, r)
					if !slices.ContainsFunc(verdict.Issues, func(i Issue) bool { return i.Rule == RuleType }) {
						compared++
						agree(t, e, "at random", r, verdict)
					}
				}
			}
			if compared < 100 {
				t.Errorf("only %d were compared", compared)
			}
		})
	}
}

// texts returns the strings of a value, and a few more.
func texts(v any) []string {
	all := []string{"", "x", "unknown", "http://loinc.org", "http://unitsofmeasure.org"}
	places(v, func(_ func(any), was any) {
		if s, ok := was.(string); ok {
			all = append(all, s)
		}
	})
	slices.Sort(all)
	return slices.Compact(all)
}

// disturb changes one thing of a resource but for its type and claims: it
// takes a member away, repeats the last item of a list or takes the first
// away, or puts another text in the place of one.
func disturb(random *rand.Rand, r node, words []string) {
	type spot struct {
		put func(any)
		was any
	}
	var spots []spot
	meta := r["meta"]
	delete(r, "meta")
	places(r, func(put func(any), was any) { spots = append(spots, spot{put, was}) })
	if meta != nil {
		r["meta"] = meta
	}
	if len(spots) == 0 {
		return
	}
	s := spots[random.IntN(len(spots))]
	switch was := s.was.(type) {
	case string:
		s.put(words[random.IntN(len(words))])
	case []any:
		if len(was) > 0 && random.IntN(2) == 0 {
			s.put(append(slices.Clone(was), clone(was[len(was)-1])))
		} else if len(was) > 0 {
			s.put(was[1:])
		}
	case node:
		if names := slices.Sorted(maps.Keys(was)); len(names) > 0 {
			delete(was, names[random.IntN(len(names))])
		}
	}
}
