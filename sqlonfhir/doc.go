// Package sqlonfhir runs SQL on FHIR ViewDefinitions over JSON resources.
//
// A view is parsed and checked once ([Parse]), compiled with the other views of
// its resource type into one [Program] ([Compile]), and then run by a [Runner]
// that makes one validating pass over the bytes of each resource and emits
// flat rows. It keeps every value exactly as it was sent: decimals keep their
// digits, partial dates stay partial. The schema of a view is known before its
// first resource: [View.Columns] and [Column.SQLType].
//
// The package never reads files or the network, never holds more than one
// resource, and never puts a resource's content into an error.
//
// # The language
//
// It implements the view language of https://sql-on-fhir.org/ig/2.0.0/ and of
// the 3.0.0 ballot: column, select, forEach, forEachOrNull, repeat, unionAll,
// where, constant and %rowIndex. Of FHIRPath (https://hl7.org/fhirpath/, and
// its 3.0.0 ballot) it has
//
//   - literals of strings, numbers, booleans, dates and times, and {};
//   - members, [n], $this, %resource, %rootResource, constants, and %loinc,
//     %sct and %ucum;
//   - where, select, exists, empty, not, count, first, last, ofType, extension,
//     iif, coalesce, getResourceKey and getReferenceKey;
//   - join, toString, lower, upper, trim, length, substring, indexOf,
//     startsWith, endsWith, contains, replace, matches and replaceMatches;
//   - duration, difference, lowBoundary and highBoundary;
//   - and, or, xor, implies, = != < <= > >=, + - * / div mod and &.
//
// Anything else is an error of the definition.
//
// # Where the standard leaves a choice
//
//   - A key is the bare id. getReferenceKey reads relative and absolute
//     references by their last two segments, drops versions, and gives nothing
//     for contained, conditional and urn references; see [Runner.Rooted].
//   - value.ofType(T) reads valueT; value alone reads the choice element of any
//     type that R4 allows there. JSON does not tell the types of other
//     elements: ofType then goes by resourceType or the kind of the JSON value.
//   - The extensions of a primitive are found from its member and from ofType on
//     a choice element, not behind an index or a criterion; a primitive that has
//     only extensions does not exist.
//   - Strings that look like dates or times are ordered as such; = compares
//     them as such when a type says so or both have a time. Where precision or
//     zones leave the answer open it is empty.
//   - A criterion inside of an expression is true of a single value that is not
//     a boolean, as FHIRPath has it; in a view's where it is an error.
//   - A column with collection is a list, also of one value or none. A row that
//     forEachOrNull makes of nothing has null in all columns below, but for
//     those of %rowIndex alone, which is 0.
//   - The branches of a unionAll have the same columns in the same order, and
//     the same SQL types where both say a type.
//   - lowBoundary and highBoundary keep a date only where the type is known to
//     be date; other partial values become a dateTime. Without a precision a
//     decimal goes half a unit of its last digit down or up.
//   - An integer64 constant compares with strings that are integers, as FHIR's
//     JSON writes them.
//   - Regular expressions are RE2's, and known with their substitutions when a
//     view is read. A number's toString is its text as it was sent.
//   - duration and difference look as far as both dates go. Hours and less are
//     counted in UTC and need a zone on both or on neither; longer units go by
//     the calendar as written.
package sqlonfhir
