package crashtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
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

	commandEnv = "BULKHEAD_CRASHTEST_COMMAND" // set: this process is the command, with these arguments, as JSON
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
	if args := os.Getenv(commandEnv); args != "" {
		os.Exit(command(args))
	}
	if path := os.Getenv(configEnv); path != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, func() {
			time.AfterFunc(drained, func() { panic(fmt.Sprintf("%v after SIGTERM it still runs", drained)) })
		})
		err := child(ctx, path)
		switch {
		case ctx.Err() != nil && errors.Is(err, errEnded):
			os.Exit(stopped)
		case err != nil:
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// What is promised of SIGTERM: bulkhead has ended within this time. A command
// that was stopped so says it with this status.
const (
	drained = 15 * time.Second
	stopped = 130
)

// errEnded says that SIGTERM came before the stage's end, and that bulkhead
// closed without an error.
var errEnded = errors.New("stopped by SIGTERM")

// child lives one stage to its end, or goes on with what an earlier process
// began of it, until ctx ends.
func child(ctx context.Context, path string) error {
	d := &doom{}
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
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, cfg, app.Options{
		Log:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Around: d.around, Point: d.reach, Dial: dial(d.reach, d.received),
	})
	if err != nil {
		return ended(ctx, err, nil)
	}
	if do, ok := errands[stage]; ok {
		err = do(ctx, a)
	} else if err = a.Start(ctx); err == nil {
		err = live(ctx, a, stage)
	}
	if err = ended(ctx, err, a.Close(ctx)); err != nil {
		return err
	}
	if to := os.Getenv(censusEnv); to != "" {
		return d.census(to)
	}
	return nil
}

// ended gives why a stage did not come to its end: errEnded where ctx has, and
// bulkhead closed as it should.
func ended(ctx context.Context, err, closing error) error {
	switch {
	case closing != nil:
		return fmt.Errorf("close: %w", errors.Join(closing, err))
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("%w: %w", errEnded, err)
	}
	return err
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
