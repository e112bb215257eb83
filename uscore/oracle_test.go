package uscore

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The oracle judges the counted rules of a profile plainly, rule by rule and
// path by path, over decoded JSON. It is the specification that the compiled
// rules are compared with. Invariants and wrong types are not its business.
type oracle struct {
	guide   *Guide
	profile *profile
}

// A finding is a broken rule at a path.
type finding struct{ rule, path string }

type node = map[string]any

// onlyExtended stands for a primitive that is there by its extensions alone.
type onlyExtended struct{}

func (o oracle) judge(resource node) map[finding]bool {
	found := map[finding]bool{}
	for _, r := range slices.Concat(o.profile.rules, datatypeRules(o.profile.typ)) {
		words := strings.Fields(r.args)
		path := o.profile.typ
		if r.path != "." {
			path += "." + r.path
		}
		switch r.kind {
		case "need":
			parent, step := above(r.path)
			least, _ := strconv.Atoi(words[0])
			for _, in := range o.at(resource, parent) {
				if m, ok := in.(node); ok && len(o.items(m, parent, step)) < least {
					rule := RuleRequired
					if strings.Contains(step, ":") {
						rule = RuleSlice
					}
					found[finding{rule, path}] = true
				}
			}
		case "fixed":
			for _, v := range o.at(resource, r.path) {
				if s, ok := v.(string); ok && s != words[0] {
					found[finding{RuleFixed, path}] = true
				}
			}
		case "pattern":
			for _, v := range o.at(resource, r.path) {
				if words[0] == "coding" && !hasCode(v, valueSet{words[1]: words[2:3]}) || words[0] == "system" && v.(node)["system"] != words[1] {
					found[finding{RuleFixed, path}] = true
				}
			}
		case "bind":
			for _, v := range o.at(resource, r.path) {
				if !hasCode(v, o.guide.sets[words[0]]) && !absent(v) {
					found[finding{RuleBinding, path}] = true
				}
			}
		}
	}
	return found
}

// at returns every instance of a path.
func (o oracle) at(resource node, path string) []any {
	if path == "." {
		return []any{resource}
	}
	parent, step := above(path)
	var all []any
	for _, p := range o.at(resource, parent) {
		if m, ok := p.(node); ok {
			all = append(all, o.items(m, parent, step)...)
		}
	}
	if o.profile.typ == "QuestionnaireResponse" && path == "item" {
		for i := 0; i < len(all); i++ {
			m := all[i].(node)
			all = append(all, present(m, "item")...)
			for _, a := range present(m, "answer") {
				all = append(all, present(a.(node), "item")...)
			}
		}
	}
	return all
}

// items returns the items of an element or slice of m, which stands at path.
func (o oracle) items(m node, path, step string) []any {
	name, slice, sliced := strings.Cut(step, ":")
	if !strings.HasSuffix(name, "[x]") {
		items := present(m, name)
		if sliced {
			items = slices.DeleteFunc(items, func(v any) bool { return !o.belongs(v, join(strings.TrimPrefix(path, "."), step)) })
		}
		return items
	}
	var all []any
	for _, json := range choiceNames(m, name) {
		if !sliced || json == slice {
			all = append(all, present(m, json)...)
		}
	}
	return all
}

// choiceNames returns the members of m that are the choice element name.
func choiceNames(m node, name string) []string {
	stem := strings.TrimSuffix(name, "[x]")
	var names []string
	for k := range m {
		k = strings.TrimPrefix(k, "_")
		if rest, ok := strings.CutPrefix(k, stem); ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z' && !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	return names
}

// present returns the items of a member that are there.
func present(m node, name string) []any {
	items := slices.DeleteFunc(list(m[name]), func(v any) bool {
		inner, object := v.(node)
		return v == nil || v == "" || object && len(inner) == 0
	})
	if len(items) == 0 {
		for _, v := range list(m["_"+name]) {
			if x, ok := v.(node); ok && len(list(x["extension"])) > 0 {
				return []any{onlyExtended{}}
			}
		}
	}
	return items
}

func list(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return slices.Clone(v)
	}
	return []any{v}
}

func (o oracle) belongs(v any, path string) bool {
	m, ok := v.(node)
	if !ok {
		return false
	}
	for _, r := range o.profile.rules {
		if r.kind != "slice" || r.path != path {
			continue
		}
		words := strings.Fields(r.args)
		at := any(m)
		if words[0] != "." {
			at = m[words[0]]
		}
		switch words[1] {
		case "coding":
			return hasCode(at, valueSet{words[2]: words[3:4]})
		case "in":
			return hasCode(at, o.guide.sets[words[2]])
		case "system":
			return m["system"] == words[2]
		case "url":
			return m["url"] == words[2]
		}
	}
	return false
}

// hasCode reports whether a code, Coding or CodeableConcept is of the set.
func hasCode(v any, set valueSet) bool {
	switch v := v.(type) {
	case onlyExtended:
		return true
	case string:
		for _, codes := range set {
			if slices.Contains(codes, v) {
				return true
			}
		}
	case node:
		if code, ok := v["code"].(string); ok {
			system, _ := v["system"].(string)
			return slices.Contains(set[system], code)
		}
		return slices.ContainsFunc(list(v["coding"]), func(c any) bool { return hasCode(c, set) })
	}
	return false
}

func absent(v any) bool {
	m, ok := v.(node)
	return ok && slices.ContainsFunc(list(m["extension"]), func(e any) bool { return e.(node)["url"] == absentReason })
}

// remove takes all items of an element or slice out of m.
func (o oracle) remove(m node, path, step string) {
	name, slice, sliced := strings.Cut(step, ":")
	if strings.HasSuffix(name, "[x]") {
		for _, json := range choiceNames(m, name) {
			if !sliced || json == slice {
				delete(m, json)
				delete(m, "_"+json)
			}
		}
		return
	}
	if !sliced {
		delete(m, name)
		delete(m, "_"+name)
		return
	}
	rest := slices.DeleteFunc(list(m[name]), func(v any) bool { return o.belongs(v, join(strings.TrimPrefix(path, "."), step)) })
	if m[name] = rest; len(rest) == 0 {
		delete(m, name)
	}
}

// clone returns a deep copy.
func clone(v any) any {
	switch v := v.(type) {
	case node:
		c := maps.Clone(v)
		for k := range c {
			c[k] = clone(c[k])
		}
		return c
	case []any:
		c := slices.Clone(v)
		for i := range c {
			c[i] = clone(c[i])
		}
		return c
	}
	return v
}
