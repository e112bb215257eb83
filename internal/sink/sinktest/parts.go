package sinktest

import "github.com/bulkhead-fhir/bulkhead/internal/sink"

// parts are the promises about resources that came without all of their
// elements: tagged SUBSETTED, or by an export that asked for _elements.
var parts = []promise{
	{"a partial resource never replaces a complete one, however late", func(b *bench) {
		b.Attr("shows", "BD-044")
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("2", "", "Bob")))
		r := b.publish(deliver("north", "e2", part(pat("1", t3, "id only")), part(pat("2", t3, "id only"))))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 2})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob")
		b.rows("patient_identifier", "north Patient/1 a")
	}},
	{"no resource of a run with _elements replaces a complete one, tagged or not", func(b *bench) {
		b.Attr("shows", "BD-044 BD-163")
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("2", t1, "Bob")))
		r := b.publish(deliver("north", "e2", pat("1", t3, "id only"), part(pat("2", t3, "id only"))).partly())
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 2})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob")
		b.rows("patient_identifier", "north Patient/1 a")
	}},
	{"a partial resource goes in where nothing is, and a complete one replaces it, however early", func(b *bench) {
		b.Attr("shows", "BD-044")
		r := b.publish(deliver("north", "e1", part(pat("1", t3, "id only", "x")), pat("2", t1, "Bob")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 2})
		b.rows("patient", "north Patient/1 id only", "north Patient/2 Bob")
		r = b.publish(deliver("north", "e2", pat("1", t1, "Ann", "a")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Changed: 1})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob")
		b.rows("patient_identifier", "north Patient/1 a")
		r = b.publish(deliver("north", "e3", part(pat("1", t3, "id only", "x"))))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 1})
	}},
	{"a complete resource replaces a partial one of equal content, once", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")).partly())
		r := b.publish(deliver("north", "e2", pat("1", t1, "Ann")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Changed: 1})
		r = b.publish(deliver("north", "e3", pat("1", t1, "Ann")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 1})
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"of partial resources the later one stays", func(b *bench) {
		b.publish(deliver("north", "e1", part(pat("1", t2, "b"))))
		b.publish(deliver("north", "e2", part(pat("1", t3, "c"))))
		r := b.publish(deliver("north", "e3", part(pat("1", t1, "a"))))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 1})
		b.rows("patient", "north Patient/1 c")
	}},
	{"of doubles a complete one wins over partial ones, wherever it stands", func(b *bench) {
		b.Attr("shows", "BD-044 BD-138")
		r := b.publish(deliver("north", "e1", part(pat("1", t3, "x", "x")), pat("1", t1, "Ann", "a"), part(pat("1", "", "y", "y"))))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Double: 2})
		b.rows("patient", "north Patient/1 Ann")
		b.rows("patient_identifier", "north Patient/1 a")
	}},
	{"a partial delivery removes nothing by silence", func(b *bench) {
		b.Attr("shows", "BD-164")
		b.publish(deliver("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob"), obs("1", t1, "o")))
		r := b.publish(deliver("north", "e2", pat("1", t1, "id only")).partly().replaces("Patient", "Observation"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 1})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob")
		b.rows("observation", "north Observation/1 o")
	}},
	{"a partial delivery still deletes what it names", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob")))
		r := b.publish(deliver("north", "e2").partly().deletes("Patient/2"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Deleted: 1})
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"a tagged resource keeps its complete one when its type is replaced", func(b *bench) {
		b.Attr("shows", "BD-044")
		b.publish(deliver("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob")))
		r := b.publish(deliver("north", "e2", part(pat("1", t3, "id only"))).replaces("Patient"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 1, Deleted: 1})
		b.rows("patient", "north Patient/1 Ann")
	}},
}
