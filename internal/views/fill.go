package views

import (
	"fmt"
	"regexp"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// A Source says where the value of a table's column comes from.
type Source string

// The sources. Those of a view column are null where the text has not the
// shape or the precision that they need.
const (
	Plain     Source = "plain"      // the view column, as sent; a collection as a JSON array
	Date      Source = "date"       // the day, when the view column has at least a full date
	Time      Source = "time"       // the instant in UTC, when it has a time with a zone
	Number    Source = "number"     // the decimal as the nearest double
	RefType   Source = "ref_type"   // the resource type that the reference key points to
	Tenant    Source = "tenant"     // the tenant's id
	Key       Source = "key"        // the resource's key, "Type/id"
	FileName  Source = "file_name"  // the raw file
	LineCount Source = "line_count" // the line in the raw file, from 1
)

// A Fill says how one column of a table is filled.
type Fill struct {
	Column table.Column
	From   int // index of the view's column; -1 when the value is not the view's
	As     Source
}

// columnName is the shape of a column's name, which is a view's name too: safe
// without quotes in every warehouse but for reserved words.
var columnName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// fills returns the columns of a view's table with their sources: the tenant,
// the view's columns, each followed by its companions, and where the row came
// from.
func fills(columns []sqlonfhir.Column) ([]Fill, error) {
	out := []Fill{{table.Column{Name: table.TenantID, Type: table.Text}, -1, Tenant}}
	for i, c := range columns {
		if !columnName.MatchString(c.Name) {
			return nil, fmt.Errorf("column %q: a name is lower-case letters, digits and underscores, letter first, at most 63", c.Name)
		}
		out = append(out, Fill{table.Column{Name: c.Name, Type: ColumnType(c)}, i, Plain})
		out = append(out, companions(i, c)...)
	}
	out = append(out,
		Fill{table.Column{Name: table.ResourceKey, Type: table.Text}, -1, Key},
		Fill{table.Column{Name: table.SourceFile, Type: table.Text}, -1, FileName},
		Fill{table.Column{Name: table.SourceLine, Type: table.Int64}, -1, LineCount})
	return out, checkNames(out, columns)
}

// ColumnType returns the type of a view's own column. Text is the rule: it
// keeps decimals and partial dates as they were sent.
func ColumnType(c sqlonfhir.Column) table.Type {
	if c.Collection {
		return table.Text
	}
	switch c.Type {
	case "boolean":
		return table.Boolean
	case "integer", "positiveInt", "unsignedInt":
		return table.Int32
	case "integer64":
		return table.Int64
	}
	return table.Text
}

// companions returns the typed columns that follow a view's column.
func companions(i int, c sqlonfhir.Column) []Fill {
	if c.Collection {
		return nil
	}
	date := Fill{table.Column{Name: c.Name + "_date", Type: table.Date}, i, Date}
	ts := Fill{table.Column{Name: c.Name + "_ts", Type: table.Timestamp}, i, Time}
	switch {
	case c.ReferenceKey:
		return []Fill{{table.Column{Name: c.Name + "_type", Type: table.Text}, i, RefType}}
	case c.Type == "date":
		return []Fill{date}
	case c.Type == "dateTime":
		return []Fill{date, ts}
	case c.Type == "instant":
		return []Fill{ts}
	case c.Type == "decimal":
		return []Fill{{table.Column{Name: c.Name + "_num", Type: table.Double}, i, Number}}
	}
	return nil
}

// checkNames refuses a table in which two columns have one name.
func checkNames(fills []Fill, columns []sqlonfhir.Column) error {
	seen := make(map[string]Fill, len(fills))
	for _, f := range fills {
		first, taken := seen[f.Column.Name]
		if !taken {
			seen[f.Column.Name] = f
			continue
		}
		if first.From < 0 || f.From < 0 {
			return fmt.Errorf("column %q: every table has a column of that name already", f.Column.Name)
		}
		if first.As == Plain {
			first, f = f, first
		}
		return fmt.Errorf("column %q: the name is taken by the %s companion of column %q", f.Column.Name, first.As, columns[first.From].Name)
	}
	return nil
}
