package sinktest

import (
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// refers is a line with references.
func refers(l line, to ...string) line { l.refers = to; return l }

// linking is a delivery with the table of references.
func linking(tenant, export string, lines ...line) *delivery {
	return deliver(tenant, export, lines...).into(patient, identifier, observation, table.Resource, table.Reference)
}

// links compares what a receipt says about references.
func (b *bench) links(r sink.Receipt, want ...sink.LinkCount) {
	b.Helper()
	if diff := cmp.Diff(want, r.Links); diff != "" {
		b.Errorf("links of export %s (-want +got):\n%s", r.Export, diff)
	}
}

// links are the promises about references.
var links = []promise{
	{"references that lead to nothing are counted", func(b *bench) {
		b.Attr("shows", "N9")
		r := b.publish(linking("north", "e1", pat("1", t1, "Ann"),
			refers(obs("1", t1, "a"), "Patient/1", "Encounter/7"), refers(obs("2", t1, "b"), "Patient/2", "Patient/2", "https://other.example/Patient/1")))
		b.links(r, sink.LinkCount{From: "Observation", To: "Encounter", Links: 1, Missing: 1}, sink.LinkCount{From: "Observation", To: "Patient", Links: 3, Missing: 2})
	}},
	{"a reference leads to what came before, and not to what is gone or another tenant's", func(b *bench) {
		b.publish(linking("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob"), pat("3", t1, "Cy")))
		b.publish(linking("south", "e1", pat("4", t1, "Sam")))
		r := b.publish(linking("north", "e2", pat("2", t2, "Bo"),
			refers(obs("1", t1, "a"), "Patient/1", "Patient/2", "Patient/3", "Patient/4")).deletes("Patient/3"))
		b.links(r, sink.LinkCount{From: "Observation", To: "Patient", Links: 4, Missing: 2})
	}},
	{"rows of references come and go with their resource", func(b *bench) {
		b.publish(linking("north", "e1", refers(obs("1", t1, "a"), "Patient/1"), refers(obs("2", t1, "b"), "Patient/1", "Patient/2")))
		b.rows("reference", "north Observation/1 NULL", "north Observation/2 NULL", "north Observation/2 NULL")
		r := b.publish(linking("north", "e2", obs("1", t2, "A")).deletes("Observation/2"))
		b.links(r)
		b.rows("reference")
	}},
}
