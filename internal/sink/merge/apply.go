//go:build cgo

package merge

import (
	"fmt"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// Adds says whether rows of a table may go in: whether a resource of the
// table's type is new or changed.
func (x *Decision) Adds(t sink.Table) bool {
	return len(t.Files) > 0 && x.any(t.ResourceType, func(c sink.TypeCount) bool { return c.New+c.Changed > 0 })
}

// AddsAll says whether every staged row of a table goes in, and there is one.
func (x *Decision) AddsAll(t sink.Table) bool {
	return x.Skipped == 0 && x.Adds(t) && slices.ContainsFunc(t.Files, func(f sink.File) bool { return f.Rows > 0 })
}

// Removes says whether rows of a resource type may go out; the empty type
// stands for all.
func (x *Decision) Removes(resourceType string) bool {
	return x.any(resourceType, func(c sink.TypeCount) bool { return c.Changed+c.Deleted > 0 })
}

func (x *Decision) any(resourceType string, holds func(sink.TypeCount) bool) bool {
	return slices.ContainsFunc(x.Types, func(c sink.TypeCount) bool {
		return (resourceType == "" || c.ResourceType == resourceType) && holds(c)
	})
}

// StagedRows is the query for the rows of t that go in, with the columns
// wanted in their order.
func (x *Decision) StagedRows(t sink.Table, wanted []table.Column) string {
	q := "SELECT " + Select("s", wanted, t.Columns, x.delivery.Tenant) + " FROM " + Parquet(t.Files, t.Columns) + " s"
	return q + x.choose()
}

// choose joins staged rows to the decision about their lines, by the shorter
// of the two lists.
func (x *Decision) choose() string {
	const file = " JOIN work.file f ON f.name = s.source_file "
	switch {
	case x.Skipped == 0:
		return ""
	case x.Picked <= x.Skipped:
		return file + "SEMI JOIN work.pick p ON p.no = f.no AND p.line = s.source_line"
	default:
		return file + "ANTI JOIN work.skip p ON p.no = f.no AND p.line = s.source_line"
	}
}

// GoneKeys is the query for the keys of the resources of some types whose old
// rows go out; the empty type stands for all.
func (x *Decision) GoneKeys(resourceTypes ...string) string {
	q := "SELECT resource_type || '/' || id AS resource_key FROM work.gone"
	if !slices.Contains(resourceTypes, "") {
		q += " WHERE resource_type IN (" + Literals(resourceTypes) + ")"
	}
	return q
}

// FreshState is the query for the new state rows, with the columns of State.
func (x *Decision) FreshState() string {
	return fmt.Sprintf("SELECT %s AS tenant_id, resource_type, id, last_updated_ts, content_hash, partial FROM work.fresh",
		Literal(x.delivery.Tenant))
}
