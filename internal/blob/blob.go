// Package blob keeps the files of exports: raw files as delivered, staged
// Parquet, and quarantined lines, each under its tenant. A store is a gocloud
// bucket; the local one is ours and makes every commit durable before it
// returns.
//
// Where a house key is configured every file is encrypted by its tenant's key,
// and bound to its own key in the store: callers see the content only.
//
// It never lets one tenant's scope name another tenant's file, never takes a
// name from a server, never shows a file that is not whole, and never gives a
// name to the content of an encrypted one.
//
// Layout: DESIGN section 6. The portable bucket: https://gocloud.dev/howto/blob/
package blob

import (
	"errors"
	"fmt"
	"sync/atomic"

	"gocloud.dev/blob"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
)

// A Store holds the files of all tenants. Its methods and those of its scopes
// may be called concurrently.
type Store struct {
	bucket *blob.Bucket
	keys   *atrest.Keys // nil: nothing is encrypted, and nothing that is can be opened
	local  *localBucket // nil when the bucket is not our own local one
	spool  string       // where LocalPath puts copies of remote files
	held   atomic.Int64 // bytes of decrypted files in memory
}

// OpenLocal returns the store in the folder dir, which it makes when needed,
// with mode 0700. What a crash left half-written is removed, unless another
// process has the store open. Problems: StorageUnwritable, StorageFull.
func OpenLocal(dir string) (*Store, error) {
	b, err := openLocalBucket(dir)
	if err != nil {
		return nil, explain(err, "open storage")
	}
	return &Store{bucket: blob.NewBucket(b), local: b}, nil
}

// Watch has point called at each named moment of a commit to local storage,
// such as "raw: before rename"; its error takes the place of what would have
// come next. It is for tests, is called before the first file, and does nothing
// for a bucket that is not our own. point may be called concurrently; nil is
// the same as no Watch.
func (s *Store) Watch(point func(name string) error) {
	if s.local != nil && point != nil {
		s.local.fault = func(of Area, step string) error { return point(string(of) + ": " + step) }
	}
}

// Encrypt has files written from now on be encrypted by their tenants' keys, if
// keys are on, and those that are encrypted be opened by them. It is called
// before the first file. Files that are not encrypted stay readable as they are.
func (s *Store) Encrypt(keys *atrest.Keys) { s.keys = keys }

// New returns a store over a bucket of any kind; the store closes it. The
// folder spool takes the copies that LocalPath makes.
func New(bucket *blob.Bucket, spool string) *Store {
	return &Store{bucket: bucket, spool: spool}
}

// Tenant returns the scope of one tenant. An id that is none is ErrName.
func (s *Store) Tenant(id string) (*Scope, error) {
	if !tenantID.MatchString(id) {
		return nil, fmt.Errorf("tenant id: %w", ErrName)
	}
	return &Scope{store: s, tenant: id}, nil
}

// Close releases the store. Open readers and writers must be closed before.
func (s *Store) Close() error {
	if err := s.bucket.Close(); err != nil {
		return fmt.Errorf("close storage: %w", err)
	}
	return nil
}

var (
	// ErrName means that an id or a file name is not of the form we make.
	ErrName = errors.New("not a valid name")
	// ErrForeign means that a key belongs to another tenant, or to none.
	ErrForeign = errors.New("key outside the tenant's scope")
)
