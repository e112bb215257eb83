package sandbox

import (
	"net/http"
	"slices"
)

// The extensions that AB2D gives to output items.
const (
	checksumExtension = "https://ab2d.cms.gov/checksum"
	lengthExtension   = "https://ab2d.cms.gov/file_length"
	strangeExtension  = "https://bulkhead.example/strange"
)

// addExtras adds to a manifest what no standard names.
func (e *export) addExtras(m map[string]any, k Knobs) {
	for _, extra := range k.Extras {
		switch extra {
		case ExtraJobID:
			m["JobID"] = e.ordinal + 1
		case ExtraMembers:
			m["strange"] = map[string]any{"list": []int{1, 2}, "output": "not a list"}
			m["extension"] = e.strange()
		}
	}
}

// strange is an unknown extension in the form of the release: an object keyed
// by name, or, in STU4, a list of FHIR extensions.
func (e *export) strange() any {
	if e.wish.dialect == STU4 {
		return []any{map[string]any{"url": strangeExtension, "valueBoolean": true}}
	}
	return map[string]any{strangeExtension: true}
}

// addItemExtras adds to an item what no standard names.
func (e *export) addItemExtras(x *exchange, item map[string]any, f *file) {
	for _, extra := range x.k.Extras {
		switch extra {
		case ExtraMembers:
			item["strange"] = nil
			if !slices.Contains(x.k.Extras, ExtraChecksum) {
				item["extension"] = e.strange()
			}
		case ExtraChecksum:
			item["extension"] = e.checksum(x, f)
		case ExtraModifier:
			if f.number == 1 {
				item["modifierExtension"] = []any{map[string]any{"url": strangeExtension, "valueBoolean": true}}
			}
		}
	}
}

// checksum is a file's SHA-256 and length as AB2D tells them, in a list in
// every release.
func (e *export) checksum(x *exchange, f *file) []any {
	r := rendering{e: e, f: f}
	sum, err := r.checksum(x.r.Context())
	size, err2 := r.size(x.r.Context())
	if err != nil || err2 != nil {
		panic(http.ErrAbortHandler) // the client has gone, or the records cannot be read
	}
	return []any{
		map[string]any{"url": checksumExtension, "valueString": "sha256:" + sum},
		map[string]any{"url": lengthExtension, "valueDecimal": size},
	}
}
