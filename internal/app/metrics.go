package app

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/telemetry"
)

// measure makes the metrics, and what is counted count.
func (a *App) measure(c *config.Config) {
	a.Metrics = telemetry.New(telemetry.Options{
		Config: a.InForce, Store: a.Store, Ledger: Ledger(c), Version: a.options.Version,
		Trouble: func() error { return a.Engine.Unwritable() },
	})
	a.Connections.Tell(a.Metrics.Answered)
}

// serveMetrics serves metrics, health and readiness, if the configuration says
// where.
func (a *App) serveMetrics(ctx context.Context) (*listener, error) {
	m := a.Config.Metrics
	if m.Listen == "" {
		return nil, nil
	}
	handler, err := a.Metrics.Handler()
	if err != nil {
		return nil, err
	}
	return listen(ctx, listening{
		Section: "metrics", What: "metrics", Address: m.Listen, Cert: m.TLSCert, Key: m.TLSKey, Handler: handler, Log: a.log,
	})
}
