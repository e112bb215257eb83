package doctor

import (
	"context"
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// mending is one run of repair.
type mending struct {
	ledger *store.Store
	mender Mender
	redone map[string]string // by export: what was said of it
}

// Repair does what can safely be done about the findings of a report, and
// notes with each what it did. The caller holds the ledger. Each repair is one
// transaction, or can be done again: a process that dies in between leaves
// findings, and nothing else.
func Repair(ctx context.Context, r *Report, ledger *store.Store, mender Mender) error {
	m := &mending{ledger: ledger, mender: mender, redone: map[string]string{}}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.repair == nil {
			continue
		}
		did, err := f.repair(ctx, m)
		if err != nil {
			return fmt.Errorf("repair %s: %w", f.Check, err)
		}
		f.Repaired = did
	}
	return nil
}

func freeLeases(ctx context.Context, m *mending) (string, error) {
	_, err := m.ledger.Sweep(ctx)
	return "gave the steps back; they run at the next start", err
}

func handOver(s store.OpenStep) func(context.Context, *mending) (string, error) {
	return func(ctx context.Context, m *mending) (string, error) {
		err := m.ledger.In(s.Tenant).Do(ctx, func(tx *store.Tx) error {
			tx.Hand(s.Lease)
			return nil
		})
		return "handed the step to the executor; it runs at the next start", err
	}
}

func dropSteps(tenant, id string) func(context.Context, *mending) (string, error) {
	return func(ctx context.Context, m *mending) (string, error) {
		var n int64
		err := m.ledger.In(tenant).Do(ctx, func(tx *store.Tx) error {
			x, err := tx.Export(id)
			if err != nil || !x.State.Over() {
				return err
			}
			n, err = tx.DropDeadSteps(id, export.Release)
			return err
		})
		return "removed " + count(int(n), "step", "steps"), err
	}
}

func rouse(tenant, id string) func(context.Context, *mending) (string, error) {
	return func(ctx context.Context, m *mending) (string, error) {
		return "added the step that its state names; it goes on at the next start", m.mender.Rouse(ctx, tenant, id)
	}
}

// redo has everything of an export made again at once, whatever of it was found
// first.
func redo(again engine.Loss, failed bool) func(context.Context, *mending) (string, error) {
	return func(ctx context.Context, m *mending) (string, error) {
		if said := m.redone[again.Export]; said != "" {
			return said, nil
		}
		said := "marked to be made again: "
		if n := len(again.Raw); n > 0 {
			said += count(n, "file", "files") + " from the server"
		}
		if n := len(again.Staged); n > 0 {
			if len(again.Raw) > 0 {
				said += ", "
			}
			said += count(n, "file", "files") + " from raw"
		}
		if failed {
			said += "; go on with bulkhead export " + again.Tenant + " --resume"
		} else {
			said += "; it goes on at the next start"
		}
		if err := m.mender.Redo(ctx, again); err != nil {
			return "", err
		}
		m.redone[again.Export] = said
		return said, nil
	}
}

func writeLog(tenant, id string) func(context.Context, *mending) (string, error) {
	return func(ctx context.Context, m *mending) (string, error) {
		err := m.ledger.In(tenant).Do(ctx, func(tx *store.Tx) error {
			x, err := tx.Export(id)
			if err != nil || !x.State.Settled() && x.State != life.Unknown {
				return err
			}
			return tx.UnwriteLog(id)
		})
		return "the log is written again at the next start", err
	}
}
