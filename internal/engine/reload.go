package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
)

// A Setup is what a reload replaces as a whole: a configuration, and the steps
// that work by it.
type Setup struct {
	Config *config.Config
	Steps  Steps
	// AtOnce are the tenants for which even a step that runs must not go on as
	// it began: it is interrupted, keeps what it has stored, and begins again.
	AtOnce []string
}

// errReloaded is the cause of the end of a step that begins again by another
// configuration.
var errReloaded = errors.New("the configuration has changed")

// config is the configuration in force. Whoever needs it twice for one
// decision takes it once: a reload may come in between.
func (e *Engine) config() *config.Config { return e.setup.Load().Config }

// Reload goes on by another configuration, whose limits are those the engine
// was made with. Steps that run end with what they began with, but for those of
// the tenants AtOnce; those that follow see the new. Tenants that are gone are frozen, those that are back go
// on where they stood. After an error the engine works as before, and the ledger
// may name other tenants until Reload is called again.
func (e *Engine) Reload(ctx context.Context, s Setup) error {
	if err := e.store.PutTenants(ctx, Tenants(s.Config)); err != nil {
		return err
	}
	if err := e.schedule(ctx, s.Config); err != nil {
		return err
	}
	e.setup.Store(&s)
	e.restart(s.AtOnce)
	e.complain("admit exports", e.admit(ctx))
	return nil
}

// restart interrupts the running steps of tenants, but for those whose request
// changes something at the server: they are short, and their answer is wanted.
func (e *Engine) restart(tenants []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.running {
		if slices.Contains(tenants, r.tenant) && r.kind != export.Kickoff && r.kind != export.Release {
			r.cancel(errReloaded)
		}
	}
}
