package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// prefixes shorten the URLs of the files.
var prefixes = [][2]string{
	{"us:", "http://hl7.org/fhir/us/core/"},
	{"vsac:", "http://cts.nlm.nih.gov/fhir/ValueSet/"},
	{"term:", "http://terminology.hl7.org/CodeSystem/"},
	{"def:", "http://hl7.org/fhir/StructureDefinition/"},
	{"fhir:", "http://hl7.org/fhir/"},
	{"loinc:", "http://loinc.org"},
	{"ucum:", "http://unitsofmeasure.org"},
}

// A writer turns the extract into rule files.
type writer struct {
	extract

	slices map[string][]string // how a slice is known, by its element id
	used   map[string]bool     // value sets that a rule names
}

func short(url string) string {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(url, p[1]); ok {
			return p[0] + rest
		}
	}
	return url
}

func (w *writer) header(b *bytes.Buffer, source string) {
	fmt.Fprintf(b, "# Written by uscore/internal/gen; do not edit. The form is described in README.md.\n# Origin: %s.\n", source)
	b.WriteString("# The definitions are HL7's, licensed CC0-1.0 (public domain).\n")
	for _, p := range prefixes {
		fmt.Fprintf(b, "prefix %s %s\n", p[0], p[1])
	}
}

// version returns the rule file of one version: each profile as what it adds
// to its parent and what it takes away.
func (w *writer) version(version string) []byte {
	var b bytes.Buffer
	w.header(&b, w.sources[version])
	urls := slices.SortedFunc(maps.Keys(w.guides[version]), func(x, y string) int {
		return cmp.Or(cmp.Compare(w.depth(version, x), w.depth(version, y)), strings.Compare(x, y))
	})
	for _, url := range urls {
		p := w.guides[version][url]
		parent, inherited := "-", map[string]bool{}
		if name, q, ok := w.parent(version, p); ok {
			parent, inherited = short(name), w.rules(q)
		}
		fmt.Fprintf(&b, "\nprofile %s %s %s %s\n", short(url), p.Type, p.Name, parent)
		own := w.rules(p)
		for _, line := range slices.Sorted(maps.Keys(own)) {
			if !inherited[line] {
				fmt.Fprintf(&b, "+ %s\n", line)
			}
		}
		for _, line := range slices.Sorted(maps.Keys(inherited)) {
			// The invariants of a type hold for its profiles, which do not repeat them.
			if !own[line] && !(strings.HasPrefix(parent, "def:"+p.Type) && strings.HasPrefix(line, "invariant ")) {
				fmt.Fprintf(&b, "- %s\n", line)
			}
		}
	}
	return b.Bytes()
}

// valueSets returns the file of the codes that rules ask for.
func (w *writer) valueSets() []byte {
	var b bytes.Buffer
	w.header(&b, "the value sets of required bindings in the versions beside this file")
	for _, url := range slices.Sorted(maps.Keys(w.used)) {
		fmt.Fprintf(&b, "\nvalueset %s\n", short(url))
		systems := w.extract.valueSets[url]
		for _, system := range slices.Sorted(maps.Keys(systems)) {
			if !strings.HasPrefix(system, "_") {
				fmt.Fprintf(&b, "codes %s %s\n", short(system), strings.Join(systems[system], " "))
			}
		}
	}
	return b.Bytes()
}
