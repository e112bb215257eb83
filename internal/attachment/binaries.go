package attachment

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// atOnce is how many Binaries are written to the ledger in one transaction.
const atOnce = 500

// binaries tells the ledger of the Binaries that the export brought with their
// content, for the resources that point to them.
type binaries struct {
	*Options
	rows []store.Fetched
}

func (b *binaries) add(ctx context.Context, r *row) error {
	if r.found.Path != itself || r.outcome != Inline {
		return nil
	}
	known := r.content
	known.Identity, known.Outcome, known.AsOf = b.identity(r.resource.key, ""), string(Stored), b.AsOf
	if b.rows = append(b.rows, known); len(b.rows) < atOnce {
		return nil
	}
	return b.flush(ctx)
}

func (b *binaries) flush(ctx context.Context) error {
	if len(b.rows) == 0 {
		return nil
	}
	err := b.Ledger.Do(ctx, func(tx *store.Tx) error {
		if err := tx.Hold(b.Lease); err != nil {
			return err
		}
		for _, row := range b.rows {
			if err := tx.SetFetched(row); err != nil {
				return err
			}
		}
		return nil
	})
	b.rows = b.rows[:0]
	return err
}
