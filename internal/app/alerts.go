package app

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// watch makes what tells people, without being asked, what needs them. It
// looks whenever the engine calls it, and sends once the app has started.
func (a *App) watch() engine.Follower {
	a.sender = alert.NewSender(a.Store, a.InForce, alert.Post, a.log)
	a.Alerts = alert.New(alert.Options{
		Config: a.InForce, Store: a.Store, Send: a.sender,
		Trouble: func() error { return a.Engine.Unwritable() }, Disposal: a.looked.of, Jams: a.jams, Files: a.FilesRefused, Verifies: a.serve,
	})
	return a.Alerts
}

// jams gives the steps whose outcome cannot be recorded.
func (a *App) jams() []alert.JamFacts {
	var list []alert.JamFacts
	for _, j := range a.Engine.Jams() {
		p := problem.Of(j.Err)
		list = append(list, alert.JamFacts{Tenant: j.Tenant, Export: j.Export, Step: j.Step, Since: j.Since, Code: p.Code, Why: p.Summary})
	}
	return list
}

// Refused says what came of a wish to take the configuration's files up that
// nobody waits to be answered: nil when they are in force. It may be called
// concurrently.
func (a *App) Refused(err error) {
	if err == nil {
		a.refused.Store(nil)
		return
	}
	next := &alert.FilesFacts{Since: time.Now(), Why: problem.Of(err).Summary}
	if before := a.refused.Load(); before != nil {
		next.Since = before.Since
	}
	a.refused.Store(next)
}

// FilesRefused says whether files were to be taken up and could not be. It may be
// called concurrently.
func (a *App) FilesRefused() alert.FilesFacts {
	if f := a.refused.Load(); f != nil {
		return *f
	}
	return alert.FilesFacts{}
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
