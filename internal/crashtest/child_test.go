package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	configEnv = "BULKHEAD_CRASHTEST_CONFIG" // set: this process is the bulkhead of a test
	stageEnv  = "BULKHEAD_CRASHTEST_STAGE"
	deathEnv  = "BULKHEAD_CRASHTEST_DEATH" // a death, as JSON
	censusEnv = "BULKHEAD_CRASHTEST_CENSUS"
)

// tenants are the practices of every world. Their exports run at the same time.
var tenants = []string{"lakeside", "hillcrest"}

// The stages of a world's life.
const (
	full = 1 + iota
	incremental
	replay
	stages = replay
)

func TestMain(m *testing.M) {
	if path := os.Getenv(configEnv); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child lives one stage to its end, or goes on with what an earlier process
// began of it.
func child(path string) error {
	d := &doom{die: die}
	if err := json.Unmarshal([]byte(os.Getenv(deathEnv)), &d.death); err != nil {
		return err
	}
	stage, err := strconv.Atoi(os.Getenv(stageEnv))
	if err != nil {
		return err
	}
	if d.death.After > 0 {
		time.AfterFunc(d.death.After, d.die)
	}
	ctx := context.Background()
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, cfg, app.Options{
		Log:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Around: d.around, Point: d.reach, Dial: dial(d.reach, d.received),
	})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	if err := live(ctx, a, stage); err != nil {
		return err
	}
	if err := a.Close(ctx); err != nil {
		return err
	}
	if to := os.Getenv(censusEnv); to != "" {
		return d.census(to)
	}
	return nil
}

// live brings every tenant through a stage, from wherever it is.
func live(ctx context.Context, a *app.App, stage int) error {
	for _, t := range tenants {
		if err := begin(ctx, a, t, stage); err != nil {
			return fmt.Errorf("begin with %s: %w", t, err)
		}
	}
	for _, t := range tenants {
		if err := finish(ctx, a, t); err != nil {
			return fmt.Errorf("finish %s: %w", t, err)
		}
	}
	return idle(ctx, a)
}

// begin asks for the stage's export unless that is done: a stage is the number
// of exports that a tenant then has.
func begin(ctx context.Context, a *app.App, tenant string, stage int) error {
	all, err := a.Store.In(tenant).Exports(ctx, 100)
	if err != nil || len(all) >= stage {
		return err
	}
	if stage == replay {
		_, err = a.Engine.Replay(ctx, tenant, export.Retake{Origin: all[len(all)-1].ID, By: "crashtest"}) // of the first: the latest comes first
	} else {
		_, err = a.Engine.Request(ctx, tenant, export.Wish{By: "crashtest"})
	}
	return err
}

// finish waits for the tenant's latest export. Where it is unknown whether the
// server took the kick-off, it goes the way out that the problem names.
func finish(ctx context.Context, a *app.App, tenant string) error {
	for {
		x, ok, err := a.Store.In(tenant).Latest(ctx)
		if err != nil || !ok {
			return fmt.Errorf("no export: %w", err)
		}
		if x, err = a.Engine.Wait(ctx, tenant, x.ID); err != nil {
			return err
		}
		switch x.State {
		case life.Completed:
			return nil
		case life.Unknown:
			if err := a.Engine.Resume(ctx, tenant, x.ID); err != nil {
				return err
			}
		default:
			return fmt.Errorf("the export ended %s: %s: %s", x.State, x.ProblemSummary, x.LastError)
		}
	}
}

// idle waits until no step is open.
func idle(ctx context.Context, a *app.App) error {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		n, err := openSteps(ctx, a.Store)
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
		}
	}
}

// openSteps counts what the ledger still wants to run.
func openSteps(ctx context.Context, s *store.Store) (n int, err error) {
	err = s.DB().QueryRowContext(ctx, `SELECT count(*) FROM step WHERE state <> 'done'`).Scan(&n)
	return n, err
}
