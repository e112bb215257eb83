// Package sqlonfhir runs SQL on FHIR ViewDefinitions over JSON resources.
//
// A view is parsed and checked once ([Parse]), compiled with the other views of
// its resource type into one [Program] ([Compile]), and then run by a [Runner]
// that makes one validating pass over the bytes of each resource and emits
// flat rows. It keeps every value exactly as it was sent: decimals keep their
// digits, partial dates stay partial.
//
// The package never reads files or the network, never holds more than one
// resource, and never puts a resource's content into an error.
//
// It implements the view language of https://sql-on-fhir.org/ig/2.0.0/ and of
// the 3.0.0 ballot, with the FHIRPath subset of the ShareableViewDefinition
// profile, joins and boundaries included.
package sqlonfhir
