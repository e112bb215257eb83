// Package uscore checks FHIR R4 resources against the profiles of US Core
// (https://hl7.org/fhir/us/core/), versions 3.1.1, 6.1.0, 7.0.0 and 8.0.0, or
// against the R4 types alone.
//
// It chooses the profile of a resource, from meta.profile or from its codes
// and categories, and checks what the profile demands: required elements at
// every place where they stand, slices, fixed values and patterns, required
// bindings whose codes can be listed, the types of choice elements, and the
// invariants, which are written in Go. The rules of all profiles of a type are
// compiled once; a check is one walk over the nodes of a parsed
// [tape.Tape] and allocates nothing.
//
// It never evaluates FHIRPath, asks a terminology server, follows a reference
// or reads contained resources, and nothing of a resource's content gets into
// its findings. What it does not check, and why, stands in docs/us-core.md.
package uscore

//go:generate go run ./internal/gen -from $US_CORE_EXTRACT -to rules
