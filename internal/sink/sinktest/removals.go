package sinktest

import "github.com/bulkhead-fhir/bulkhead/internal/sink"

// removals are the promises about what goes.
var removals = []promise{
	{"a deleted resource is gone from every table", func(b *bench) {
		b.Attr("shows", "BD-155 M11")
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("2", t1, "Bob", "b"), basic("1", t1, "c")))
		r := b.publish(deliver("north", "e2").deletes("Patient/1", "Basic/1"))
		b.counts(r, sink.TypeCount{ResourceType: "Basic", Deleted: 1}, sink.TypeCount{ResourceType: "Patient", Deleted: 1})
		b.rows("patient", "north Patient/2 Bob")
		b.rows("patient_identifier", "north Patient/2 b")
		b.rows("resource")
	}},
	{"a deleted resource that is delivered too stays", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob")))
		r := b.publish(deliver("north", "e2", pat("1", t1, "Ann"), pat("2", t2, "Bo"), pat("3", t1, "Cy")).
			deletes("Patient/1", "Patient/2", "Patient/3"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Changed: 1, Unchanged: 1})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bo", "north Patient/3 Cy")
	}},
	{"a deletion of what is not there counts nothing", func(b *bench) {
		b.Attr("shows", "BD-156")
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		r := b.publish(deliver("north", "e2").deletes("Patient/9", "Claim/1", "Observation/1"))
		b.counts(r)
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"a deletion named twice counts once", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		r := b.publish(deliver("north", "e2").deletes("Patient/1", "Patient/1"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Deleted: 1})
	}},
	{"a deletion is the tenant's own", func(b *bench) { // I7
		b.Attr("shows", "M11")
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		b.publish(deliver("south", "e1", pat("1", t1, "Sam")))
		b.publish(deliver("south", "e2").deletes("Patient/1"))
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"a deleted resource that comes back is new, whatever its last_updated", func(b *bench) {
		b.Attr("shows", "BD-157")
		b.publish(deliver("north", "e1", pat("1", t3, "Ann")))
		b.publish(deliver("north", "e2").deletes("Patient/1"))
		r := b.publish(deliver("north", "e3", pat("1", t1, "Ann")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1})
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"replacing a type removes what is absent, of that type only", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("2", t1, "Bob", "b"), obs("1", t1, "o"), basic("1", t1, "c")))
		r := b.publish(deliver("north", "e2", pat("2", t1, "Bob", "b"), pat("3", t1, "Cy")).replaces("Patient"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Unchanged: 1, Deleted: 1})
		b.rows("patient", "north Patient/2 Bob", "north Patient/3 Cy")
		b.rows("patient_identifier", "north Patient/2 b")
		b.rows("observation", "north Observation/1 o")
		b.rows("resource", "north Basic/1 c")
	}},
	{"replacing a type of the resource table leaves the other types there", func(b *bench) {
		b.publish(deliver("north", "e1", basic("1", t1, "a"), basic("2", t1, "b"), device("1", t1, "c")))
		r := b.publish(deliver("north", "e2", basic("2", t2, "B")).replaces("Basic"))
		b.counts(r, sink.TypeCount{ResourceType: "Basic", Changed: 1, Deleted: 1})
		b.rows("resource", "north Basic/2 B", "north Device/1 c")
	}},
	{"replacing a type with nothing empties it", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), obs("1", t1, "o")))
		b.publish(deliver("south", "e1", pat("1", t1, "Sam", "s")))
		r := b.publish(deliver("north", "e2").replaces("Patient"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Deleted: 1})
		b.rows("patient", "south Patient/1 Sam")
		b.rows("patient_identifier", "south Patient/1 s")
		b.rows("observation", "north Observation/1 o")
	}},
	{"replacing a type keeps what is there with a later last_updated and delivered", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t3, "new"), pat("2", t1, "x")))
		r := b.publish(deliver("north", "e2", pat("1", t1, "old"), pat("2", t2, "y")).replaces("Patient"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Changed: 1, Unchanged: 1})
		b.rows("patient", "north Patient/1 new", "north Patient/2 y")
	}},
	{"a resource absent and deleted at once counts once", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		r := b.publish(deliver("north", "e2").deletes("Patient/1").replaces("Patient"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Deleted: 1})
		b.rows("patient")
	}},
	{"an incremental delivery removes nothing by silence", func(b *bench) {
		b.Attr("shows", "BD-158 BD-164")
		b.publish(deliver("north", "e1", pat("1", t1, "Ann"), obs("1", t1, "o")))
		b.publish(deliver("north", "e2", pat("2", t1, "Bob")))
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob")
		b.rows("observation", "north Observation/1 o")
	}},
	{"all resources of a type changed at once leave no old row", func(b *bench) {
		b.publish(deliver("south", "e1", pat("1", t1, "Sam", "s")))
		b.publish(deliver("north", "e1", pat("1", t1, "a", "a"), pat("2", t1, "b", "b"), obs("1", t1, "o")))
		b.publish(deliver("north", "e2", pat("1", t2, "c"), pat("2", t2, "d", "d")))
		b.rows("patient", "north Patient/1 c", "north Patient/2 d", "south Patient/1 Sam")
		b.rows("patient_identifier", "north Patient/2 d", "south Patient/1 s")
		b.rows("observation", "north Observation/1 o")
	}},
	{"what later deliveries brought or deleted is left as it is by one of an earlier time", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("2", "", "Bob"), pat("4", t1, "Dan"), pat("5", t1, "Eve")))
		r := b.publish(deliver("north", "e0", pat("1", t3, "old"), pat("2", "", "old"), pat("3", t3, "gone", "g"), pat("4", t2, "Di"), pat("6", t1, "Fay")).
			deletes("Patient/1", "Patient/5").late([]string{"Patient/1", "Patient/2"}, []string{"Patient/3"}))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Changed: 1, Unchanged: 3, Deleted: 1})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob", "north Patient/4 Di", "north Patient/6 Fay")
		b.rows("patient_identifier", "north Patient/1 a")
	}},
	{"a deletion of an earlier time leaves alone what came later", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob")))
		r := b.publish(deliver("north", "e0").deletes("Patient/1", "Patient/2").late([]string{"Patient/1"}, nil))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Deleted: 1})
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"a resource of which a line is withheld is gone, and counted so", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("2", t1, "Bob", "b"), pat("3", t1, "Cy")))
		b.publish(deliver("south", "e1", pat("1", t1, "Sam")))
		r := b.publish(deliver("north", "e2").withholds(pat("1", t2, ""), pat("9", t2, "")).deletes("Patient/3"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Deleted: 2, Withheld: 1})
		b.rows("patient", "north Patient/2 Bob", "south Patient/1 Sam")
		b.rows("patient_identifier", "north Patient/2 b")
	}},
	{"a line that is no later than a withheld one of its resource is not delivered", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob")))
		r := b.publish(deliver("north", "e2", pat("1", t1, "Ann"), pat("3", t1, "old"), pat("4", t2, "same"), pat("5", "", "unknown"), pat("6", t2, "who knows")).
			withholds(pat("1", t2, ""), pat("3", t2, ""), pat("4", t2, ""), pat("5", t1, ""), pat("6", t1, ""), pat("6", "", "")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Double: 5, Deleted: 1, Withheld: 1})
		b.rows("patient", "north Patient/2 Bob")
	}},
	{"a line that is later than every withheld one of its resource is delivered", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		r := b.publish(deliver("north", "e2", pat("1", t3, "An"), pat("2", t1, "old"), pat("2", t3, "Bob")).
			withholds(pat("1", t2, ""), pat("1", t1, ""), pat("2", t2, "")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Changed: 1, Double: 1})
		b.rows("patient", "north Patient/1 An", "north Patient/2 Bob")
	}},
	{"a partial line that is later than a withheld one is delivered beside a complete older one", func(b *bench) {
		r := b.publish(deliver("north", "e1", pat("1", t1, "whole"), part(pat("1", t3, "part"))).withholds(pat("1", t2, "")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Double: 1})
		b.rows("patient", "north Patient/1 part")
	}},
	{"a line that was withheld and now is delivered holds nothing back", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		r := b.publish(deliver("north", "e2", pat("1", t2, "An"), pat("2", "", "Bob")).withholds(pat("1", t2, ""), pat("2", "", "")).takesThem())
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Changed: 1})
		b.rows("patient", "north Patient/1 An", "north Patient/2 Bob")
	}},
	{"lines that are taken again take out nothing that is later than a withheld one", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t3, "Ann"), pat("2", t2, "Bob"), pat("3", "", "Cy")))
		r := b.publish(deliver("north", "e2", pat("1", t1, "old")).withholds(pat("1", t2, ""), pat("2", t2, ""), pat("3", t2, "")).retakes())
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Double: 1, Deleted: 2, Withheld: 2})
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"what a later delivery withheld is left as it is by one of an earlier time", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		early := deliver("north", "e0", pat("1", t3, "old"), pat("2", t3, "old")).withholds(pat("1", t3, ""))
		early.laterWithheld = []string{"Patient/1", "Patient/2"}
		b.counts(b.publish(early), sink.TypeCount{ResourceType: "Patient", Unchanged: 1, Double: 1})
		b.rows("patient", "north Patient/1 Ann")
	}},
}
