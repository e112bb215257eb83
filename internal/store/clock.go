package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// LastWritten gives the latest time at which the ledger says that something of
// what is under way happened, or the zero time. On a clock that only goes
// forward it is never later than the present.
func (s *Store) LastWritten(ctx context.Context) (time.Time, error) {
	var last int64
	err := s.read.QueryRowContext(ctx, `SELECT max(
		coalesce((SELECT at FROM event ORDER BY event_id DESC LIMIT 1), 0),
		coalesce((SELECT max(max(created_at, heartbeat_at)) FROM step WHERE state <> 'done'), 0),
		coalesce((SELECT max(state_at) FROM export WHERE ended_at = 0), 0))`).Scan(&last)
	if err != nil {
		return time.Time{}, Explain(fmt.Errorf("read the latest time: %w", err))
	}
	return at(last), nil
}

// setBack are the changes to a ledger whose writer's clock was ahead: ?1 is the
// present and ?2 by how much. What is to come comes as long from now as it
// was to come then; what has happened has happened by now. A kick-off is set
// back whole, because the next export asks for what changed since it (I6).
var setBack = []string{
	`INSERT INTO event (tenant_id, export_id, at, actor, kind, detail)
		SELECT tenant_id, export_id, ?1, 'engine', 'clock_set_back', 'by ' || (?2 / 1000) || ' s: waits are as long as they were' FROM export
		WHERE ended_at = 0 OR max(waiting_until, next_poll_at, kickoff_sent_at) > ?1`,
	`UPDATE step SET due_at = CASE WHEN due_at > ?1 THEN due_at - ?2 ELSE due_at END,
		created_at = min(created_at, ?1), heartbeat_at = min(heartbeat_at, ?1) WHERE state <> 'done'`,
	`UPDATE export SET
		waiting_until = CASE WHEN waiting_until > ?1 THEN waiting_until - ?2 ELSE waiting_until END,
		next_poll_at = CASE WHEN next_poll_at > ?1 THEN next_poll_at - ?2 ELSE next_poll_at END,
		kickoff_sent_at = CASE WHEN kickoff_sent_at > ?1 THEN kickoff_sent_at - ?2 ELSE kickoff_sent_at END,
		requested_at = min(requested_at, ?1), state_at = min(state_at, ?1), accepted_at = min(accepted_at, ?1),
		ended_at = min(ended_at, ?1), released_at = min(released_at, ?1), parked_at = min(parked_at, ?1)
		WHERE max(waiting_until, next_poll_at, kickoff_sent_at, requested_at, state_at, accepted_at, ended_at, released_at, parked_at) > ?1`,
	`UPDATE circuit SET opened_at = min(opened_at, ?1), probe_at = CASE WHEN probe_at > ?1 THEN probe_at - ?2 ELSE probe_at END WHERE closed_at = 0`,
	`UPDATE watermark SET moved_at = min(moved_at, ?1), full_at = min(full_at, ?1) WHERE max(moved_at, full_at) > ?1`,
}

// SetBack moves what the ledger expects after the clock was set back by so
// much, so that nothing waits longer for it. It is for the one process that
// holds the ledger.
func (s *Store) SetBack(ctx context.Context, by time.Duration) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		now := ms(time.Now())
		for _, change := range setBack {
			if _, err := tx.ExecContext(ctx, change, now, by.Milliseconds()); err != nil {
				return fmt.Errorf("follow the clock: %w", err)
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = ?1
			WHERE state IN ('scheduled', 'retryable') OR state = 'available' AND scheduled_at > ?1`, executorNow())
		if err != nil {
			return fmt.Errorf("set the executor's clock: %w", err)
		}
		return nil
	})
}

// KickedOffBy records when the server had the kick-off, by its own clock. What ours said stays where that is earlier: neither may lose
// what the practice changes meanwhile (I6).
func (tx *Tx) KickedOffBy(x *Export, at time.Time) error {
	_, err := tx.sql.ExecContext(tx.ctx, `UPDATE export SET kickoff_sent_at = min(kickoff_sent_at, ?) WHERE tenant_id = ? AND export_id = ? AND kickoff_sent_at > 0`,
		ms(at), tx.tenant, x.ID)
	return err
}
