// Package parquetsink keeps the current tables of each tenant as Parquet files
// that any program can read by name:
//
//	<folder>/<tenant>/current/<table>.parquet
//	<folder>/<tenant>/current/_bulkhead_resource.parquet   the winner of each resource
//	<folder>/<tenant>/current/_bulkhead.json               tables and receipts
//
// current is a symbolic link to snapshots/<export>; one rename of it makes an
// export visible. The snapshot before stays for programs that are reading it;
// older ones go. Tables that an export does not touch are hard links.
//
// It never changes a file that it has once made visible. A build without cgo
// has no DuckDB to merge with: Open says so.
package parquetsink

import (
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
)

// Options say where the tables lie and what a publication may use.
type Options struct {
	Folder      string        // made when it is missing
	MemoryLimit int64         // bytes for DuckDB's buffers; 0 means 160 MiB
	TempDir     string        // where it spills; empty means in the tenant's folder
	Threads     int           // 0 means 1
	LockWait    time.Duration // how long to wait for another publication of the tenant; 0 means ten minutes
	Gate        merge.Gate    // shared by all sinks of the process, so that they work in turn; may be nil

	// Point, for tests, is called at the named moments of a publication; its
	// error takes the place of what would have come next. Nil in production.
	Point func(name string) error
}
