package app

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
)

// watch makes what tells people, without being asked, what needs them. It
// looks whenever the engine calls it, and sends once the app has started.
func (a *App) watch() engine.Follower {
	a.sender = alert.NewSender(a.Store, a.InForce, alert.Post, a.log)
	a.Alerts = alert.New(alert.Options{
		Config: a.InForce, Store: a.Store, Send: a.sender,
		Trouble: func() error { return a.Engine.Trouble() },
	})
	return a.Alerts
}

// startTelling begins to send messages, those of before too.
func (a *App) startTelling(ctx context.Context) { a.sender.Start(ctx) }

// stopTelling ends the sending; what is left is sent at the next start.
func (a *App) stopTelling() {
	if a.sender != nil {
		a.sender.Stop()
	}
}
