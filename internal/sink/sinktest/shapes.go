package sinktest

import (
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// shapes are the promises about tables and columns.
var shapes = []promise{
	{"an empty delivery is a publication, and makes its tables", func(b *bench) {
		b.counts(b.publish(deliver("north", "e1")))
		for _, t := range []table.Table{patient, identifier, observation, table.Resource} {
			b.columns(t.Name, t.Columns)
			b.rows(t.Name)
		}
	}},
	{"a delivery without tables is a publication", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		r := b.publish(deliver("north", "e2").into().deletes("Patient/1"))
		b.counts(r, sink.TypeCount{ResourceType: "Patient", Deleted: 1})
		b.rows("patient")
	}},
	{"a table without rows exists beside tables with rows", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		b.columns("observation", observation.Columns)
		b.rows("observation")
	}},
	{"a new table of a known type takes the rows of what changes", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("2", t1, "Bob", "b")).into(patient))
		b.publish(deliver("north", "e2", pat("1", t2, "Anne", "c")).into(patient, identifier))
		b.rows("patient", "north Patient/1 Anne", "north Patient/2 Bob")
		b.rows("patient_identifier", "north Patient/1 c")
	}},
	{"a new column is null in the rows that were there", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann"), pat("2", t1, "Bob")))
		b.publish(deliver("south", "e1", pat("1", t1, "Sam")))
		wide := widened(patient, table.Column{Name: "gender", Type: table.Text}, table.Column{Name: "deceased", Type: table.Boolean})
		l := pat("1", t2, "Anne")
		l.cells = Row{"gender": "female", "deceased": false}
		b.publish(deliver("north", "e2", l).into(wide, identifier))
		b.rows("patient", "north Patient/1 Anne", "north Patient/2 Bob", "south Patient/1 Sam")
		b.cells("patient", "gender", "north Patient/1 female", "north Patient/2 NULL", "south Patient/1 NULL")
		b.cells("patient", "deceased", "north Patient/1 false", "north Patient/2 NULL", "south Patient/1 NULL")
	}},
	{"a column that vanished from its view stays, with nulls in new rows", func(b *bench) {
		l := pat("1", t1, "Ann")
		l.cells = Row{"birth_date": "1980-02-29"}
		b.publish(deliver("north", "e1", l))
		narrow := patient
		narrow.Columns = slices.DeleteFunc(slices.Clone(patient.Columns), func(c table.Column) bool { return c.Name == "birth_date" })
		b.publish(deliver("north", "e2", pat("2", t1, "Bob")).into(narrow, identifier))
		b.cells("patient", "birth_date", "north Patient/1 1980-02-29", "north Patient/2 NULL")
	}},
	{"columns in another order keep their values", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		turned := patient
		turned.Columns = slices.Clone(patient.Columns)
		slices.Reverse(turned.Columns)
		b.publish(deliver("north", "e2", pat("2", t1, "Bob")).into(turned))
		b.rows("patient", "north Patient/1 Ann", "north Patient/2 Bob")
	}},
	{"a column that changes its type is refused, and nothing is lost", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann")))
		other := patient
		other.Columns = slices.Clone(patient.Columns)
		i := slices.IndexFunc(other.Columns, func(c table.Column) bool { return c.Name == "birth_date" })
		other.Columns[i].Type = table.Double
		if _, err := b.sink.Publish(b.Context(), b.stage.write(deliver("north", "e2", pat("2", t1, "Bob")).into(other))); err == nil {
			b.Error("Publish = nil, want an error")
		}
		b.rows("patient", "north Patient/1 Ann")
	}},
	{"a table whose view is no more loses the rows of what changes or goes", func(b *bench) {
		b.publish(deliver("north", "e1", pat("1", t1, "Ann", "a"), pat("2", t1, "Bob", "b"), pat("3", t1, "Cy", "c")))
		b.publish(deliver("north", "e2", pat("1", t2, "Anne", "a")).into(patient).deletes("Patient/2"))
		b.rows("patient", "north Patient/1 Anne", "north Patient/3 Cy")
		b.rows("patient_identifier", "north Patient/3 c")
	}},
	{"a resource moves out of the resource table when its type gets a view", func(b *bench) {
		b.publish(deliver("north", "e1", obs("1", t1, "{a}"), obs("2", t1, "{b}"), basic("1", t1, "{c}")).into(table.Resource))
		b.rows("resource", "north Observation/1 {a}", "north Observation/2 {b}", "north Basic/1 {c}")
		b.publish(deliver("north", "e2", obs("1", t2, "A")).into(observation, table.Resource))
		b.rows("observation", "north Observation/1 A")
		b.rows("resource", "north Observation/2 {b}", "north Basic/1 {c}")
	}},
	{"a table name that could do harm is refused", func(b *bench) {
		for _, name := range []string{"", "../patient", "Patient", "a b", "_bulkhead_resource", `x"; DROP TABLE y`} {
			harmful := patient
			harmful.Name = name
			d := sink.Delivery{Tenant: "north", Export: "e1", Tables: []sink.Table{{Table: harmful}}}
			if _, err := b.sink.Publish(b.Context(), d); err == nil {
				b.Errorf("Publish with a table %q = nil, want an error", name)
			}
		}
	}},
}

func widened(t table.Table, more ...table.Column) table.Table {
	t.Columns = append(slices.Clone(t.Columns), more...)
	return t
}

// columns compares a table's column names with want, in any order.
func (b *bench) columns(name string, want []table.Column) {
	b.Helper()
	names := make([]string, len(want))
	for i, c := range want {
		names[i] = c.Name
	}
	if diff := cmp.Diff(sorted(names), sorted(b.h.Read(b.T, name).Columns)); diff != "" {
		b.Errorf("columns of table %s (-want +got):\n%s", name, diff)
	}
}

// cells compares one column, as "tenant resource-key value".
func (b *bench) cells(name, column string, want ...string) {
	b.Helper()
	c := b.h.Read(b.T, name)
	for _, r := range c.Rows {
		r["value"] = r[column]
	}
	if diff := cmp.Diff(sorted(want), brief(c)); diff != "" {
		b.Errorf("column %s of table %s (-want +got):\n%s", column, name, diff)
	}
}
