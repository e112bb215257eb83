package uscore

import "strings"

// An invariant is one rule of the guides that is more than a count or a value,
// written natively. Its key has a meaning only at its path: the guides use
// the same key for different things.
type invariant struct {
	key  string
	path string // with the type
	// broken: one of these situations breaks the invariant.
	broken []situation
	// text: the string at this element, or the one below path, must pass.
	textAt string
	text   func([]byte) bool
}

// A situation holds of an object when all of some things are so and none of
// some others, and when the test, if there is one, says so too.
type situation struct {
	all, none []term
	test      test
}

// A test looks at the object n of a tape more closely; it is asked only when
// the rest of its situation holds.
type test struct {
	holds func(c *Checker, n int32) bool
	reads []string // the paths below the object that holds looks at
}

type termKind uint8

const (
	termPresent termKind = iota // the element is there
	termCode                    // a code or string is one of codes
	termCoding                  // a coding has the system and one of codes
	termSystem                  // a coding has the system; "" is any system
	termTyped                   // the choice element has the type
	termInside                  // an item of the element has the element inside
	termURL                     // there is an extension with the url
)

// A term is something that is or is not so of an object's element.
type term struct {
	kind   termKind
	step   string // the element's name; with ":" the slice's
	detail string // system, type, element or url, by kind
	codes  string // separated by spaces
}

// has says that each of the elements is there.
func has(steps string) []term {
	var all []term
	for step := range strings.FieldsSeq(steps) {
		all = append(all, term{kind: termPresent, step: step})
	}
	return all
}

// is says that the element's value is one of the codes.
func is(step, codes string) []term { return []term{{kind: termCode, step: step, codes: codes}} }

// coding says that the element has a coding of the system with one of the codes.
func coding(step, system, codes string) []term {
	return []term{{kind: termCoding, step: step, detail: system, codes: codes}}
}

// system says that the element has a coding of the system; "" is any.
func system(step, system string) []term {
	return []term{{kind: termSystem, step: step, detail: system}}
}

// typed says that the choice element is there with the type.
func typed(step, typ string) []term { return []term{{kind: termTyped, step: step, detail: typ}} }

// inside says that an item of the element has the element.
func inside(step, element string) []term {
	return []term{{kind: termInside, step: step, detail: element}}
}

// extended says that the object has an extension with that URL.
func extended(url string) []term { return []term{{kind: termURL, step: "extension", detail: url}} }

// either joins terms.
func either(terms ...[]term) []term {
	var all []term
	for _, t := range terms {
		all = append(all, t...)
	}
	return all
}

const absentReason = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

// oneOf is broken when none of the elements is there.
func oneOf(steps string) []situation { return []situation{{none: has(steps)}} }

// notBoth is broken when both elements are there.
func notBoth(steps string) []situation { return []situation{{all: has(steps)}} }

// nativeOf returns the invariants that stand for a key at a path; a key may
// be written in several parts.
func nativeOf(key, path string) []invariant {
	var found []invariant
	for _, group := range [][]invariant{observationInvariants, guideInvariants, baseInvariants} {
		for _, i := range group {
			if i.key == key && i.path == path {
				found = append(found, i)
			}
		}
	}
	return found
}
