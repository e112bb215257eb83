package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// working opens the configured bulkhead, starts it, runs f and stops it. Work
// that has not ended when f returns goes on at the next start.
func (g *Globals) working(ctx context.Context, cfg *config.Config, o app.Options, f func(a *app.App) error) error {
	o.Log, o.Point = g.logger(), g.streams.Point
	a, err := app.Open(ctx, cfg, o)
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return errors.Join(err, a.Close(ctx))
	}
	err = f(a)
	return errors.Join(err, a.Close(ctx))
}

// errHolderGone says that the process that did the work has ended before it.
var errHolderGone = errors.New("the bulkhead at work has ended")

// asking runs f beside a bulkhead that is at work on the ledger, which does
// what f requests; or works itself when there is none, also when the other
// one ends before f does. f may so run twice and must find what it began.
func (g *Globals) asking(ctx context.Context, cfg *config.Config, f func(a *app.App) error) error {
	for {
		err := g.working(ctx, cfg, app.Options{}, f)
		p, ok := errors.AsType[*problem.Problem](err)
		if !ok || p.Code != problem.LedgerLocked {
			return err
		}
		a, err := app.Join(ctx, cfg)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(g.streams.Err, "a bulkhead is at work on this ledger already: it gets the request"); err != nil {
			return errors.Join(err, a.Close(ctx))
		}
		if err := errors.Join(f(a), a.Close(ctx)); !errors.Is(err, errHolderGone) {
			return err
		}
	}
}

// looking opens the ledger to read it, beside a process that works on it.
func (g *Globals) looking(ctx context.Context, f func(cfg *config.Config, s *store.Store) error) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	s, err := store.Look(ctx, app.Ledger(cfg))
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // it was only read
	return f(cfg, s)
}

// withFiles runs do with the raw, staged and quarantined files, beside whoever
// works on them.
func withFiles(cfg *config.Config, s *store.Store, do func(files *blob.Store) error) (err error) {
	files, err := app.Files(cfg, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	return do(files)
}

// withFilesOf runs do with those of one practice.
func withFilesOf(cfg *config.Config, s *store.Store, tenant string, do func(scope *blob.Scope) error) error {
	return withFiles(cfg, s, func(files *blob.Store) error {
		scope, err := files.Tenant(tenant)
		if err != nil {
			return err
		}
		return do(scope)
	})
}
