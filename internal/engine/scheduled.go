package engine

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func (e *Engine) putSchedules(ctx context.Context) error { return e.schedule(ctx, e.config()) }

// schedule makes the ledger's schedules those of a configuration. One that is
// as it was is due when it was due.
func (e *Engine) schedule(ctx context.Context, cfg *config.Config) error {
	list, err := e.store.Schedules(ctx)
	if err != nil {
		return err
	}
	kept := make(map[string]store.Schedule, len(list))
	for _, s := range list {
		kept[s.Tenant] = s
	}
	for i := range cfg.Tenants {
		t := &cfg.Tenants[i]
		scope := e.store.In(t.ID)
		have, is := kept[t.ID]
		if t.Schedule == "" {
			if !is {
				continue
			}
			if err := scope.DropSchedule(ctx); err != nil {
				return err
			}
			continue
		}
		timing := schedule.TimingOf(cfg, t)
		next, err := timing.Next(time.Now())
		if err != nil {
			return problem.Wrap(err, problem.ConfigInvalid, "the schedule cannot be used", "Write it as five cron fields, such as 30 2 * * *.").For(t.ID)
		}
		if is && have.Spec == timing.Spec() && !next.At.Before(have.NextAt) {
			continue // a start of five hundred practices writes nothing that is there
		}
		if is && timing.SameTimes(have.Spec) && !have.NextAt.After(time.Now()) {
			next = schedule.Due{At: have.NextAt} // it is due still: only what moves it has changed
		}
		if err := scope.PutSchedule(ctx, timing.Spec(), next.At, next.Moved()); err != nil {
			return err
		}
	}
	return nil
}

// startDue requests the exports of schedules whose time has come. That of a
// paused practice stays due, and is late when the pause ends.
func (e *Engine) startDue(ctx context.Context) error {
	due, err := e.store.DueSchedules(ctx)
	if err != nil || len(due) == 0 {
		return err
	}
	ground, err := e.ground(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, s := range due {
		t, err := ground.Config.Tenant(s.Tenant)
		if err != nil || t.Schedule == "" {
			continue
		}
		if _, paused := ground.Holds(t, schedule.Work, time.Now()); paused {
			continue
		}
		failed = errors.Join(failed, e.startScheduled(ctx, ground.Config, t, s.NextAt)) // a practice that fails stands in no other's way
	}
	return failed
}

// startScheduled requests an export that was due at a moment, once, however
// long bulkhead was down, and then sets when the next one is due: after a crash
// between the two it is due still, and the request finds the export that it had
// made. One that is too late, or too soon after failures, is passed over.
// Trouble with the ledger leaves it due.
func (e *Engine) startScheduled(ctx context.Context, cfg *config.Config, t *config.Tenant, due time.Time) error {
	now, timing := time.Now(), schedule.TimingOf(cfg, t)
	next, err := timing.Next(now)
	if err != nil {
		return err
	}
	if why := schedule.Late(cfg, t, due, now); why != "" {
		e.log.Warn("scheduled export is passed over", "tenant", t.ID, "reason", why)
		return e.putOff(ctx, t, next)
	}
	latest, err := e.store.In(t.ID).Exports(ctx, schedule.Looks)
	if err != nil {
		return err
	}
	b, err := e.backoff(ctx, t.ID, latest)
	if err != nil {
		return err
	}
	if now.Before(b.Until) {
		e.log.Warn("scheduled export is passed over", "tenant", t.ID, "reason", b.Says())
		if next, err = timing.Next(b.Until.Add(-1)); err != nil {
			return err
		}
		next.Why = append(next.Why, b.Says())
		return e.putOff(ctx, t, next)
	}
	if x, is := unanswered(latest, now); is {
		if err := e.askAgain(ctx, x); err != nil {
			return err
		}
		return e.moveOn(ctx, t, next)
	}
	wish := export.Wish{By: schedule.BySchedule}
	if wish.Full, err = e.fullDue(ctx, cfg, t); err != nil {
		return err
	}
	if _, err := e.Request(ctx, t.ID, wish); err != nil {
		p, refused := errors.AsType[*problem.Problem](err)
		if !refused || p.Code.Kind() == problem.StorageFull.Kind() {
			return err
		}
		e.log.Warn("scheduled export did not start", "tenant", t.ID, "reason", err)
	}
	return e.moveOn(ctx, t, next)
}

func (e *Engine) moveOn(ctx context.Context, t *config.Tenant, next schedule.Due) error {
	return e.store.In(t.ID).Do(ctx, func(tx *store.Tx) error { return tx.MoveSchedule(next.At, next.Moved()) })
}

func (e *Engine) putOff(ctx context.Context, t *config.Tenant, next schedule.Due) error {
	return e.store.In(t.ID).Do(ctx, func(tx *store.Tx) error { return tx.PutOffSchedule(next.At, next.Moved()) })
}

// backoff gives how a practice's schedule is kept back by the failures among its
// latest exports.
func (e *Engine) backoff(ctx context.Context, tenant string, latest []store.Export) (schedule.Backoff, error) {
	changed, err := e.store.In(tenant).ConfiguredAt(ctx)
	return schedule.BackoffOf(latest, changed), err
}

// fullDue reports whether the next scheduled export of a practice is a full one
// by its cadence. One that failed has changed nothing: the next is full again.
func (e *Engine) fullDue(ctx context.Context, cfg *config.Config, t *config.Tenant) (bool, error) {
	if t.FullEvery.IsZero() {
		return false, nil
	}
	stream := export.Order{Config: cfg, Tenant: t, Wish: export.Wish{By: schedule.BySchedule}}.Stream()
	last, err := e.store.In(t.ID).LastFull(ctx, stream)
	if err != nil || last.IsZero() {
		return false, err // without a full export there is no watermark: it is full by itself
	}
	return schedule.FullDue(t.FullEvery, t.Location(), last, time.Now()), nil
}
