// Package duckdbsink keeps the current tables of all tenants in one DuckDB
// file that any program with DuckDB can read: upserts by tenant and resource,
// deletions, child rows replaced with their parent, one transaction per export.
//
// The file is open only while something is published or queried, so that other
// programs can read it in between. A build without cgo has no DuckDB: Open
// says so. Numbers that FHIR calls decimal are text here, with every digit, and
// a double beside it; times are TIMESTAMP WITH TIME ZONE in UTC.
package duckdbsink

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
)

// Options say where the tables lie and what a publication may use.
type Options struct {
	Path        string        // the database file; its folder is made when it is missing
	MemoryLimit int64         // bytes for DuckDB's buffers; 0 means 160 MiB
	TempDir     string        // where it spills; empty means beside the file
	Threads     int           // 0 means 1
	LockWait    time.Duration // how long to wait while others use the file; 0 means a minute
	Gate        merge.Gate    // shared by all sinks of the process, so that they work in turn; may be nil

	// Point, for tests, is called at the named moments of a publication; its
	// error takes the place of what would have come next. Nil in production.
	Point func(name string) error
}
