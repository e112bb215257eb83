package app

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/telemetry"
	"github.com/bulkhead-fhir/bulkhead/internal/trace"
	"github.com/bulkhead-fhir/bulkhead/internal/trigger"
)

// trace begins to tell a collector of exports, where the configuration names
// one.
func (a *App) trace(ctx context.Context, c *config.Config) (err error) {
	a.tracer, err = trace.New(ctx, trace.Options{
		Traces: c.Traces, Version: a.options.Version, Way: a.Connections.Elsewhere(c.Traces.Local()), Log: a.log,
	})
	if a.tracer != nil {
		a.Connections.Around(a.tracer.Around)
	}
	return err
}

// answer makes what takes requests of other programs up and tells them of
// ends. It looks whenever the engine calls it, and sends once the app has
// started.
func (a *App) answer() engine.Follower {
	a.caller = &caller{nudge: make(chan struct{}, 1), sender: trigger.Sender{
		Store: a.Store, Config: a.InForce, Log: a.log, Way: func(here bool) http.RoundTripper { return a.ways.Load().Elsewhere(here) },
	}}
	a.Triggers = trigger.New(trigger.Options{
		Config: a.InForce, Store: a.Store, Work: func() trigger.Work { return a.Engine }, Nudge: a.caller.Nudge, Point: a.options.Point,
		Ended: func(ctx context.Context, x store.Export) { telemetry.Ended(ctx, a.tracer, x) },
	})
	return a.Triggers
}

// sayUnusable logs the hooks and call-backs whose secrets cannot be read: they
// refuse, or are put off, until somebody sees to it.
func (a *App) sayUnusable(ctx context.Context, c *config.Config) {
	for _, h := range c.Hooks {
		if _, err := h.Secret(); err != nil {
			a.log.WarnContext(ctx, "a hook cannot be used", "hook", h.Name, "reason", err)
		}
	}
	for _, to := range c.Callbacks {
		if _, err := to.Secret(); err != nil {
			a.log.WarnContext(ctx, "a call-back cannot be signed", "target", to.Name, "reason", err)
		}
	}
}

// A caller sends call-backs in one goroutine of its own, so that a slow callee
// holds up nothing else.
type caller struct {
	sender trigger.Sender
	nudge  chan struct{}
	stop   context.CancelFunc
	ended  sync.WaitGroup
}

// Nudge says that there may be something to send.
func (c *caller) Nudge() {
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

// start begins to send what is due, also from before.
func (c *caller) start(ctx context.Context) {
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.ended.Go(func() { c.run(ctx) })
	c.Nudge()
}

func (c *caller) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.nudge:
		}
		if err := c.sender.SendDue(ctx); err != nil && ctx.Err() == nil {
			c.sender.Log.Error("call-backs", "doing", "send", "error", err)
		}
	}
}

// end ends the sending, after what has just been written had a moment to
// leave; what is left is sent at the next start.
func (c *caller) end(ctx context.Context) error {
	if c == nil || c.stop == nil {
		return nil
	}
	c.stop()
	c.ended.Wait()
	ctx, cancel := context.WithTimeout(ctx, lastCalls)
	defer cancel()
	if err := c.sender.SendDue(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

const (
	lastCalls = 2 * time.Second // for call-backs, while the app ends
	lastSpans = 2 * time.Second // for traces
)

// stopTracing sends the last spans. Those that do not leave in time are lost.
func (a *App) stopTracing(ctx context.Context) error {
	if a.tracer == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSpans)
	defer cancel()
	if err := a.tracer.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
