package app

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// serveKeys begins to publish the registrations' public keys, if the
// configuration says where.
func (a *App) serveKeys(ctx context.Context) (*listener, error) {
	a.publishKeys(a.InForce())
	j := a.Config.JWKS
	return listen(ctx, listening{
		Section: "jwks", What: "public keys", Address: j.Listen, Cert: j.TLSCert, Key: j.TLSKey, Log: a.log,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*a.published.Load()).ServeHTTP(w, r) }),
	})
}

// publishKeys makes what is published the keys of c's registrations.
func (a *App) publishKeys(c *config.Config) {
	sources := map[string]*keyring.Source{}
	for name, r := range c.Registrations {
		// A registration whose keys cannot be used is no reason to stop the
		// others; logKeys tells of it.
		if source, err := keyring.Of(r); err == nil {
			sources[name] = source
		}
	}
	handler := keyring.Handler(sources)
	a.published.Store(&handler)
}

// logKeys writes what a person should see to about the keys, at the start.
func logKeys(ctx context.Context, c *config.Config, log *slog.Logger) {
	for _, name := range slices.Sorted(maps.Keys(c.Registrations)) {
		source, err := keyring.Of(c.Registrations[name])
		if err != nil {
			log.WarnContext(ctx, "keys cannot be used", "registration", name, "problem", problem.Of(err).Summary, "next", problem.Of(err).Remedy)
			continue
		}
		warnings, err := source.Warnings()
		if err != nil {
			log.WarnContext(ctx, "keys cannot be read", "registration", name, "problem", problem.Of(err).Summary)
		}
		for _, w := range warnings {
			log.WarnContext(ctx, "see to a key", "registration", name, "kid", w.KeyID, "warning", w.Text)
		}
	}
}
