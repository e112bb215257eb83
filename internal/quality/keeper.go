package quality

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/views"
)

// A Keeper makes the summaries that the ledger asks for. Its methods may be
// called concurrently.
type Keeper struct {
	Store *store.Store
	Views *views.Set
}

// atOnce bounds what one CatchUp makes.
const atOnce = 100

// CatchUp makes the summaries of exports that have completed and have none.
// One that cannot be made keeps no other from being made; the error names all
// of them. Doing it again changes nothing.
func (k *Keeper) CatchUp(ctx context.Context) error {
	refs, err := k.Store.UnmadeQuality(ctx, atOnce)
	if err != nil {
		return err
	}
	var errs []error
	for _, ref := range refs {
		if err := k.make(ctx, ref); err != nil {
			errs = append(errs, fmt.Errorf("summary of %s, export %s: %w", ref.Tenant, ref.Export, err))
		}
	}
	return errors.Join(errs...)
}

func (k *Keeper) make(ctx context.Context, ref store.ExportRef) error {
	s, err := k.Of(ctx, ref.Tenant, ref.Export)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the quality summary: %w", err)
	}
	return k.Store.In(ref.Tenant).Do(ctx, func(tx *store.Tx) error { return tx.SetQuality(ref.Export, text) })
}

// Of gives the summary of an export: the one in the ledger, or else one made
// now from what the ledger knows.
func (k *Keeper) Of(ctx context.Context, tenant, export string) (*Summary, error) {
	in := k.Store.In(tenant)
	made, err := read(in.Quality(ctx, export))
	if made != nil || err != nil {
		return made, err
	}
	x, err := in.Export(ctx, export)
	if err != nil {
		return nil, err
	}
	before, err := read(in.QualityBefore(ctx, x))
	if err != nil {
		return nil, err
	}
	files, err := in.Files(ctx, export)
	if err != nil {
		return nil, err
	}
	done, err := in.Publications(ctx, export)
	if err != nil {
		return nil, err
	}
	replayed, err := replayed(ctx, in, export)
	if err != nil {
		return nil, err
	}
	return Make(Input{Export: x, Files: files, Replayed: replayed, Publications: done, Views: k.Views, Before: before})
}

// replayed gives the files of an export's replays that completed.
func replayed(ctx context.Context, in *store.Scope, export string) (files []store.File, err error) {
	ids, err := in.Replays(ctx, export)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		x, err := in.Export(ctx, id)
		if err != nil {
			return nil, err
		}
		if x.State != life.Completed {
			continue
		}
		of, err := in.Files(ctx, id)
		if err != nil {
			return nil, err
		}
		files = append(files, of...)
	}
	return files, nil
}

func read(text json.RawMessage, err error) (*Summary, error) {
	if err != nil || text == nil {
		return nil, err
	}
	var s Summary
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read the quality summary: %w", err)
	}
	return &s, nil
}
