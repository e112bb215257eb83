//go:build cgo

package parquetsink

import (
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

func TestOnlyADeliveryOfNothingIsCarriedOver(t *testing.T) {
	known := note{Export: "e1", Tables: map[string]noted{table.Resource.Name: {ResourceTypes: []string{table.Resource.ResourceType}, Columns: table.Resource.Columns}}}
	for name, c := range map[string]struct {
		old    note
		change func(d *sink.Delivery)
		want   bool
	}{
		"nothing":                  {known, func(*sink.Delivery) {}, true},
		"no table at all":          {known, func(d *sink.Delivery) { d.Tables = nil }, true},
		"the first":                {note{}, func(*sink.Delivery) {}, false},
		"a line":                   {known, func(d *sink.Delivery) { d.Index = []sink.File{{Path: "x", Rows: 1}} }, false},
		"a deletion":               {known, func(d *sink.Delivery) { d.Deleted = []sink.File{{Path: "x", Rows: 1}} }, false},
		"rows":                     {known, func(d *sink.Delivery) { d.Tables[0].Files = []sink.File{{Path: "x"}} }, false},
		"a type that it is all of": {known, func(d *sink.Delivery) { d.Replace = []string{"Patient"} }, false},
		"a new table":              {known, func(d *sink.Delivery) { d.Tables = append(d.Tables, sink.Table{Table: table.Coding}) }, false},
		"a new column": {known, func(d *sink.Delivery) {
			d.Tables[0].Columns = append(d.Tables[0].Columns[:len(d.Tables[0].Columns):len(d.Tables[0].Columns)], table.Column{Name: "new"})
		}, false},
		"what was said since":       {known, func(d *sink.Delivery) { d.Later = []sink.File{{Path: "x"}} }, false},
		"what was deleted since":    {known, func(d *sink.Delivery) { d.LaterDeleted = []sink.File{{Path: "x"}} }, false},
		"a table that is not there": {note{Export: "e1"}, func(*sink.Delivery) {}, false},
	} {
		d := empty("e2")
		c.change(&d)
		if got := (publication{d: d, old: c.old}).idle(); got != c.want {
			t.Errorf("%s: idle = %v", name, got)
		}
	}
}
