package look

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// overFor is how long an alert that is over is still shown.
const overFor = 7 * 24 * time.Hour

// Quiet reports whether somebody has taken an alert on.
func Quiet(a store.Alert, now time.Time) bool { return a.AckBy != "" && a.AckUntil.After(now) }

// Alerts gives the alerts that who asks may see, the worst first: of one
// practice, or of all and of none.
func (rd *Reader) Alerts(ctx context.Context, tenant string) ([]store.Alert, error) {
	all, err := rd.Store.Alerts(ctx, time.Now().Add(-overFor))
	if err != nil {
		return nil, err
	}
	actor, severities := access.ActorOf(ctx), config.Severities()
	all = slices.DeleteFunc(all, func(a store.Alert) bool {
		return tenant != "" && a.Tenant != tenant || !actor.May(access.See, a.Tenant)
	})
	slices.SortStableFunc(all, func(x, y store.Alert) int {
		return cmp.Or(y.ClosedAt.Compare(x.ClosedAt), cmp.Compare(slices.Index(severities, y.Severity), slices.Index(severities, x.Severity)), y.Since.Compare(x.Since))
	})
	return all, nil
}
