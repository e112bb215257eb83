// Package generic reads from a resource what resources of every type have: its
// codings and its references, each with the path of the element that holds it.
// They are the rows of the tables coding and reference.
//
// What counts goes by the element, not by its looks: R4 says which elements
// are of type Coding, CodeableConcept and Reference, and elements.txt lists
// them. So a Quantity, which has a system and a code too, is no coding.
// Extensions count wherever such an element, a backbone element or the
// resource itself has one, and so do contained resources; extensions of
// primitive elements, and members that R4 does not know, do not.
//
// The package never writes a table, never resolves a reference outside of its
// resource, and never changes a text: it hands out spans of the parsed line.
//
// https://hl7.org/fhir/R4/datatypes.html#Coding,
// https://hl7.org/fhir/R4/references.html
package generic
