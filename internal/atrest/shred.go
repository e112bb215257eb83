package atrest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// Shred destroys the practice's keys for good: nobody, with whatever copy of
// the files and the ledger, opens what they encrypted, unless a copy of the key
// file is found somewhere together with the house key. Nothing is encrypted for
// the practice until Rotate. It needs no house key. Keys that are destroyed
// already stay as they are, and what is not yet on record comes on record.
func (k *Keys) Shred(ctx context.Context, tenant string) error {
	return k.exclusively(func() error {
		file, err := k.condemned(ctx, tenant)
		if err != nil {
			return err
		}
		if len(file.Keys) == 0 {
			return problem.New(problem.Usage, "the practice has no keys: nothing of it is encrypted", "What is kept of it can be deleted, not shredded.").For(tenant)
		}
		old := k.tempName() // a second name of the former file: who dies here leaves it to the next sweep
		if err := os.Link(k.path(tenant), old); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
			return unwritable(err)
		}
		if err := k.write(file); err != nil {
			return errors.Join(err, k.sweep())
		}
		if err := k.step("overwrite", k.sweep); err != nil {
			return unwritable(err)
		}
		return k.record(ctx, file)
	})
}

// condemned gives the file that says that a practice's keys are destroyed: those
// of its key file and those that the ledger knows.
func (k *Keys) condemned(ctx context.Context, tenant string) (keyFile, error) {
	file, _, err := k.read(tenant)
	if p, told := errors.AsType[*problem.Problem](err); err != nil && !errors.Is(err, errNone) && (!told || p.Code != problem.StorageDamaged) {
		return file, err
	}
	dead := keyFile{Tenant: tenant}
	if err == nil {
		dead.Keys = file.Keys
	}
	if k.Ledger != nil {
		known, err := k.Ledger.In(tenant).Keys(ctx)
		if err != nil {
			return dead, err
		}
		for _, key := range known {
			if !dead.has(key.ID) {
				dead.Keys = append(dead.Keys, keyEntry(key))
			}
		}
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range dead.Keys {
		if dead.Keys[i].DestroyedAt.IsZero() {
			dead.Keys[i].DestroyedAt = now
		}
	}
	return dead, nil
}

func (f keyFile) has(id uint32) bool {
	return slices.ContainsFunc(f.Keys, func(e keyEntry) bool { return e.ID == id })
}
