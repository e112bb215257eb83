package crashtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

const (
	configEnv = "BULKHEAD_CRASHTEST_CONFIG" // set: this process is the bulkhead of a test
	deathEnv  = "BULKHEAD_CRASHTEST_DEATH"  // "<kind of step>:<before|during|after>"
	tenant    = "lakeside"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(configEnv); path != "" {
		if err := child(path, os.Getenv(deathEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child exports the practice, or goes on with what an earlier process began.
func child(path, death string) error {
	ctx := context.Background()
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, cfg, app.Options{
		Log:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Around: func(s engine.Steps) engine.Steps { return &mortal{Steps: s, death: death} },
	})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	id, err := begin(ctx, a)
	if err != nil {
		return err
	}
	x, err := a.Engine.Wait(ctx, tenant, id)
	if err != nil {
		return err
	}
	if x.State != life.Completed {
		return fmt.Errorf("the export ended %s: %s: %s", x.State, x.ProblemSummary, x.LastError)
	}
	return a.Close(ctx)
}

func begin(ctx context.Context, a *app.App) (string, error) {
	latest, ok, err := a.Store.In(tenant).Latest(ctx)
	if err != nil {
		return "", err
	}
	if ok {
		return latest.ID, nil
	}
	return a.Engine.Request(ctx, tenant, export.Wish{By: "crashtest"})
}

// mortal runs steps and kills the process around the first of one kind.
type mortal struct {
	engine.Steps
	death string
}

// Run runs the step unless it is where the process dies.
func (m *mortal) Run(ctx context.Context, w export.Work) (export.Outcome, error) {
	kind, when, _ := strings.Cut(m.death, ":")
	if kind != w.Lease.Kind {
		return m.Steps.Run(ctx, w)
	}
	switch when {
	case "before":
		die()
	case "during":
		time.AfterFunc(3*time.Millisecond, die)
	}
	defer die() // after the work, before its record
	return m.Steps.Run(ctx, w)
}

func die() {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		panic(err)
	}
	select {} // the signal is on its way
}
