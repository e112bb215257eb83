package scenario

import (
	"context"
	"database/sql"
	"time"
)

// A look at the ledger costs next to nothing and a look of the executor at its
// tables does too, but it looks some thirty times in a simulated second, and a
// night has 30,000 of them. So while nothing is due, the engine is stopped and
// time passes at once; what is due then begins on what is in the ledger, as
// after any pause of the service.
const (
	shortPause = 2 * time.Second // what is not worth it
	lookAgain  = time.Second     // whether the engine has become idle
)

// pass lets time pass until something changes, or the time has come: that at
// which something becomes due, while nothing is, or the end.
func (w *World) pass(changed <-chan struct{}, next, end time.Time) {
	w.t.Helper()
	if time.Until(next) > shortPause {
		w.pause(next)
		return
	}
	wait := time.NewTimer(min(lookAgain, time.Until(end)))
	defer wait.Stop()
	select {
	case <-changed:
	case <-wait.C:
	}
}

// idleUntil gives when the ledger has something to do next, at most end: now
// while a step runs.
func (w *World) idleUntil(end time.Time) time.Time {
	w.t.Helper()
	next, err := w.nextDue(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if next.IsZero() || next.After(end) {
		return end
	}
	return next
}

// nextDue is the zero time when nothing is ever due.
func (w *World) nextDue(ctx context.Context) (time.Time, error) {
	var due sql.NullInt64
	err := w.Store.DB().QueryRowContext(ctx, `SELECT min(due) FROM (
		SELECT CASE state WHEN 'running' THEN 1 ELSE due_at END AS due FROM step WHERE state <> 'done'
		UNION ALL SELECT waiting_until FROM export WHERE state = 'waiting'
		UNION ALL SELECT due_at FROM callback WHERE sent_at = 0 AND given_up_at = 0
		UNION ALL SELECT 1 FROM settled
		UNION ALL SELECT 1 FROM export_requests r WHERE state = 'new' AND NOT EXISTS (SELECT 1 FROM export e WHERE e.tenant_id = r.tenant_id AND e.ended_at = 0)
		UNION ALL SELECT next_at FROM schedule JOIN tenant USING (tenant_id) WHERE tenant.state = 'active'
			AND tenant_id NOT IN (SELECT object FROM pause WHERE scope = 'tenant' AND ended_at = 0))`).Scan(&due)
	if err != nil || !due.Valid {
		return time.Time{}, err
	}
	return time.UnixMilli(due.Int64), nil
}

// pause stops the engine until then.
func (w *World) pause(then time.Time) {
	w.t.Helper()
	if err := w.Engine.Stop(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	<-time.After(time.Until(then))
	if err := w.Engine.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}
