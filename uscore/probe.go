package uscore

import (
	"bytes"
	"slices"
	"time"
)

// The functions of this file are the tests of invariants that look deeper
// than the presence of elements.

// unknownRaceAmongOthers: n is the race extension.
func unknownRaceAmongOthers(c *Checker, n int32) bool {
	categories, unknown := 0, false
	for x := range c.items(n, c.rules.keys.extension) {
		if !c.textIs(c.tape.Member(x, c.rules.keys.url), "ombCategory") {
			continue
		}
		categories++
		if coding := c.tape.Member(x, c.rules.keys.valueCoding); coding >= 0 {
			code := c.tape.Member(coding, c.rules.keys.code)
			unknown = unknown || c.textIs(code, "ASKU") || c.textIs(code, "UNK")
		}
	}
	return unknown && categories > 1
}

// cvxWithoutNDC: n is a CodeableConcept.
func cvxWithoutNDC(c *Checker, n int32) bool {
	cvx, ndc := false, false
	for x := range c.items(n, c.rules.keys.coding) {
		system := c.tape.Member(x, c.rules.keys.system)
		cvx = cvx || c.textIs(system, "http://hl7.org/fhir/sid/cvx")
		ndc = ndc || c.textIs(system, "http://hl7.org/fhir/sid/ndc")
	}
	return cvx && !ndc
}

func agentIsPractitionerOrDevice(c *Checker, n int32) bool {
	return c.refersTo(n, c.rules.keys.who, "Practitioner", "Device") == yes
}

func memberIsNoPractitioner(c *Checker, n int32) bool {
	return c.refersTo(n, c.rules.keys.member, "Practitioner") == no
}

type answer uint8

const (
	unclear answer = iota
	yes
	no
)

// refersTo says whether the reference in the member of n names one of the
// types, by Reference.type or by a literal "Type/id".
func (c *Checker) refersTo(n, member int32, types ...string) answer {
	ref := c.tape.Member(n, member)
	if ref < 0 {
		return unclear
	}
	typ := c.text(c.tape.Member(ref, c.rules.keys.typ))
	if typ == nil {
		typ = referenceType(c.text(c.tape.Member(ref, c.rules.keys.reference)))
	}
	if typ == nil {
		return unclear
	}
	if slices.Contains(types, string(typ)) {
		return yes
	}
	return no
}

// referenceType returns the type that a literal reference names, or nil.
func referenceType(ref []byte) []byte {
	ref, _, _ = bytes.Cut(ref, []byte("/_history/"))
	slash := bytes.LastIndexByte(ref, '/')
	if slash < 0 {
		return nil
	}
	typ := ref[:slash]
	typ = typ[bytes.LastIndexByte(typ, '/')+1:]
	if len(typ) == 0 || typ[0] < 'A' || typ[0] > 'Z' {
		return nil
	}
	return typ
}

// handedOverBeforePrepared compares the two times as far as both are precise:
// a date and a moment within it are neither before the other.
func handedOverBeforePrepared(c *Checker, n int32) bool {
	over := c.text(c.tape.Member(n, c.rules.keys.whenHandedOver))
	prepared := c.text(c.tape.Member(n, c.rules.keys.whenPrepared))
	a, errA := time.Parse(time.RFC3339, string(over))
	b, errB := time.Parse(time.RFC3339, string(prepared))
	if errA == nil && errB == nil {
		return a.Before(b)
	}
	k := min(len(over), len(prepared), len("2006-01-02"))
	return string(over[:k]) < string(prepared[:k])
}

// componentRepeatsCode: a component has a coding of the Observation itself.
func componentRepeatsCode(c *Checker, n int32) bool {
	k := &c.rules.keys
	own := c.tape.Member(n, k.code)
	if own < 0 {
		return false
	}
	for part := range c.items(n, k.component) {
		code := c.tape.Member(part, k.code)
		if code < 0 {
			continue
		}
		for x := range c.items(code, k.coding) {
			for y := range c.items(own, k.coding) {
				if c.sameText(c.tape.Member(x, k.code), c.tape.Member(y, k.code)) &&
					c.sameText(c.tape.Member(x, k.system), c.tape.Member(y, k.system)) {
					return true
				}
			}
		}
	}
	return false
}
