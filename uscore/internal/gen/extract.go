package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// base names the version of the extract that holds the R4 types.
const base = "r4-4.0.1"

// An extract is the JSON file: versions of guides, and value sets.
type extract struct {
	guides    map[string]map[string]profile
	valueSets map[string]map[string][]string
	sources   map[string]string
}

type profile struct {
	Type, Base, Name string
	Required         []struct {
		Path, In string
		Min      int
	}
	MustSupport []string
	Binding     []struct{ Path, Strength, ValueSet string }
	Fixed       []struct {
		Path    string
		Fixed   string
		Pattern *pattern
	}
	Slices     map[string][]discriminator
	Choice     map[string][]string
	Invariants []struct{ Key, Path, Severity string }
	Selector   struct {
		Code         [][2]string
		CodeValueSet struct{ Coding [][2]string }
		Category     []struct {
			Slice  string
			Min    int
			Coding [][2]string
		}
	}
}

// A pattern is what an element must contain: a CodeableConcept with a coding,
// a Coding, or an Identifier with a system.
type pattern struct {
	Coding       []pattern
	System, Code string
}

type discriminator struct {
	Path, Fixed, Value, ValueSet string
	Type                         []string
	Pattern                      *pattern
}

func (e *extract) UnmarshalJSON(text []byte) error {
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	e.guides = map[string]map[string]profile{}
	for name, part := range parts {
		if strings.HasPrefix(name, "_") {
			continue
		}
		var g map[string]profile
		if err := json.Unmarshal(part, &g); err != nil {
			return err
		}
		e.guides[name] = g
	}
	var meta struct{ Sources map[string]string }
	if err := json.Unmarshal(parts["_meta"], &meta); err != nil {
		return err
	}
	e.sources = meta.Sources
	return json.Unmarshal(parts["_valueSets"], &e.valueSets)
}

func (e *extract) versions() []string { return slices.Sorted(maps.Keys(e.guides)) }

// parent returns the profile that a profile's rules are written against: its
// own parent in the same version, else the R4 type.
func (e *extract) parent(version string, p profile) (string, profile, bool) {
	if parent, ok := e.guides[version][p.Base]; ok {
		return p.Base, parent, true
	}
	if version == base {
		return "", profile{}, false
	}
	url := "http://hl7.org/fhir/StructureDefinition/" + p.Type
	parent, ok := e.guides[base][url]
	return url, parent, ok
}

// depth says how many ancestors a profile has in its version.
func (e *extract) depth(version, url string) int {
	n := 0
	for {
		p, ok := e.guides[version][url]
		if !ok {
			return n
		}
		url = p.Base
		n++
	}
}
