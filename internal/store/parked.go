package store

import (
	"fmt"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// Park records that an export which is under way leaves its slot of this
// machine to others.
func (tx *Tx) Park(export string) error {
	return tx.q.ParkExport(tx.ctx, gen.ParkExportParams{ParkedAt: ms(tx.now), TenantID: tx.tenant, ExportID: export})
}

// Unpark gives an export a slot of this machine again, and lets those of its
// steps go that were held back meanwhile, for the executor too; not those that
// the server put off.
func (tx *Tx) Unpark(export string) error {
	if err := tx.q.ParkExport(tx.ctx, gen.ParkExportParams{TenantID: tx.tenant, ExportID: export}); err != nil {
		return err
	}
	if err := tx.q.FreeHeldSteps(tx.ctx, gen.FreeHeldStepsParams{Now: ms(tx.now), TenantID: tx.tenant, ExportID: export}); err != nil {
		return err
	}
	return hurry(tx.ctx, tx.sql, tx.now)
}

// Parked reports whether an export is without a slot of this machine.
func (tx *Tx) Parked(export string) (bool, error) {
	t, err := tx.q.ParkedAt(tx.ctx, gen.ParkedAtParams{TenantID: tx.tenant, ExportID: export})
	return t > 0, err
}

// OpenKinds gives the kinds of an export's steps that have not ended, and
// whether one of that kind is in hand.
func (tx *Tx) OpenKinds(export string) (running map[string]bool, err error) {
	rows, err := tx.q.OpenStepKinds(tx.ctx, gen.OpenStepKindsParams{TenantID: tx.tenant, ExportID: export})
	if err != nil {
		return nil, fmt.Errorf("list open steps: %w", err)
	}
	running = make(map[string]bool, len(rows))
	for _, r := range rows {
		running[r.Kind] = r.Running != 0
	}
	return running, nil
}
