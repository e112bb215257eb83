package alert

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Options are what a keeper needs. Config and Store are required.
type Options struct {
	Config func() *config.Config // the one in force now
	Store  *store.Store

	// Trouble gives why the ledger cannot be written at present, nil when it
	// can. Nil: it always can.
	Trouble func() error
	// Jams gives the steps whose outcome cannot be recorded though the ledger can
	// be written. Nil: there are none.
	Jams func() []JamFacts
	// Files says whether the configuration's files are in force, as far as
	// somebody wanted them to be. Nil: they are.
	Files func() FilesFacts
	// Verifies says that the process verifies the audit record by itself.
	Verifies bool
	// Free gives the free bytes on the disk of a folder. Nil: blob.Free.
	Free func(folder string) (int64, error)
	// Disposal gives how the last look at what must go of a practice ended;
	// looked is false when there was none since the process began. Nil: nobody
	// looks.
	Disposal func(tenant string) (last Disposed, looked bool)
	// Send hands a message to its route. Nil: messages stay in the ledger.
	Send *Sender
}

// A Disposed is how a look at what must go of a practice ended.
type Disposed struct {
	Failed error     // nil: well
	Since  time.Time // since when it fails, time after time
}

// A Keeper applies the rules once a minute and keeps what comes of them in the
// ledger. It is a follower of the engine; it may be called concurrently.
type Keeper struct {
	o Options

	mu     sync.Mutex // held while it works
	next   time.Time  // not before
	pruned time.Time
	facts  gatherer
	ledger ledgerWatch
}

// New makes a keeper. Nothing happens before CatchUp.
func New(o Options) *Keeper { return &Keeper{o: o, facts: newGatherer(o)} }

const (
	every    = time.Minute
	remember = 400 * 24 * time.Hour // messages, and news of what is over
)

// CatchUp applies the rules when the last time was a minute ago or more, and
// does nothing otherwise. What it could not write it finds again.
func (k *Keeper) CatchUp(ctx context.Context) error {
	c := k.o.Config()
	if c.Alerts.Off {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if err := k.facts.sample(ctx, c, now); err != nil {
		return err
	}
	if now.Before(k.next) {
		return nil
	}
	k.next = now.Add(every)
	err := k.look(ctx, c, now)
	if a, turn := k.ledger.look(now, errors.Join(err, k.trouble()), c.Alerts); turn != "" && k.o.Send != nil {
		k.o.Send.Say(direct(now, a, turn, routesOf(c)))
	}
	if err != nil && k.o.Send != nil {
		k.o.Send.Nudge() // what the ledger does not hold may be due
	}
	return err
}

// Look applies the rules now, whenever the last time was: before a process
// ends that may have lived for less than a minute.
func (k *Keeper) Look(ctx context.Context) error {
	k.mu.Lock()
	k.next = time.Time{}
	k.mu.Unlock()
	return k.CatchUp(ctx)
}

func (k *Keeper) trouble() error {
	if k.o.Trouble == nil {
		return nil
	}
	return k.o.Trouble()
}

func (k *Keeper) look(ctx context.Context, c *config.Config, now time.Time) error {
	facts, err := k.facts.gather(ctx, c, now)
	if err != nil {
		return err
	}
	conditions := Evaluate(now, facts, c.Alerts)
	routes := routesOf(c)
	open, err := k.o.Store.OpenAlerts(ctx)
	if err != nil {
		return err
	}
	if len(plan(now, open, conditions, c.Alerts)) > 0 {
		err := k.o.Store.Alerting(ctx, func(tx *store.AlertTx) error {
			open, err := tx.Open() // somebody may have acknowledged one since
			if err != nil {
				return err
			}
			return record(tx, now, facts.explain(now, plan(now, open, conditions, c.Alerts)), routes)
		})
		if err != nil {
			return err
		}
	}
	if err := k.compose(ctx, now, c.Alerts, routes); err != nil {
		return err
	}
	if k.o.Send != nil {
		k.o.Send.Nudge()
	}
	return k.prune(ctx, now)
}

// compose writes the messages whose time has come.
func (k *Keeper) compose(ctx context.Context, now time.Time, r Rules, routes *routes) error {
	news, err := k.o.Store.Untold(ctx)
	if err != nil || len(news) == 0 {
		return err
	}
	var ready []*bundle
	for _, b := range bundles(news) {
		last, err := k.o.Store.LastNotice(ctx, b.route, b.kind, b.turn)
		if err != nil {
			return err
		}
		if b.ready(now, last, r) {
			ready = append(ready, b)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	return k.o.Store.Alerting(ctx, func(tx *store.AlertTx) error {
		if err := tx.Keep(routes.names()); err != nil {
			return err
		}
		news, err := tx.Untold() // somebody may have acknowledged an alert since
		if err != nil {
			return err
		}
		for _, b := range bundles(news) {
			for _, r := range ready {
				if r.route != b.route || r.kind != b.kind || r.turn != b.turn {
					continue
				}
				if err := tx.Write(b.notice(now), b.news); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (k *Keeper) prune(ctx context.Context, now time.Time) error {
	if now.Sub(k.pruned) < 24*time.Hour {
		return nil
	}
	k.pruned = now
	return k.o.Store.Alerting(ctx, func(tx *store.AlertTx) error { return tx.Prune(now.Add(-remember)) })
}
