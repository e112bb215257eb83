package uscore

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// counted are the rules that the oracle judges too.
func counted(v Verdict) map[finding]bool {
	found := map[finding]bool{}
	for _, i := range v.Issues {
		switch i.Rule {
		case RuleRequired, RuleSlice, RuleFixed, RuleBinding:
			found[finding{i.Rule, i.Path}] = true
		}
	}
	return found
}

// agree compares a verdict with the oracle's on all profiles of the example.
func agree(t *testing.T, e example, what string, r node, v Verdict) {
	t.Helper()
	want := map[finding]bool{}
	for _, p := range e.profiles(t) {
		maps.Copy(want, oracle{guide(t, e.version), p}.judge(r))
	}
	if got := counted(v); !maps.Equal(got, want) {
		t.Errorf("%s, %s: found %v, the oracle finds %v", e.name, what, got, want)
	}
}

func findsError(v Verdict, path string, rules ...string) bool {
	return v.Level == Error && slices.ContainsFunc(v.Issues, func(i Issue) bool {
		return i.Path == path && i.Severity == SeverityError && slices.Contains(rules, i.Rule)
	})
}

func TestRemovingARequiredElementIsAnErrorAtItsPath(t *testing.T) {
	for _, v := range Versions() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			w, removed := newWorkbench(t, v), 0
			for _, e := range everyExample(t, v) {
				for _, p := range e.profiles(t) {
					removed += removeEach(t, w, e, oracle{w.guide, p})
				}
			}
			t.Logf("%d elements removed", removed)
			if removed < 60 {
				t.Errorf("only %d elements removed", removed)
			}
		})
	}
}

// removeEach removes, rule by rule, the required element from each instance
// of its parent, and returns how many it removed.
func removeEach(t *testing.T, w *workbench, e example, o oracle) int {
	n := 0
	for _, r := range o.profile.rules {
		if r.kind != "need" {
			continue
		}
		parent, step := above(r.path)
		for i := range o.at(e.resource, parent) {
			broken := clone(e.resource).(node)
			m, ok := o.at(broken, parent)[i].(node)
			if !ok || len(o.items(m, parent, step)) == 0 {
				continue
			}
			o.remove(m, parent, step)
			if len(m) == 0 || len(o.at(broken, parent)) <= i {
				continue // with its last element the parent is gone as well
			}
			n++
			verdict := w.check(t, broken)
			path := e.typ() + "." + r.path
			if list, _ := cutSlice(parent); step == "url" {
				path = e.typ() + "." + list + ".url" // without it the item is none of the slice
			}
			if !findsError(verdict, path, RuleRequired, RuleSlice) && !tellsOptionalSlice(o, r.path) {
				t.Errorf("%s without %s (instance %d): %+v", e.name, path, i, verdict)
			}
			agree(t, e, "without "+r.path, broken, verdict)
		}
	}
	return n
}

func TestAWrongValueIsAnError(t *testing.T) {
	for _, v := range Versions() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			w, changed := newWorkbench(t, v), map[string]int{}
			for _, e := range everyExample(t, v) {
				if e.profiles(t) == nil {
					continue
				}
				agree(t, e, "as it is", e.resource, w.check(t, e.resource))
				for _, p := range e.profiles(t) {
					changeEach(t, w, e, oracle{w.guide, p}, changed)
				}
			}
			t.Logf("changed: %v", changed)
			if changed["bind"] < 30 || v != R4 && (changed["fixed"] < 30 || changed["pattern"] < 20) {
				t.Errorf("too little was changed: %v", changed)
			}
		})
	}
}

// changeEach spoils each value that is fixed, has a pattern or is bound.
func changeEach(t *testing.T, w *workbench, e example, o oracle, changed map[string]int) {
	for _, r := range o.profile.rules {
		if r.kind != "fixed" && r.kind != "pattern" && r.kind != "bind" {
			continue
		}
		for i := range o.at(e.resource, r.path) {
			broken := clone(e.resource).(node)
			if !spoil(o, broken, r, i) {
				continue
			}
			changed[r.kind]++
			verdict := w.check(t, broken)
			agree(t, e, "with another "+r.path, broken, verdict)
			rule := RuleFixed
			if r.kind == "bind" {
				rule = RuleBinding
			}
			path := e.typ() + "." + r.path
			if !tellsSlice(o, r.path) && !findsError(verdict, path, rule) {
				t.Errorf("%s with another %s: %+v", e.name, path, verdict)
			}
		}
	}
}

// tellsSlice reports whether the value is what its item is known by as one of
// a slice, so that another value only makes it none of the slice.
func tellsSlice(o oracle, path string) bool {
	return slices.ContainsFunc(o.profile.rules, func(r rule) bool {
		return r.kind == "slice" && (r.path == path || strings.HasPrefix(path, r.path+".") &&
			!strings.Contains(path[len(r.path):], ".value[x]"))
	})
}

// tellsOptionalSlice reports whether what is removed is what an item is known
// by as one of a slice that nothing requires. Then no rule is broken.
func tellsOptionalSlice(o oracle, path string) bool {
	parent, step := above(path)
	return slices.ContainsFunc(o.profile.rules, func(r rule) bool {
		return r.kind == "slice" && r.path == parent && strings.HasPrefix(r.args, step+" ")
	})
}

// spoil changes the i-th value at the rule's path, and reports whether it could.
func spoil(o oracle, resource node, r rule, i int) bool {
	const other = "something-else"
	switch v := o.at(resource, r.path)[i].(type) {
	case node:
		codings := list(v["coding"])
		if v["coding"] == nil {
			codings = []any{v}
		}
		for _, c := range codings {
			if _, coded := c.(node)["code"]; coded {
				c.(node)["code"] = other
			} else {
				c.(node)["system"] = other
			}
		}
		return len(codings) > 0
	case string:
		parent, step := above(r.path)
		at := 0
		for _, p := range o.at(resource, parent) {
			m := p.(node)
			n := len(o.items(m, parent, step))
			if at+n > i {
				if array, ok := m[step].([]any); ok {
					array[i-at] = other
				} else {
					m[step] = other
				}
				return true
			}
			at += n
		}
	}
	return false
}
