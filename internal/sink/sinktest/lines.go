package sinktest

import "github.com/bulkhead-fhir/bulkhead/internal/sink"

// Points in time, as a server writes them; t2 is later than t1 although its
// text sorts before it.
const (
	t1 = "2024-03-01T10:00:00Z"
	t2 = "2024-03-01T09:30:00-05:00"
	t3 = "2024-03-01T14:30:00.001Z"
)

func pat(id, updated, value string, children ...string) line {
	return line{resourceType: "Patient", id: id, updated: updated, value: value, children: children}
}

func obs(id, updated, value string) line {
	return line{resourceType: "Observation", id: id, updated: updated, value: value}
}

// basic is a resource of a type without a view.
func basic(id, updated, value string) line {
	return line{resourceType: "Basic", id: id, updated: updated, value: value}
}

func device(id, updated, value string) line {
	return line{resourceType: "Device", id: id, updated: updated, value: value}
}

// lines are the promises about which lines win.
var lines = []promise{
	{"a new resource has the rows of its line in every table of its type", func(b *bench) {
		r := b.publish(deliver("north", "e1", pat("1", t1, "Ann", "mrn-1", "ssn-1"), pat("2", t1, "Bob"), obs("1", t1, "7.0"), basic("1", t1, "{}")))
		b.counts(r, sink.TypeCount{ResourceType: "Basic", New: 1}, sink.TypeCount{ResourceType: "Observation", New: 1},
			sink.TypeCount{ResourceType: "Patient", New: 2})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob")
		b.rows("patient_identifier", "north Patient/1 mrn-1", "north Patient/1 ssn-1")
		b.rows("observation", "north Observation/1 7.0")
		b.rows("resource", "north Basic/1 {}")
	}},
	{"a changed resource has the rows of its new line alone", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a", "b", "c"), pat("2", t1, "Bob", "d")))
		r := b.publish(deliver("north", "e2", pat("1", t2, "Anne", "b")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Changed: 1})
		b.rows("patient", "north Patient/1 Anne", "north Patient/2 Bob")
		b.rows("patient_identifier", "north Patient/1 b", "north Patient/2 d")
	}},
	{"a changed resource without children any more leaves none behind", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a", "b")))
		b.publish(deliver("north", "e2", pat("1", t2, "Ann")))
		b.rows("patient", "north Patient/1 Ann")
		b.rows("patient_identifier")
	}},
	{"a resource with an equal content hash is left alone", func(b *bench) {
		same := pat("1", t1, "Ann", "a")
		same.hash = 42
		b.publish(deliver("north", "e1", same))
		same.value, same.children = "not looked at", nil
		r := b.publish(deliver("north", "e2", same, pat("2", t1, "Bob")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Unchanged: 1})
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob")
		b.rows("patient_identifier", "north Patient/1 a")
	}},
	{"a resource there with a later last_updated is left alone", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t3, "new", "n")))
		r := b.publish(deliver("north", "e2", pat("1", t2, "old", "o")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Unchanged: 1})
		b.rows("patient", "north Patient/1 new")
		b.rows("patient_identifier", "north Patient/1 n")
	}},
	{"times are compared as moments, not as texts", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "earlier")))
		r := b.publish(deliver("north", "e2", pat("1", t2, "later")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Changed: 1})
		b.rows("patient", "north Patient/1 later")
	}},
	{"with equal last_updated and other content the later publication wins", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "first")))
		b.publish(deliver("north", "e2", pat("1", t1, "second")))
		b.rows("patient", "north Patient/1 second")
	}},
	{"without last_updated on either side the later publication wins", func(b *bench) {
		b.Attr("shows", "BD-137 N7")
		b.publish(deliver("north", "e1", pat("1", "", "a"), pat("2", "", "a"), pat("3", t3, "a")))
		r := b.publish(deliver("north", "e2", pat("1", "", "b"), pat("2", t1, "b"), pat("3", "", "b")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Changed: 3})
		b.rows("patient", "north Patient/1 b", "north Patient/2 b", "north Patient/3 b")
	}},
	{"after a change the later last_updated is what counts", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "a")))
		b.publish(deliver("north", "e2", pat("1", t3, "c")))
		b.publish(deliver("north", "e3", pat("1", t2, "b")))
		b.rows("patient", "north Patient/1 c")
	}},
	{"of doubles the latest last_updated wins, wherever it stands", func(b *bench) {
		r := b.publish(deliver("north", "e1", pat("1", t1, "a", "a"), pat("1", t3, "c", "c"), pat("1", "", "d", "d")).
			file(pat("1", t2, "b", "b")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Double: 3})
		b.rows("patient", "north Patient/1 c")
		b.rows("patient_identifier", "north Patient/1 c")
	}},
	{"of doubles as late the later file wins, then the later line", func(b *bench) {
		b.Attr("shows", "BD-138 BD-163 N5")
		d := deliver("north", "e1")
		for i := range 11 { // file 10's name sorts before file 2's
			d.file(pat("1", t1, string(rune('a'+i))), pat("1", t1, string(rune('A'+i))))
		}
		r := b.publish(d)
		b.counts(r, sink.TypeCount{ResourceType: "Patient", New: 1, Double: 21})
		b.rows("patient", "north Patient/1 K")
	}},
	{"of doubles without last_updated the last line wins", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", "", "a"), pat("1", "", "b"), pat("1", "", "c")))
		b.rows("patient", "north Patient/1 c")
	}},
	{"doubles of a resource that is there give one change", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "a", "x")))
		r := b.publish(deliver("north", "e2", pat("1", t2, "b", "y"), pat("1", t1, "a", "x")))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Changed: 1, Double: 1})
		b.rows("patient", "north Patient/1 b")
		b.rows("patient_identifier", "north Patient/1 y")
	}},
	{"one id in several types is several resources", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "a"), obs("1", t1, "b"), basic("1", t1, "c"), device("1", t1, "d")))
		r := b.publish(deliver("north", "e2", device("1", t2, "e")))
		b.counts(r, sink.TypeCount{ResourceType: "Device", Changed: 1})
		b.rows("resource", "north Basic/1 c", "north Device/1 e")
		b.rows("observation", "north Observation/1 b")
	}},
	{"another tenant's resource of the same id is not touched", func(b *bench) { // I7
		b.publish(deliver("north", "e1", pat("123", t1, "Ann", "a"), basic("1", t1, "n")))
		r := b.publish(deliver("south", "e1", pat("123", t2, "Sam", "s"), basic("1", t1, "s")))
		b.counts(r, sink.TypeCount{ResourceType: "Basic", New: 1}, sink.TypeCount{ResourceType: "Patient", New: 1})
		b.publish(deliver("south", "e2", pat("123", t3, "Sue")))
		b.rows("patient", "north Patient/123 Ann", "south Patient/123 Sue")
		b.rows("patient_identifier", "north Patient/123 a")
		b.rows("resource", "north Basic/1 n", "south Basic/1 s")
	}},
}
