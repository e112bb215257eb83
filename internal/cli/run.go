package cli

import (
	"context"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
)

type runCommand struct{}

// Run works until it is told to stop: schedules start exports, exports that
// were interrupted go on. SIGTERM lets running steps end for ten seconds and
// loses nothing; SIGHUP makes it take up the configuration again.
func (*runCommand) Run(ctx context.Context, g *Globals) error {
	hup, stop := hangups() // before anything else: a reload may be asked for while this starts
	defer stop()
	cfg, err := g.load()
	if err != nil {
		return err
	}
	if g.Log == "none" {
		g.Log = "info"
	}
	return g.working(ctx, cfg, app.Options{Serve: true, Version: g.streams.Version}, func(a *app.App) error {
		scheduled := 0
		for _, t := range cfg.Tenants {
			if t.Schedule != "" {
				scheduled++
			}
		}
		g.printf("bulkhead looks after %s, %d of them on a schedule; state in %s\nlook on with bulkhead status; stop with Ctrl-C or SIGTERM\n",
			some(int64(len(cfg.Tenants)), "practice"), scheduled, cfg.Folder)
		g.printf("%s\n", cfg.Encryption.Standing())
		g.see(append(seeTo(cfg, time.Now()), closedKeys(ctx, cfg)...))
		if cfg.JWKS.Listen != "" {
			g.printf("public keys are published at %s%s\n", cfg.JWKS.Listen, cfg.JWKS.Path("REGISTRATION"))
		}
		if cfg.Metrics.Listen != "" {
			g.printf("metrics, health and readiness are at %s\n", cfg.Metrics.Listen)
		}
		if address, code := a.Pages(); address != "" {
			g.printf("pages and API are at %s\n", address)
			if code != "" {
				g.printf("nobody may sign in yet: open %s/first and be the first, with the code %s\n", address, code)
			}
		}
		g.takeUp(ctx, a, hup)
		g.printf("stopping: running steps may end, the rest goes on at the next start\n")
		return nil
	})
}
