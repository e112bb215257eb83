package views

import "github.com/bulkhead-fhir/bulkhead/internal/table"

// ownColumns say what the columns hold that no view fills and that mean the
// same in every table.
var ownColumns = map[string]string{
	table.TenantID:    "Whose row it is: the practice's id in the configuration",
	table.ResourceKey: "The resource of the row, as `Type/id`; unique with tenant_id in a main table",
	table.SourceFile:  "The raw file, as `export/page-section-index-Type`",
	table.SourceLine:  "The line in that file, from 1",
	"resource_type":   "Type of the resource",
	"id":              "Id of the resource",
}

// An ownTable is a table that no view makes.
type ownTable struct {
	table.Table
	title, description string
	columns            map[string]string // what a column holds that is not among ownColumns
}

// ownTables are those that destinations may have besides the tables of views.
var ownTables = []ownTable{
	{
		table.Resource, "Resources without a view", "One row per resource whose type no view covers.",
		map[string]string{
			"last_updated":    "When the server last changed the resource",
			"last_updated_ts": "The instant of `last_updated` in UTC, when it has a time with a zone",
			"json":            "The resource, as it was sent",
		},
	},
	{
		table.Coding, "Codings", "One row per Coding with a code, of all resources, where it is wanted.",
		map[string]string{
			"path":    "The Coding's path, without indexes: `component.code.coding`; contained resources' begin with contained",
			"index":   "Position among the resource's rows here, from 0, in the order of its text",
			"system":  "Code system",
			"code":    "Code",
			"display": "Display, as sent",
		},
	},
	{
		table.Reference, "References", "One row per reference that names a target, of all resources, where it is wanted.",
		map[string]string{
			"path":    "The Reference's path, without indexes: `participant.individual`",
			"index":   "Position among the resource's rows here, from 0, in the order of its text",
			"to_type": "Resource type of the target; null when the reference does not say it",
			"to_id":   "Id of the target for the kinds relative and absolute; else what names it: the whole URL, `#id`, or an identifier as `system|value`",
			"kind":    "relative, absolute (a URL of the practice's server), foreign (any other URL), contained, urn, conditional, logical (an identifier only) or other",
		},
	},
	{
		table.Attachment, "Documents", "One row per document that a resource carries or points to, whatever became of it, where documents are wanted.",
		map[string]string{
			"path":                  "Where in the resource it stands: `content[0].attachment`",
			"position":              "Position among the resource's documents, from 0",
			"outcome":               "What became of it, such as stored, inline, absent or too_large",
			"reason":                "Why it is not stored; null when it is",
			"content_type":          "Media type as stored: of the answer where that said one, else as declared",
			"title":                 "Title, as sent",
			"declared_content_type": "Media type that the resource declares",
			"declared_size":         "Bytes that the resource declares",
			"declared_sha1":         "SHA-1 that the resource declares, as hex",
			"sha1_matches":          "Whether that is the SHA-1 of what is stored; null when none is declared or nothing is stored",
			"size":                  "Bytes stored",
			"sha256":                "SHA-256 of what is stored, as hex",
			"location":              "The file, below the state folder's files",
			"stored_by_export":      "The export that stored it: this one, or an earlier one",
		},
	},
}

func ownEntries() []Entry {
	var entries []Entry
	for _, t := range ownTables {
		e := Entry{Table: t.Name, Title: t.title, Description: t.description}
		for _, c := range t.Columns {
			meaning := t.columns[c.Name]
			if meaning == "" {
				meaning = ownColumns[c.Name]
			}
			e.Columns = append(e.Columns, ColumnEntry{Name: c.Name, Type: c.Type, Description: meaning})
		}
		entries = append(entries, e)
	}
	return entries
}
