package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mostCodes is the longest list of codes that still tells a profile by itself.
const mostCodes = 5

// rules returns the rules of a profile, one line each. Paths are element ids
// without the type; "." is the resource.
func (w *writer) rules(p profile) map[string]bool {
	lines := map[string]bool{}
	add := func(format string, args ...any) { lines[fmt.Sprintf(format, args...)] = true }
	at := func(id string) string {
		if id == p.Type {
			return "."
		}
		return strings.TrimPrefix(id, p.Type+".")
	}
	for _, r := range p.Required {
		add("need %s %d", at(r.Path), r.Min)
	}
	for _, id := range p.MustSupport {
		add("must %s", at(id))
	}
	for _, b := range p.Binding {
		// 3.1.1 binds the values of all components to a list of units that lacks
		// the one it fixes for the flow of oxygen; the fixed units stand alone.
		_, listed := w.extract.valueSets[b.ValueSet]
		if listed && b.Strength == "required" && !strings.HasSuffix(b.Path, "[x]") {
			add("bind %s %s", at(b.Path), short(b.ValueSet))
			w.used[b.ValueSet] = true
		}
	}
	for _, f := range p.Fixed {
		switch {
		case !w.sliced(f.Path):
		case f.Pattern != nil:
			add("pattern %s %s", at(f.Path), f.Pattern.text())
		default:
			add("fixed %s %s", at(f.Path), short(f.Fixed))
		}
	}
	for _, id := range p.sliceIDs() {
		for _, how := range w.discriminate(id, p) {
			add("slice %s %s", at(id), how)
		}
	}
	for path, types := range p.Choice {
		if strings.Contains(path, ".dosageInstruction.") {
			continue // an element of the datatype, the same everywhere
		}
		add("choice %s %s", at(path), strings.Join(types, " "))
	}
	for _, i := range p.Invariants {
		add("invariant %s %s %s", at(i.Path), i.Key, i.Severity)
	}
	w.selector(p, add)
	return lines
}

func (w *writer) selector(p profile, add func(string, ...any)) {
	codes := p.Selector.Code
	for _, c := range codes {
		add("code . %s %s", short(c[0]), c[1])
	}
	if listed := p.Selector.CodeValueSet.Coding; len(listed) <= mostCodes {
		for _, c := range listed {
			add("anycode . %s %s", short(c[0]), c[1])
		}
	}
	for _, c := range p.Selector.Category {
		for _, coding := range c.Coding {
			add("category . %s %d %s %s", c.Slice, c.Min, short(coding[0]), coding[1])
		}
	}
}

func (p *pattern) text() string {
	switch {
	case len(p.Coding) == 1:
		return p.Coding[0].text()
	case p.Code == "":
		return "system " + short(p.System)
	}
	return "coding " + short(p.System) + " " + p.Code
}

// sliceIDs returns the ids of the slices that a profile's rules stand on.
func (p profile) sliceIDs() []string {
	var ids []string
	add := func(path string) {
		for i := range len(path) + 1 {
			if i < len(path) && path[i] != '.' {
				continue
			}
			if id := path[:i]; strings.Contains(id[strings.LastIndexByte(id, '.')+1:], ":") {
				ids = append(ids, id)
			}
		}
	}
	for id := range p.Slices {
		add(id)
	}
	for _, r := range p.Required {
		add(r.Path)
	}
	for _, f := range p.Fixed {
		add(f.Path)
	}
	for _, b := range p.Binding {
		add(b.Path)
	}
	for _, i := range p.Invariants {
		add(i.Path)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// sliced reports whether each slice that a path names is known.
func (w *writer) sliced(path string) bool {
	p := profile{Invariants: []struct{ Key, Path, Severity string }{{Path: path}}}
	for _, id := range p.sliceIDs() {
		if len(w.slices[id]) == 0 {
			return false
		}
	}
	return true
}

// knowSlices gathers how slices are known: as a profile says; where it does
// not, by the pattern or the value set that the slice must satisfy.
func (w *writer) knowSlices() {
	for _, version := range w.versions() {
		for _, url := range slices.Sorted(maps.Keys(w.guides[version])) {
			p := w.guides[version][url]
			for _, id := range p.sliceIDs() {
				if how := w.told(id, p); how != nil {
					w.slices[id] = how
				}
			}
		}
	}
}

// discriminate returns how an item of a slice is known: as the profile says,
// else as another version says.
func (w *writer) discriminate(id string, p profile) []string {
	if how := w.told(id, p); how != nil {
		return how
	}
	return w.slices[id]
}

func (w *writer) told(id string, p profile) []string {
	if entries := p.Slices[id]; entries != nil {
		return w.entryLines(entries)
	}
	for _, f := range p.Fixed {
		if f.Path == id && f.Pattern != nil {
			return []string{". " + f.Pattern.text()}
		}
	}
	for _, b := range p.Binding {
		if b.Path == id && b.Strength == "required" {
			return []string{". in " + short(b.ValueSet)}
		}
	}
	return nil
}

// entryLines writes discriminators as "WHERE coding SYSTEM CODE", "WHERE
// system SYSTEM", "WHERE in VALUESET", ". url URL" or ". type TYPE". A fixed
// code and a fixed system beside it are one coding.
func (w *writer) entryLines(entries []discriminator) []string {
	var lines []string
	var code, system string
	where := "."
	for _, e := range entries {
		at := strings.TrimPrefix(strings.TrimPrefix(e.Path, "$this"), ".")
		if at == "" {
			at = "."
		}
		parent, last, nested := "", at, false
		if i := strings.LastIndexByte(at, '.'); i > 0 {
			parent, last, nested = at[:i], at[i+1:], true
		}
		switch {
		case e.Pattern != nil:
			lines = append(lines, at+" "+e.Pattern.text())
		case e.ValueSet != "":
			w.used[e.ValueSet] = true
			lines = append(lines, at+" in "+short(e.ValueSet))
		case e.Type != nil:
			lines = append(lines, ". type "+e.Type[0])
		case e.Value != "":
			lines = append(lines, ". url "+short(e.Value))
		case last == "code":
			code = e.Fixed
		case last == "system":
			system = e.Fixed
		}
		if nested {
			where = strings.TrimSuffix(strings.TrimSuffix(parent, "coding"), ".")
			if where == "" {
				where = "."
			}
		}
	}
	if code != "" {
		lines = append(lines, where+" coding "+short(system)+" "+code)
	}
	return lines
}
