package uscore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A profile is the rules for a resource type as the rule files state them.
type profile struct {
	url      string
	typ      string
	parent   *profile // in the same guide, or the R4 type; nil for an R4 type
	fromType bool     // parent is the R4 type
	rules    []rule
}

// A rule is one line of a rule file: "need code 1" is a rule of kind "need"
// for path "code" with the argument "1".
type rule struct {
	kind, path string
	args       string // separated by spaces
	origin     string // the URL of the R4 type when the type demands it, else empty
}

func (r rule) same(o rule) bool { return r.kind == o.kind && r.path == o.path && r.args == o.args }

// depth says how many ancestors the profile has, the R4 type not counted.
func (p *profile) depth() int {
	n := 0
	for q := p; q.parent != nil && !q.fromType; q = q.parent {
		n++
	}
	return n
}

// has reports whether the profile has that rule.
func (p *profile) has(kind, path, args string) bool {
	return slices.ContainsFunc(p.rules, rule{kind: kind, path: path, args: args}.same)
}

// demands returns the URL of who demands r of a resource with this profile.
func (p *profile) demands(r rule) string { return cmp.Or(r.origin, p.url) }

// readProfiles reads a rule file. The parents of its profiles stand before
// them in the file or in types, by URL.
func readProfiles(name string, types map[string]*profile) ([]*profile, error) {
	seq, err := lines(name)
	if err != nil {
		return nil, err
	}
	var all []*profile
	known := map[string]*profile{}
	for words := range seq {
		switch words[0] {
		case "profile":
			p := &profile{url: words[1], typ: words[2]}
			if p.parent = known[words[4]]; p.parent == nil {
				p.parent = types[words[4]]
				p.fromType = p.parent != nil
			}
			if p.parent != nil {
				p.rules = slices.Clone(p.parent.rules)
			}
			all, known[p.url] = append(all, p), p
		case "+", "-":
			p := all[len(all)-1]
			r := rule{kind: words[1], path: words[2], args: strings.Join(words[3:], " ")}
			if words[0] == "-" {
				p.rules = slices.DeleteFunc(p.rules, r.same)
				continue
			}
			if types == nil {
				r.origin = p.url
			}
			p.rules = append(p.rules, r)
		default:
			return nil, fmt.Errorf("rules %s: unknown word %q", name, words[0])
		}
	}
	return all, nil
}

// A valueSet is the codes of a value set, by their systems.
type valueSet map[string][]string

// within reports whether v has codes and all of them are in w.
func (v valueSet) within(w valueSet) bool {
	for system, codes := range v {
		for _, c := range codes {
			if !slices.Contains(w[system], c) {
				return false
			}
		}
	}
	return len(v) > 0
}

func readValueSets() (map[string]valueSet, error) {
	seq, err := lines("valuesets")
	if err != nil {
		return nil, err
	}
	all := map[string]valueSet{}
	var last valueSet
	for words := range seq {
		if words[0] == "valueset" {
			last = valueSet{}
			all[words[1]] = last
			continue
		}
		last[words[1]] = words[2:]
	}
	return all, nil
}
