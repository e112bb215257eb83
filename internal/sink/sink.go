// Package sink is the contract between an export and its destinations. The
// destinations are packages of their own; sinktest is the suite that every
// one of them passes whole.
package sink

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// A Sink is a destination for tables. Publish may be called concurrently for
// different exports, of one tenant or of several. A context that ends means:
// stop now and leave nothing visible.
type Sink interface {
	// Publish makes everything in d visible at once, and durable, before it
	// returns (I5). Publishing the same export again changes nothing and
	// returns the first receipt. After an error the caller does not know
	// whether the export was published, and calls Publish again.
	//
	// Afterwards, for d's tenant and for no other (I7):
	//   - a resource of d that is new, or whose content hash differs from what
	//     is there, has exactly the rows that its winning line gave, in every
	//     table of its type; no other row of it remains;
	//   - of several lines of one resource a complete one wins over a partial
	//     one, then the one with the latest last_updated_ts (null is oldest), then
	//     the later source file in the order of d.Files, then the later line;
	//   - a resource already there with an equal content hash, or with a later
	//     last_updated_ts, is left alone; where either side has none, the
	//     delivery counts as later;
	//   - a complete resource already there is left alone by a partial one, and a
	//     partial one there is replaced by a complete one, whatever their times;
	//   - a resource named in d.Deleted is gone, unless d also delivers it;
	//   - a resource with a line in d.Withheld is gone, unless d also delivers a
	//     line of it whose last_updated_ts is later than that of every such line:
	//     where either side has none, it is gone. Of a delivery that is Again it also
	//     stays when what is there is later than every such line. A line of
	//     d.Withheld that is among d's delivered ones counts for nothing;
	//   - of each type in d.Replace, resources that d does not deliver are gone,
	//     unless d is partial;
	//   - a resource named in d.Later, d.LaterDeleted or d.LaterWithheld is as it
	//     was, there or not, whatever else d says of it;
	//   - every table of d.Tables exists, with rows or without; a column that
	//     the table lacked is null in the rows that stay, one that d no longer
	//     brings stays, and one that changes its type is refused.
	//
	// A delivery of changes to what the sink does not have, because it lacks
	// d.After, is ErrLost, and nothing is made.
	//
	// Rows of a resource go out of every table that ever took rows of its type,
	// also of tables that d does not name. A staged file that is missing, is
	// damaged, has other rows than File.Rows says, or has a row of another
	// tenant, fails the whole publication.
	Publish(ctx context.Context, d Delivery) (Receipt, error)
}

// ErrLost says that a sink has lost what was published to it: its file or folder
// is not there, or is another one.
var ErrLost = errors.New("the sink does not know the export before")

// A Mode says whether a delivery holds all of a tenant's resources or changes.
type Mode string

// The modes.
const (
	Full        Mode = "full"
	Incremental Mode = "incremental"
)

// A Delivery is what one export brings to a sink. All its files are Parquet,
// written by ingest, local for the time of the call, and must not be changed.
type Delivery struct {
	Tenant          string
	Export          string
	Mode            Mode
	Partial         bool // every resource is partial, tagged or not: the export asked for _elements
	TransactionTime time.Time
	Files           []string // source files in manifest order, as in the column source_file
	Tables          []Table  // every table of the types asked for, also those without files
	Index           []File   // the rows of table.Index: one for each delivered line
	Deleted         []File   // the rows of table.Deleted
	Withheld        []File   // the rows of table.Withheld; of a replay, those of its origin too
	Replace         []string // resource types of which the delivery is the whole truth
	Again           bool     // lines of an earlier delivery: what is there may have come with that one
	After           string   // an earlier export that the sink has, on which a delivery of changes builds; empty when there is none

	// Later, LaterDeleted and LaterWithheld name what has been said since of
	// resources, where the delivery is of an earlier time than others that went
	// before it: rows of table.Index, table.Deleted and table.Withheld, of other
	// deliveries of the tenant.
	Later, LaterDeleted, LaterWithheld []File
}

// A Table is a table with the staged files that hold its rows.
type Table struct {
	table.Table
	Files []File
}

// A File is one staged Parquet file.
type File struct {
	Path string // local
	Rows int64
}

// A Receipt says what a publication did.
type Receipt struct {
	Export      string
	PublishedAt time.Time
	Types       []TypeCount // by resource type, in alphabetical order; only types with a count

	// Links count the references that the delivery's lines hold to resources of
	// the same server, in the order of From, then To; none when the delivery has
	// no table.Reference.
	Links []LinkCount `json:",omitempty"`
}

// A LinkCount counts the references from resources of one type to those of
// another.
type LinkCount struct {
	From, To string // resource types
	Links    int64
	Missing  int64 // of them, those to a resource that the tenant does not have after the publication
}

// A TypeCount counts the resources of one type.
type TypeCount struct {
	ResourceType string
	New          int64 // not there before
	Changed      int64 // there with other content
	Unchanged    int64 // there with the same content or a later last_updated, or complete and now partial; or named as later
	Double       int64 // further lines of a resource that another line won, or that is withheld
	Deleted      int64 // named as deleted, withheld, or absent from a full delivery, and was there
	Withheld     int64 `json:",omitempty"` // of Deleted, those of which a line is withheld
}
