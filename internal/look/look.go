// Package look is what the ledger says of practices, for pages and programs alike:
// how each stands, what runs and what waits and why, how far an export is, what
// was refused, what deliveries were worth, who joined a group, what is on record.
//
// What is about many practices shows who asks (access.ActorOf) only those that
// they may see; that they may see the one that they name was decided before
// (package door). It shows nothing of any patient. It changes nothing but the
// record: where a look is itself to be on record, it is so before anything is
// read. It knows nothing of HTTP.
package look

import (
	"cmp"
	"context"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A Reader looks at the ledger. It is safe for concurrent use.
type Reader struct {
	Config func() *config.Config // the configuration in force
	Store  *store.Store
	Files  *blob.Store // of refused lines; nil shows none
}

// Names gives what every practice is called.
func (rd *Reader) Names(ctx context.Context) (map[string]string, error) {
	all, err := rd.Store.Tenants(ctx)
	names := make(map[string]string, len(all))
	for _, t := range all {
		names[t.ID] = cmp.Or(t.Name, t.ID)
	}
	return names, err
}

// Ground gives what decides whether something may be done now.
func (rd *Reader) Ground(ctx context.Context) (schedule.Ground, error) {
	pauses, err := rd.Store.Pauses(ctx)
	if err != nil {
		return schedule.Ground{}, err
	}
	circuits, err := rd.Store.OpenCircuits(ctx)
	return schedule.Ground{Config: rd.Config(), Pauses: pauses, Circuits: circuits}, err
}

// maybe gives a time as the API tells it: nil for none.
func maybe(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
