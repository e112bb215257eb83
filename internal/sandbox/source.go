package sandbox

import (
	"context"
	"iter"
	"time"
)

// A Query names the resources of one type that one output file carries: those
// that exist at Until and, when Since is set, changed after Since. The same
// query always gives the same resources in the same order and bytes, so that
// a file can be fetched again, or from its middle.
type Query struct {
	Type string // resource type

	// Since, when not zero, leaves out what last changed at or before it.
	Since time.Time
	// Until is the export's transactionTime: later changes do not show.
	Until time.Time

	// Shard is the part asked for, of Shards parts of about the same size: 0 <= Shard < Shards.
	// No two parts share a resource, and together they are the whole. Shards 0
	// means one part.
	Shard, Shards int
}

// A Ref names a deleted resource.
type Ref struct {
	Type string
	ID   string
}

// A Source is a practice's records. Its methods may be called concurrently; a
// sequence that was handed out is read by one goroutine, which may stop early.
type Source interface {
	// Types returns the resource types that the practice holds, sorted.
	Types() []string

	// Size says how many resources Open would yield for q. When exact is false
	// n is an estimate, good enough to choose a number of shards, and zero
	// only when there are none.
	Size(ctx context.Context, q Query) (n int, exact bool, err error)

	// Open yields q's resources, each as one line of JSON without the newline.
	// A line is valid until the next one is asked for. An error ends the
	// sequence. Memory does not depend on how much is yielded.
	Open(ctx context.Context, q Query) iter.Seq2[[]byte, error]

	// Deleted yields the resources of q.Type that went away after q.Since and
	// no later than q.Until. It yields nothing when q.Since is zero.
	Deleted(ctx context.Context, q Query) iter.Seq2[Ref, error]
}
