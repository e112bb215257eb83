// Package ingest turns raw output files into tables: it checks every line,
// writes the rows of each view to staged Parquet, and puts every refused line
// with its reason into quarantine. Memory depends on the workers and not on
// the file.
//
// It never drops a line, never changes one, and never shows a part that is
// not whole.
//
// Lines are FHIR NDJSON: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#bulk-data-output-file-request
// and https://build.fhir.org/nd-json.html; the algorithm is DESIGN section 5.
package ingest

import (
	"context"
	"io"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/judge"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// Options say where the rows of an export go. Scope, Export and Views are
// required.
type Options struct {
	Scope  *blob.Scope // the tenant's files
	Export string      // the export's id
	Views  *views.Set  // which tables a type fills

	// Base is the FHIR base URL of the server that exports. An absolute URL
	// means one of its resources only when it is rooted there; without a base
	// none is.
	Base string
	// Organized says that the manifest has outputOrganizedBy: output files are
	// blocks of mixed types, each after a header line, and Source.Type says nothing.
	Organized bool
	// Permits reports whether the agreement permits a resource type. It is
	// called from several goroutines. nil permits Source.Type only.
	Permits func(resourceType string) bool

	// Limits are what of the resources of permitted types may not be held.
	Limits Limits

	// Salt gives, for a resource type, what is mixed into the content hash of the
	// resource with a key ("Type/id"): another salt makes it a changed one. Both
	// functions are called from several goroutines; nil mixes nothing in.
	Salt func(resourceType string) func(key []byte) uint64

	// Guide has the rules by which resources are judged; nil judges nothing.
	Guide *uscore.Guide
	// RefuseErrors quarantines a resource that breaks a rule of its profile;
	// otherwise it is counted and delivered.
	RefuseErrors bool
	// Generic says which of the tables of all types are filled.
	Generic Generic
	// Plans remember what is compiled; nil remembers nothing between two runs.
	Plans *Plans

	First        bool // nothing was ever written for these files: former parts are not looked for
	Workers      int  // goroutines that scan lines; 0 means GOMAXPROCS
	MaxLine      int  // longest line in bytes; 0 means 256 MiB
	RowGroupRows int  // rows held per worker and table before they are written; 0 means 32,768
}

// Generic says which tables are filled from resources of every type.
type Generic struct {
	Codings    bool // table.Coding
	References bool // table.Reference
}

// A Section is the part of the manifest that names the file.
type Section string

// The sections.
const (
	Output  Section = "output"  // resources of one type, or organized blocks
	Deleted Section = "deleted" // Bundles of deletions
	Errors  Section = "error"   // OperationOutcomes; STU 4 calls it outcome
)

// A Source is one output file. Those of a unit are of one section, one type and
// one origin.
type Source struct {
	File    string  // "<page>-<section>-<index>-<Type>", made by blob.FileName
	Section Section // decides what a line must be
	Type    string  // the type that the manifest gives; used by Output only. A line's own type decides where it goes
	Origin  string  // the export whose file it is, by table.SourceFile; empty means Options.Export

	// Open returns the bytes of the file: NDJSON, or NDJSON as zstd or gzip,
	// told apart by their first bytes. It is called once for each run.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// A Summary says what became of the lines of one file. It holds counts, codes
// and keys only, never content. Lines is always Delivered + Quarantined +
// Blank (I4).
type Summary struct {
	File           string           `json:"file"`
	Lines          int64            `json:"lines"`
	Blank          int64            `json:"blank"`             // empty, or spaces only, or a header
	Headers        int64            `json:"headers,omitempty"` // of them, the header lines of organized blocks
	Delivered      int64            `json:"delivered"`         // lines whose content was taken
	Quarantined    int64            `json:"quarantined"`       // lines refused
	ByReason       map[string]int64 `json:"by_reason,omitempty"`
	Types          []TypeLines      `json:"types,omitempty"`           // delivered resources, by the type that they have
	Guide          string           `json:"us_core,omitempty"`         // version of the rules by which they were judged; empty when they were not
	Findings       []judge.Finding  `json:"findings,omitempty"`        // what broke a rule, the most frequent first; at most 100 kinds
	Mismatched     int64            `json:"mismatched,omitempty"`      // of them, those of another type than the manifest gives
	Subsetted      int64            `json:"subsetted,omitempty"`       // of them, those tagged SUBSETTED
	OutcomeLines   int64            `json:"outcome_lines,omitempty"`   // quarantined lines that are OperationOutcomes, in an output file
	Deletions      int64            `json:"deletions"`                 // rows of table.Deleted: a Bundle may have many
	Withheld       int64            `json:"withheld,omitempty"`        // rows of table.Withheld: quarantined lines of resources that may not be held
	EntriesRefused map[string]int64 `json:"entries_refused,omitempty"` // entries not executed in Bundles of which others were, by reason
	Outcomes       []OutcomeCount   `json:"outcomes,omitempty"`        // issues of all OperationOutcomes, by severity, then code
	Parameters     []string         `json:"parameters,omitempty"`      // kick-off parameters that the issues of an error file name
	Tables         []TableParts     `json:"tables,omitempty"`          // by name; only tables with rows. Of a unit, with its first file
	QuarantineKey  blob.Key         `json:"quarantine_key,omitempty"`
	Bytes          int64            `json:"bytes"` // of NDJSON, decoded
	MaxLastUpdated time.Time        `json:"max_last_updated,omitzero"`
}

// OutcomeOnly reports whether an output file has no resources, but
// OperationOutcomes only: the server failed to give the file.
func (s Summary) OutcomeOnly() bool {
	return s.OutcomeLines > 0 && s.OutcomeLines == s.Lines-s.Blank
}

// TypeLines counts the delivered resources of one type.
type TypeLines struct {
	Type     string               `json:"type"`
	Lines    int64                `json:"lines"`
	Verdicts judge.Verdicts       `json:"verdicts,omitzero"`  // of them and of those refused for their profile; zero when they were not judged
	Profiles []judge.ProfileLines `json:"profiles,omitempty"` // in alphabetical order
}

// An OutcomeCount counts the issues of one severity and code.
type OutcomeCount struct {
	Severity string `json:"severity"` // fatal, error, warning, information or success; "unknown" for any other
	Code     string `json:"code"`     // as sent when it has the shape of a code, otherwise "unknown"
	Count    int64  `json:"count"`
}

// TableParts are the rows that the file, or its unit, gave to one table.
type TableParts struct {
	Name  string `json:"name"`
	Rows  int64  `json:"rows"`
	Parts []Part `json:"parts"`
	// Filled counts the rows with a value, for each column that has some; only
	// for the main table of a type.
	Filled map[string]int64 `json:"filled,omitempty"`
}

// A Part is one staged Parquet file, whole and durable.
type Part struct {
	Key   blob.Key `json:"key"`
	Rows  int64    `json:"rows"`
	Bytes int64    `json:"bytes"` // as stored
}
