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
// # The language
//
// It implements the view language of https://sql-on-fhir.org/ig/2.0.0/ and of
// the 3.0.0 ballot: column, select, forEach, forEachOrNull, repeat, unionAll,
// where, constant and %rowIndex. Of FHIRPath (https://hl7.org/fhirpath/) it has
//
//   - literals, members, [n], $this, %resource, constants and {};
//   - where, exists, empty, not, count, first, last, ofType, extension, join,
//     iif, lowBoundary, highBoundary, getResourceKey and getReferenceKey;
//   - and, or, xor, implies, = != < <= > >=, + - * / div mod and &.
//
// Anything else is an error of the definition.
//
// # Where the standard leaves a choice
//
//   - A key is the bare id. getReferenceKey reads relative and absolute
//     references by their last two segments, drops versions, and gives nothing
//     for contained, conditional and urn references.
//   - value.ofType(T) reads valueT; value alone reads the choice element of any
//     type that R4 allows there. JSON does not tell the types of other
//     elements: ofType then goes by resourceType or the kind of the JSON value.
//   - Strings that look like dates or times are ordered as such; = compares
//     them as such when a type says so or both have a time. Where precision or
//     zones leave the answer open it is empty.
//   - A criterion inside of an expression is true of a single value that is not
//     a boolean, as FHIRPath has it; in a view's where it is an error.
//   - A row that forEachOrNull makes of nothing has null in all columns below,
//     but for those of %rowIndex alone, which is 0.
//   - lowBoundary and highBoundary keep a date only where the type is known to
//     be date; other partial values become a dateTime.
package sqlonfhir
