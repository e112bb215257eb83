package app

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
)

// watch makes what tells people, without being asked, what needs them. It
// looks whenever the engine calls it, and sends once the app has started.
func (a *App) watch() engine.Follower {
	a.sender = alert.NewSender(a.Store, a.InForce, alert.Post, a.log)
	a.Alerts = alert.New(alert.Options{
		Config: a.InForce, Store: a.Store, Send: a.sender,
		Trouble: func() error { return a.Engine.Trouble() }, Disposal: a.looked.of,
	})
	return a.Alerts
}

// startTelling begins to send messages, those of before too.
func (a *App) startTelling(ctx context.Context) { a.sender.Start(ctx) }

// lastWords is how long messages may take to leave while the app ends.
const lastWords = 3 * time.Second

// stopTelling looks once more, for an app that lived for less than a minute,
// and ends the sending; what is left is sent at the next start.
func (a *App) stopTelling(ctx context.Context) {
	if !a.started {
		a.sender.Stop()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	err := a.Alerts.Look(ctx)
	a.sender.Stop()
	if err = errors.Join(err, a.sender.SendDue(ctx)); err != nil && ctx.Err() == nil {
		a.log.ErrorContext(ctx, "alerts at the end", "error", err)
	}
}
