// Package table names the shape of the tables that ingest writes and sinks
// take: a table, its columns and their types. It holds no rows.
package table

// A Type is the type of a column, in Arrow's words.
type Type string

// The column types. Text keeps a value exactly as it was sent; the others are
// typed companions of a text column, or values without a loss of precision.
const (
	Text      Type = "text"      // UTF-8 string
	Boolean   Type = "boolean"   // true or false
	Int32     Type = "int32"     // 32-bit signed
	Int64     Type = "int64"     // 64-bit signed
	Double    Type = "double"    // 64-bit float: a companion of a decimal's text
	Date      Type = "date"      // days since 1970-01-01
	Timestamp Type = "timestamp" // microseconds since 1970-01-01T00:00:00Z
)

// A Column is one column of a table. Every column may be null.
type Column struct {
	Name string
	Type Type
}

// A Table is the shape of one table.
type Table struct {
	Name         string // lower-case, snake_case: a view's name, or one of the names below
	ResourceType string // the FHIR type whose resources fill it; empty for tables of all types
	Columns      []Column
}

// Column names that every table of rows carries beside those of its view.
const (
	TenantID    = "tenant_id"    // always the first column
	ResourceKey = "resource_key" // "Patient/123": whose row this is
	SourceFile  = "source_file"  // the raw file, as "<export>/<page>-<section>-<index>-<Type>"
	SourceLine  = "source_line"  // its line there, from 1
)

// Resource is the table of resources whose type no view covers.
var Resource = Table{Name: "resource", Columns: []Column{
	{TenantID, Text},
	{"resource_type", Text},
	{"id", Text},
	{ResourceKey, Text},
	{"last_updated", Text},
	{"last_updated_ts", Timestamp},
	{"json", Text},
	{SourceFile, Text},
	{SourceLine, Int64},
}}

// Index has one row for each delivered resource of an export, whatever its
// type and views: sinks choose from it what is new, changed, old or double.
var Index = Table{Name: "_index", Columns: []Column{
	{TenantID, Text},
	{"resource_type", Text},
	{"id", Text},
	{"last_updated_ts", Timestamp}, // null when the resource has none
	{"content_hash", Int64},        // of the line's bytes and the type's views; equal means unchanged
	{"partial", Boolean},           // true when it is tagged SUBSETTED: never instead of a complete one
	{SourceFile, Text},
	{SourceLine, Int64},
}}

// Deleted has one row for each deletion that an export's `deleted` files name.
var Deleted = Table{Name: "_deleted", Columns: []Column{
	{TenantID, Text},
	{"resource_type", Text},
	{"id", Text},
	{SourceFile, Text},
	{SourceLine, Int64},
}}

// Withheld has one row for each line of a resource that the agreement does not
// permit to hold: of which no destination may have anything.
var Withheld = Table{Name: "_withheld", Columns: []Column{
	{TenantID, Text},
	{"resource_type", Text},
	{"id", Text},
	{"last_updated_ts", Timestamp}, // null when the resource has none
	{SourceFile, Text},
	{SourceLine, Int64},
}}

// Attachment has one row for each document that a resource carries or points
// to, whatever became of it; it exists where attachments are wanted. Its rows
// come and go with those of their resource.
var Attachment = Table{Name: "attachment", Columns: []Column{
	{TenantID, Text},
	{"resource_type", Text},
	{ResourceKey, Text},
	{"path", Text},         // where in the resource: "content[0].attachment"
	{"position", Int32},    // among the resource's attachments, from 0
	{"outcome", Text},      // one of package attachment's
	{"reason", Text},       // why it is not stored, in our words; null when it is
	{"content_type", Text}, // as stored: of the answer where that said one, else as declared
	{"title", Text},
	{"declared_content_type", Text},
	{"declared_size", Int64},
	{"declared_sha1", Text},    // FHIR's Attachment.hash, as hex
	{"sha1_matches", Boolean},  // null when none is declared or nothing is stored
	{"size", Int64},            // bytes stored
	{"sha256", Text},           // of the bytes stored, as hex
	{"location", Text},         // the file below the state folder's files
	{"stored_by_export", Text}, // the export that stored it: this one, or an earlier one
	{SourceFile, Text},
	{SourceLine, Int64},
}}

// Coding has one row for each Coding of a resource that has a code, whatever
// element holds it; it exists where it is wanted. Its rows come and go with
// those of their resource.
var Coding = Table{Name: "coding", Columns: []Column{
	{TenantID, Text},
	{"resource_type", Text},
	{"id", Text},
	{ResourceKey, Text},
	{"path", Text},   // of the Coding, without indexes: "component.code.coding"
	{"index", Int32}, // among the resource's rows here, from 0, in the order of its text
	{"system", Text},
	{"code", Text},
	{"display", Text},
	{SourceFile, Text},
	{SourceLine, Int64},
}}

// Reference has one row for each reference of a resource that names a target,
// whatever element holds it; it exists where it is wanted. Its rows come and
// go with those of their resource.
var Reference = Table{Name: "reference", Columns: []Column{
	{TenantID, Text},
	{"resource_type", Text},
	{"id", Text},
	{ResourceKey, Text},
	{"path", Text},    // of the Reference, without indexes: "participant.individual"
	{"index", Int32},  // among the resource's rows here, from 0, in the order of its text
	{"to_type", Text}, // null when neither the reference nor its type element says it
	{"to_id", Text},   // the bare id for the kinds relative and absolute, else what names the target
	{"kind", Text},    // one of package generic's
	{SourceFile, Text},
	{SourceLine, Int64},
}}
