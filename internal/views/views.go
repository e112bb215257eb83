// Package views holds the tables that resources become: the built-in SQL on
// FHIR ViewDefinitions of r4/, the views of a user's own folders, and the
// shape of each table that follows from a view.
//
// A type's main view has the snake_case name of the type and gives one row for
// each resource; the type's other views are its child tables. The package
// never evaluates a view and never sees a resource.
//
// https://sql-on-fhir.org/ig/2.0.0/StructureDefinition-ViewDefinition.html
package views

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// A View is a view with the table that its rows form.
type View struct {
	*sqlonfhir.View
	File  string      // where it was read; a built-in view's is "r4/<name>.json"
	Table table.Table // named as the view
	Fills []Fill      // how each column of Table is filled, in the table's order

	digest  uint64   // of the file's text
	origins []origin // of its columns
	where   string
}

// Main reports whether v is its type's main view: one row for each resource.
func (v View) Main() bool { return v.Name == fhir.SnakeCase(v.Resource) }

// A Set is a checked set of views. It is immutable and safe for concurrent use.
type Set struct {
	byType map[string][]View // main view first, the others by name
}

// Fingerprint changes whenever a view of the resource type is added, removed
// or edited. It is 0 for a type without views.
func (s *Set) Fingerprint(resourceType string) uint64 {
	var sum uint64
	for _, v := range s.byType[resourceType] {
		sum = sum*31 + v.digest
	}
	return sum
}

// Types returns the resource types that have views, in alphabetical order.
func (s *Set) Types() []string {
	types := make([]string, 0, len(s.byType))
	for t := range s.byType {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}

// For returns the views of a resource type: the main view, then the others by
// name. It returns nil for a type without views, whose resources belong in
// table.Resource. The caller must not change the slice.
func (s *Set) For(resourceType string) []View { return s.byType[resourceType] }

// Definitions returns the definitions of the views of a resource type, in the
// order of For, to be compiled; nil for a type without views.
func (s *Set) Definitions(resourceType string) []*sqlonfhir.View {
	var all []*sqlonfhir.View
	for _, v := range s.byType[resourceType] {
		all = append(all, v.View)
	}
	return all
}

// Tables returns the tables of a resource type, in the order of For; nil for a
// type without views.
func (s *Set) Tables(resourceType string) []table.Table {
	var tables []table.Table
	for _, v := range s.byType[resourceType] {
		tables = append(tables, v.Table)
	}
	return tables
}

// TablesOf returns the tables of several resource types, by type in
// alphabetical order, each once. Types without views add none: the caller who
// may meet such types adds table.Resource.
func (s *Set) TablesOf(types []string) []table.Table {
	var tables []table.Table
	for _, t := range fhir.TypeSet(types) {
		tables = append(tables, s.Tables(t)...)
	}
	return tables
}
