// Package atrest encrypts what is kept of practices. Each practice has keys of
// its own, which lie in a folder wrapped by the house key; every file is
// encrypted by the newest of them, and bound to its name: under another name,
// or in another practice, it does not open. Destroying a practice's keys makes
// noise of all that was kept of it, and of every copy of that.
//
// It never writes a key that is not wrapped, never makes a new key in the place
// of one that was lost, and holds the house key in memory only.
//
// Streaming AEAD, AES-256-GCM with HKDF: https://developers.google.com/tink/streaming-aead
// Envelope encryption: NIST SP 800-57 part 1, section 5.3.5,
// https://csrc.nist.gov/pubs/sp/800/57/pt1/r5/final
package atrest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// FolderName is the folder of a state folder in which practices' keys are.
const FolderName = "keys"

// Options are what Keys are made of.
type Options struct {
	Folder string // where the practices' keys are; made when the first one is
	House  *House // what wraps them; nil when no house key is configured

	// Ledger knows which keys there were, and which were destroyed. Nil: nobody
	// knows, and a lost folder of keys is not told from a new one.
	Ledger *store.Store
	// Looking says that the ledger can only be read: what changes is recorded by
	// Settle of the next process that may write.
	Looking bool

	// Point, for tests, is called at the named moments of a change of a key
	// file; its error takes the place of what would have come next.
	Point func(name string) error
}

// Keys are the keys of all practices. They may be used by several goroutines,
// and the folder by several processes, at once: what one changes the others
// see with the next file that they open.
type Keys struct {
	Options
	changing sync.Mutex // one change at a time; other processes are held off by a lock

	mu    sync.Mutex
	known map[string]*practice
}

// A practice is what is known of one practice's key file.
type practice struct {
	stat    fs.FileInfo // of the file, as it was read
	file    keyFile
	primary uint32
	streams map[uint32]tink.StreamingAEAD
	veils   map[uint32]*subtle.AESSIV
}

// New gives the keys in a folder. Nothing is read before it is needed.
func New(o Options) *Keys { return &Keys{Options: o, known: map[string]*practice{}} }

// On reports whether what is written is encrypted: whether there is a house key.
// Nil Keys are off.
func (k *Keys) On() bool { return k != nil && k.House != nil }

// practice gives the keys of a practice, unwrapped. A practice without a key
// file is errNone. Problems: EncryptionOff, HouseKeyMissing,
// HouseKeyWrong, PracticeKeyDestroyed, StorageDamaged.
func (k *Keys) practice(ctx context.Context, tenant string) (*practice, error) {
	stat, err := os.Stat(k.path(tenant))
	if err != nil {
		return nil, k.unreadable(err, tenant)
	}
	k.mu.Lock()
	p := k.known[tenant]
	k.mu.Unlock()
	if p == nil || !os.SameFile(p.stat, stat) || !p.stat.ModTime().Equal(stat.ModTime()) {
		if p, err = k.load(ctx, tenant); err != nil {
			return nil, err
		}
		k.mu.Lock()
		k.known[tenant] = p
		k.mu.Unlock()
	}
	if p.file.destroyed() {
		return nil, destroyed(tenant)
	}
	return p, nil
}

// load reads a key file and unwraps what is in it, unless that was destroyed.
func (k *Keys) load(ctx context.Context, tenant string) (*practice, error) {
	file, stat, err := k.read(tenant)
	if err != nil {
		return nil, err
	}
	p := &practice{stat: stat, file: file}
	gone, err := k.gone(ctx, tenant)
	if err != nil || file.destroyed() {
		return p, err
	}
	handle, err := k.House.unwrap(ctx, tenant, file)
	if err != nil {
		return nil, err
	}
	p.streams, p.veils = map[uint32]tink.StreamingAEAD{}, map[uint32]*subtle.AESSIV{}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, damagedKeys(tenant, err)
		}
		if slices.Contains(gone, entry.KeyID()) { // an old copy of the file is in its place
			continue
		}
		if p.streams[entry.KeyID()], err = streamOf(entry.Key()); err != nil {
			return nil, damagedKeys(tenant, err)
		}
		if p.veils[entry.KeyID()], err = veilOf(entry.Key()); err != nil {
			return nil, damagedKeys(tenant, err)
		}
		if entry.IsPrimary() {
			p.primary = entry.KeyID()
		}
	}
	if p.streams[p.primary] == nil {
		return nil, destroyed(tenant)
	}
	return p, nil
}

// gone gives the ids of the practice's keys that the ledger knows as destroyed.
func (k *Keys) gone(ctx context.Context, tenant string) (ids []uint32, err error) {
	if k.Ledger == nil {
		return nil, nil
	}
	known, err := k.Ledger.In(tenant).Keys(ctx)
	for _, key := range known {
		if !key.DestroyedAt.IsZero() {
			ids = append(ids, key.ID)
		}
	}
	return ids, err
}

// Tenants gives the practices that have a key file, or had keys, in order.
func (k *Keys) Tenants(ctx context.Context) ([]string, error) {
	var all []string
	entries, err := os.ReadDir(k.Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unwritable(err)
	}
	for _, e := range entries {
		if tenant, ok := strings.CutSuffix(e.Name(), ending); ok && !strings.HasPrefix(tenant, ".") {
			all = append(all, tenant)
		}
	}
	if k.Ledger != nil {
		had, err := k.Ledger.TenantsWithKeys(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, had...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// A Standing is how the keys of a practice stand.
type Standing struct {
	Tenant    string
	Keys      []store.TenantKey // the oldest first; from the key file, or else from the ledger
	Destroyed bool              // for good
	Trouble   error             // why what was encrypted cannot be opened now; nil when it can
}

// Standing says how the keys of a practice stand. One that never had any has
// none. Its error says that it could not look.
func (k *Keys) Standing(ctx context.Context, tenant string) (Standing, error) {
	s := Standing{Tenant: tenant}
	file, _, err := k.read(tenant)
	switch {
	case errors.Is(err, errNone) && k.Ledger == nil:
		return s, nil
	case errors.Is(err, errNone):
		if s.Keys, err = k.Ledger.In(tenant).Keys(ctx); err != nil {
			return s, err
		}
		s.Destroyed = len(s.Keys) > 0 && !slices.ContainsFunc(s.Keys, alive)
		if len(s.Keys) > 0 && !s.Destroyed {
			s.Trouble = lost(tenant)
		}
		return s, nil
	case err != nil:
		s.Trouble = err
		return s, nil
	}
	s.Keys, s.Destroyed = file.ledgerKeys(), file.destroyed()
	if !s.Destroyed {
		_, s.Trouble = k.practice(ctx, tenant)
		s.Trouble = Explain(s.Trouble)
	}
	return s, nil
}

func alive(key store.TenantKey) bool { return key.DestroyedAt.IsZero() }

// streamOf makes the primitive of one key.
func streamOf(key tinkKey) (tink.StreamingAEAD, error) {
	handle, err := only(key)
	if err != nil {
		return nil, err
	}
	s, err := streamingaead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("use a key: %w", err)
	}
	return s, nil
}
