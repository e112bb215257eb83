package app

import (
	"context"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/alert"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/disposal"
	"github.com/bulkhead-fhir/bulkhead/internal/sink"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	disposeFirst = time.Minute      // after the start
	disposeEvery = 24 * time.Hour   // from the beginning of one round to the next
	disposeAgain = time.Hour        // to the next one while something cannot be destroyed
	disposeLook  = 10 * time.Minute // whether another configuration is in force, which is a round of its own
	disposeFor   = 2 * time.Second  // of work for one practice, before others have their turn
	disposePause = time.Second      // between two such turns
)

// Disposal makes what takes away that which may no longer be kept: for a command
// beside the process that works on the ledger.
func Disposal(c *config.Config, ledger *store.Store, files *blob.Store) (*disposal.Keeper, error) {
	sinks, err := Sinks(c)
	if err != nil {
		return nil, err
	}
	keys, err := Keys(c, ledger, false)
	if err != nil {
		return nil, err
	}
	return &disposal.Keeper{Store: ledger, Files: files, Folder: c.Folder, Shred: keys, Sinks: func() map[string]sink.Sink { return sinks }}, nil
}

// useSinks makes the sinks that were opened last those from which practices are
// erased: their configuration is in force.
func (a *App) useSinks() {
	sinks := a.opened
	a.destinations.Store(&sinks)
}

// Disposal makes what takes away that which may no longer be kept, from the sinks
// of the configuration in force too. An app that has joined has none.
func (a *App) Disposal() *disposal.Keeper {
	return &disposal.Keeper{
		Store: a.Store, Files: a.Files, Folder: a.Config.Folder, Shred: a.Keys, Point: a.options.Point,
		Sinks: func() map[string]sink.Sink { return *a.destinations.Load() },
	}
}

// startDisposing begins the rounds in which practice after practice is looked at.
func (a *App) startDisposing(ctx context.Context) {
	k := a.Disposal()
	ctx, a.stopDisposing = context.WithCancel(audit.As(context.WithoutCancel(ctx), audit.Identity{Actor: audit.Service})) // whoever started it
	a.disposing.Go(func() { a.dispose(ctx, k) })
}

// dispose goes from practice to practice until ctx ends: a minute after the
// start, every day, every hour while it fails somewhere, and when another
// configuration is in force.
func (a *App) dispose(ctx context.Context, k *disposal.Keeper) {
	by, next := a.InForce(), time.Now().Add(disposeFirst)
	for wait := disposeFirst; pause(ctx, wait); wait = disposeLook {
		if now := a.InForce(); now == by && time.Now().Before(next) {
			continue
		}
		by, next = a.InForce(), time.Now().Add(disposeEvery)
		for i := range by.Tenants {
			if !a.disposePractice(ctx, k, by.Tenants[i].ID) {
				return
			}
		}
		if a.looked.fails() {
			next = time.Now().Add(disposeAgain)
		}
	}
}

// disposePractice does all that is due of one practice, in turns, each by the
// agreement that is in force then: a legal hold stops it. It reports false when
// ctx has ended.
func (a *App) disposePractice(ctx context.Context, k *disposal.Keeper, id string) bool {
	for more := true; more; {
		t, err := a.InForce().Tenant(id)
		if err != nil { // it is no longer configured: it is frozen
			return true
		}
		r, err := k.Practice(ctx, t, disposal.Wish{Until: time.Now().Add(disposeFor)})
		if err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "disposal", "tenant", t.ID, "error", err)
		}
		if ctx.Err() == nil {
			a.looked.put(t.ID, err)
		}
		if r.Certificate != "" {
			a.log.InfoContext(ctx, "all of a practice is destroyed", "tenant", t.ID, "certificate", r.Certificate)
		}
		more = r.More && err == nil
		if (more || len(r.Gone) > 0) && !pause(ctx, disposePause) {
			return false
		}
	}
	return ctx.Err() == nil
}

// pause waits; false when ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// looked is how the last look at what must go of each practice ended, since the
// process began.
type looked struct {
	mu sync.Mutex
	by map[string]alert.Disposed
}

func (l *looked) put(tenant string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := alert.Disposed{Failed: err}
	if err != nil {
		if d.Since = l.by[tenant].Since; d.Since.IsZero() {
			d.Since = time.Now()
		}
	}
	if l.by == nil {
		l.by = map[string]alert.Disposed{}
	}
	l.by[tenant] = d
}

// fails reports whether a look failed that was the last one at its practice.
func (l *looked) fails() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.by {
		if d.Failed != nil {
			return true
		}
	}
	return false
}

func (l *looked) of(tenant string) (alert.Disposed, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, ok := l.by[tenant]
	return d, ok
}

// endDisposing ends the rounds. What was begun is taken up at the next start.
func (a *App) endDisposing() {
	if a.stopDisposing != nil {
		a.stopDisposing()
		a.disposing.Wait()
	}
}
