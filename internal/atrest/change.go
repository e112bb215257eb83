package atrest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tink-crypto/tink-go/v2/key"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// keySize is the length of a practice's key, and of the key that is derived
// from it for each file, in bytes.
const keySize = 32

type tinkKey = key.Key

// add makes a key in a keyset, which encrypts from then on.
func add(m *keyset.Manager) (*keyset.Handle, uint32, error) {
	kind, err := aesgcmhkdf.NewParameters(aesgcmhkdf.ParametersOpts{
		KeySizeInBytes: keySize, DerivedKeySizeInBytes: keySize, HKDFHashType: aesgcmhkdf.SHA256, SegmentSizeInBytes: segmentSize,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("describe a key: %w", err)
	}
	id := uint32(0)
	for id == 0 { // which says that a file is not encrypted
		if id, err = m.AddNewKeyFromParameters(kind); err != nil {
			return nil, 0, fmt.Errorf("make a key: %w", err)
		}
	}
	if err := m.SetPrimary(id); err != nil {
		return nil, 0, fmt.Errorf("make a key the first: %w", err)
	}
	handle, err := m.Handle()
	return handle, id, err
}

// only gives a keyset of one key.
func only(k tinkKey) (*keyset.Handle, error) {
	m := keyset.NewManager()
	id, err := m.AddKey(k)
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err != nil {
		return nil, fmt.Errorf("use a key: %w", err)
	}
	return m.Handle()
}

// first gives a practice that never had one its first key. One that had some
// is a problem: PracticeKeyMissing, or PracticeKeyDestroyed.
func (k *Keys) first(ctx context.Context, tenant string) (*practice, error) {
	err := k.exclusively(func() error {
		if _, _, err := k.read(tenant); !errors.Is(err, errNone) {
			return err // another process was first
		}
		standing, err := k.Standing(ctx, tenant)
		switch {
		case err != nil:
			return err
		case standing.Destroyed:
			return destroyed(tenant)
		case standing.Trouble != nil:
			return standing.Trouble
		}
		return k.put(ctx, keyFile{Tenant: tenant}, keyset.NewManager())
	})
	if err != nil {
		return nil, err
	}
	return k.practice(ctx, tenant)
}

// put adds a key to a keyset and writes its file.
func (k *Keys) put(ctx context.Context, file keyFile, m *keyset.Manager) error {
	handle, id, err := add(m)
	if err != nil {
		return err
	}
	if file.Wrapped, err = k.House.wrap(ctx, file.Tenant, handle); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range file.Keys {
		if file.Keys[i].RetiredAt.IsZero() {
			file.Keys[i].RetiredAt = now
		}
	}
	file.Keys, file.House = append(file.Keys, keyEntry{ID: id, CreatedAt: now}), k.House.name
	if err := k.write(file); err != nil {
		return err
	}
	return k.record(ctx, file)
}

// record lets the ledger know how a practice's keys stand. The key file is the
// truth; what a crash keeps from being recorded, Settle records.
func (k *Keys) record(ctx context.Context, file keyFile) error {
	if k.Ledger == nil || k.Looking {
		return nil
	}
	if k.Point != nil {
		if err := k.Point("keys: before record"); err != nil {
			return err
		}
	}
	return k.Ledger.In(file.Tenant).Do(ctx, func(tx *store.Tx) error { return tx.PutKeys(file.ledgerKeys()) })
}

// Settle records in the ledger what the key files say and the ledger does not:
// what a crash, or a process that only looked, left; and destroys what else a
// crash left in the folder. It asks no house key.
func (k *Keys) Settle(ctx context.Context) error {
	if k.Ledger == nil || k.Looking {
		return nil
	}
	if left, err := k.temps(); err != nil {
		return unwritable(err)
	} else if len(left) > 0 {
		if err := k.exclusively(func() error { return nil }); err != nil {
			return err
		}
	}
	tenants, err := k.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, tenant := range tenants {
		file, _, err := k.read(tenant)
		if _, told := errors.AsType[*problem.Problem](err); told || errors.Is(err, errNone) {
			continue // whoever needs the keys is told
		}
		if err == nil {
			err = k.record(ctx, file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Rotate brings in a new key of the practice, which encrypts from now on. What
// its older keys encrypted still opens. A practice whose keys were destroyed
// begins anew; so does one that never had any.
func (k *Keys) Rotate(ctx context.Context, tenant string) error {
	if !k.On() {
		return off(tenant)
	}
	return k.exclusively(func() error {
		file, _, err := k.read(tenant)
		switch {
		case errors.Is(err, errNone):
			standing, err := k.Standing(ctx, tenant)
			if err != nil || standing.Trouble != nil {
				return errors.Join(err, standing.Trouble)
			}
			return k.put(ctx, keyFile{Tenant: tenant}, keyset.NewManager())
		case err != nil:
			return err
		case file.destroyed():
			return k.put(ctx, file, keyset.NewManager())
		}
		handle, err := k.House.unwrap(ctx, tenant, file)
		if err != nil {
			return err
		}
		return k.put(ctx, file, keyset.NewManagerFromHandle(handle))
	})
}

// Rewrap wraps the practice's keys anew, by the newest key of the house. What
// they encrypted stays as it is. Destroyed keys stay destroyed.
func (k *Keys) Rewrap(ctx context.Context, tenant string) error {
	if !k.On() {
		return off(tenant)
	}
	return k.exclusively(func() error {
		file, _, err := k.read(tenant)
		if err != nil || file.destroyed() {
			return err
		}
		handle, err := k.House.unwrap(ctx, tenant, file)
		if err != nil {
			return err
		}
		if file.Wrapped, err = k.House.wrap(ctx, tenant, handle); err != nil {
			return err
		}
		file.House = k.House.name
		return k.write(file)
	})
}
