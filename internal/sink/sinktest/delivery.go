package sinktest

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// The suite's tables: two of one type, parent and child, one of another type,
// and table.Resource for types without a view.
var (
	patient     = shape("patient", "Patient", table.Column{Name: "birth_date", Type: table.Date})
	identifier  = shape("patient_identifier", "Patient")
	observation = shape("observation", "Observation", table.Column{Name: "value_num", Type: table.Double})
)

// shape is a table as ingest makes them from a view.
func shape(name, resourceType string, more ...table.Column) table.Table {
	columns := []table.Column{
		{Name: table.TenantID, Type: table.Text},
		{Name: "id", Type: table.Text},
		{Name: table.ResourceKey, Type: table.Text},
		{Name: "last_updated", Type: table.Text},
		{Name: "last_updated_ts", Type: table.Timestamp},
		{Name: "value", Type: table.Text},
	}
	columns = append(columns, more...)
	columns = append(columns, table.Column{Name: table.SourceFile, Type: table.Text}, table.Column{Name: table.SourceLine, Type: table.Int64})
	return table.Table{Name: name, ResourceType: resourceType, Columns: columns}
}

// A line is one delivered resource.
type line struct {
	resourceType, id string
	updated          string // RFC 3339, or empty
	value            string
	children         []string // rows of patient_identifier
	hash             int64    // 0: made from the rest
	partial          bool     // tagged SUBSETTED
	cells            Row      // further columns of the main table
	refers           []string // rows of table.Reference: targets as "Type/id", foreign ones as a whole URL
}

func (l line) key() string { return l.resourceType + "/" + l.id }

func (l line) contentHash() int64 {
	if l.hash != 0 {
		return l.hash
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%q", []any{l.resourceType, l.id, l.updated, l.value, l.children, l.cells, l.refers})
	return int64(h.Sum64())
}

func (l line) ts() any {
	if l.updated == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, l.updated)
	if err != nil {
		panic(err) // a mistake in a test's literal
	}
	return at
}

// A delivery is a sink.Delivery in the making.
type delivery struct {
	tenant, export string
	files          []file
	tables         []table.Table
	partial        bool     // of a run with _elements
	deleted        []string // "Type/id"
	withheld       []line   // that may not be held, on lines that nothing else is on
	taken          bool     // the withheld lines are those of the first file, which are delivered after all
	replace        []string
	later          []string // "Type/id" that later deliveries brought
	again          bool
	laterDeleted   []string // and deleted
	laterWithheld  []string // and withheld
	rowTenant      string   // whose name the rows of main tables carry; empty for tenant
	indexTenant    string   // the same for the index
}

// A file is one output file.
type file struct {
	resourceType string
	lines        []line
}

// deliver begins a delivery with the suite's tables; lines go into one output
// file for each run of a type.
func deliver(tenant, export string, lines ...line) *delivery {
	d := &delivery{tenant: tenant, export: export, tables: []table.Table{patient, identifier, observation, table.Resource}}
	for _, l := range lines {
		if n := len(d.files); n == 0 || d.files[n-1].resourceType != l.resourceType {
			d.files = append(d.files, file{resourceType: l.resourceType})
		}
		d.files[len(d.files)-1].lines = append(d.files[len(d.files)-1].lines, l)
	}
	return d
}

// file adds one output file.
func (d *delivery) file(lines ...line) *delivery {
	d.files = append(d.files, file{lines[0].resourceType, lines})
	return d
}

// part is a line tagged SUBSETTED.
func part(l line) line { l.partial = true; return l }

// partly makes the delivery one of an export that asked for _elements.
func (d *delivery) partly() *delivery { d.partial = true; return d }

func (d *delivery) deletes(keys ...string) *delivery   { d.deleted = keys; return d }
func (d *delivery) replaces(types ...string) *delivery { d.replace = types; return d }
func (d *delivery) withholds(lines ...line) *delivery  { d.withheld = lines; return d }
func (d *delivery) takesThem() *delivery               { d.taken = true; return d }
func (d *delivery) retakes() *delivery                 { d.again = true; return d }

// late makes the delivery one of an earlier time than those that brought and
// deleted these resources.
func (d *delivery) late(brought, deleted []string) *delivery {
	d.later, d.laterDeleted = brought, deleted
	return d
}

func (d *delivery) into(tables ...table.Table) *delivery {
	d.tables = tables
	return d
}

func (d *delivery) sourceFile(i int) string {
	return fmt.Sprintf("%s/0-output-%d-%s", d.export, i, d.files[i].resourceType)
}

func (d *delivery) mode() sink.Mode {
	if len(d.replace) > 0 {
		return sink.Full
	}
	return sink.Incremental
}

// main is the table that takes one row for each resource of a type.
func (d *delivery) main(resourceType string) string {
	i := slices.IndexFunc(d.tables, func(t table.Table) bool {
		return t.ResourceType == resourceType && t.Name != identifier.Name
	})
	if i < 0 {
		return table.Resource.Name
	}
	return d.tables[i].Name
}
