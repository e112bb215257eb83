package engine

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// A Setup is what a reload replaces as a whole: a configuration, and the steps
// that work by it.
type Setup struct {
	Config *config.Config
	Steps  Steps
}

// config is the configuration in force. Whoever needs it twice for one
// decision takes it once: a reload may come in between.
func (e *Engine) config() *config.Config { return e.setup.Load().Config }

// Reload goes on by another configuration, whose limits are those the engine
// was made with. Steps that run end with what they began with, those that
// follow see the new. Tenants that are gone are frozen, those that are back go
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
	e.complain("admit exports", e.admit(ctx))
	return nil
}
