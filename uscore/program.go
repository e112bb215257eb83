package uscore

import "github.com/bulkhead-fhir/bulkhead/tape"

// The types of this file are the compiled rules, made for one walk over the
// nodes of a tape. Numbers of issues are places in Rules.issues; none is -1.

const none = -1

// An object is the rules for one JSON object. What is so of its members is a
// set of bits, and what must be so of those is a list of clauses.
type object struct {
	low     int32    // the smallest number of a member name
	index   []uint16 // by name number less low: 1 + place in members, or 0
	members []member
	need    uint64   // bits that must be set
	needs   []clause // what is broken when one of them is not
	clauses []clause
	reads   []string // paths that the tests of the clauses look at
}

// A clause is broken when all bits of all and none of none are set, and the
// test, if there is one, holds.
type clause struct {
	all, none uint64
	test      func(c *Checker, n int32) bool
	issue     int32
}

// A member is the rules for one member of an object, and for each item when
// it is a list. What a check reads first stands first.
type member struct {
	bits  uint64 // set when an item is there
	kinds uint8  // a bit for each tape.Kind that an item may have
	plain bool   // a single value of which nothing is asked but to be there
	under bool   // the sibling "_name" that holds a primitive's extensions
	list  bool
	deep  bool // there is more to ask of an item than to be there

	wrongType int32 // the issue of a wrong kind, or of a list and no list
	refused   int32 // the issue of a type that the choice may not have here
	twice     int32 // the issue of a second type of the choice
	choice    uint64
	enough    atLeast

	texts  []text
	codes  *codes
	object *object
	lifts  []lift
	slices []slice
	name   string
}

// atLeast sets bits when there are so many items; min 0 is nothing.
type atLeast struct {
	min  int32
	bits uint64
}

// A text is a demand on a string.
type text struct {
	want  string // when test is nil
	test  func([]byte) bool
	issue int32
}

// A lift sets bits of the object above when an item's object has one of mask.
type lift struct{ mask, bits uint64 }

// A form says where the codes of a value stand.
type form uint8

const (
	formText     form = iota // a string is the code
	formCoding               // an object with system and code; a Quantity too
	formQuantity             // the same, but it may do without a code
	formConcept              // a CodeableConcept
	formSystem               // an Identifier: its system
	formURL                  // an Extension: its url
)

// codes is what is asked of the codes of an item.
type codes struct {
	form    form
	systems bool // the systems of codings are looked up too
	bits    []codeBit
	demands []codeDemand
}

// A codeBit sets bits when one of the codes is in the set.
type codeBit struct {
	set  codeSet
	bits uint64
}

// A codeDemand wants one of the codes in the set.
type codeDemand struct {
	set     codeSet
	binding bool // a data-absent-reason extension stands for the code
	issue   int32
}

// A slice is the rules for the items of a list that belong to it.
type slice struct {
	where  string // the member that tells; "" is the item
	key    int32  // its number
	form   form
	set    codeSet
	text   string // of formSystem and formURL
	bits   uint64
	object *object
}

// A program is the compiled rules of one profile.
type program struct {
	url  string
	root *object
}

// names are the numbers of the member names that code asks for by itself.
type names struct {
	meta, profile, extension, url, coding, system, code, category,
	component, valueCoding, reference, typ, who, member, whenHandedOver, whenPrepared int32
}

func numberNames(s *tape.Shape) names {
	return names{
		meta: s.Key("meta"), profile: s.Key("profile"), extension: s.Key("extension"), url: s.Key("url"),
		coding: s.Key("coding"), system: s.Key("system"), code: s.Key("code"), category: s.Key("category"),
		component: s.Key("component"), valueCoding: s.Key("valueCoding"), reference: s.Key("reference"), typ: s.Key("type"),
		who: s.Key("who"), member: s.Key("member"), whenHandedOver: s.Key("whenHandedOver"), whenPrepared: s.Key("whenPrepared"),
	}
}
