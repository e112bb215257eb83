package sink

import "context"

// An Eraser is a Sink that can take out all that it has of one tenant. Its
// methods may be called concurrently with everything else, and for a tenant of
// which the sink has nothing.
type Eraser interface {
	// Count gives how many rows the sink has of the tenant, by table; tables
	// without any are left out. It changes nothing.
	Count(ctx context.Context, tenant string) (map[string]int64, error)

	// Erase takes every row of the tenant out of every table, its receipts too,
	// and touches nothing of another (I7). When it returns nil no file of the sink
	// holds what was there, and the next export is the tenant's first: it must be a
	// full one. After an error the caller does not know how far it came, and calls
	// Erase again; a reader sees all of the tenant's rows, or none.
	//
	// What a file system, a disk or a backup keeps of freed space is beyond it.
	Erase(ctx context.Context, tenant string) error
}
