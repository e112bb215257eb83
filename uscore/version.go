package uscore

import "slices"

// A Version names the set of rules to check against.
type Version string

// The versions. The first four are of US Core; R4 is the base definition of
// the FHIR types without any guide.
const (
	V311 Version = "3.1.1"
	V610 Version = "6.1.0"
	V700 Version = "7.0.0"
	V800 Version = "8.0.0"
	R4   Version = "r4"

	// Default is the version that US regulation asks for since 2026-01-01.
	Default = V610
)

// Versions returns all versions, oldest guide first and R4 last.
func Versions() []Version { return slices.Clone(versions) }

var versions = []Version{V311, V610, V700, V800, R4}
