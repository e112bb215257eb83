package store

import "time"

// AskLater keeps until when the server wants no request for the export: it is
// asked no sooner after a restart, and when it is resumed. An earlier word of
// the server's that reaches further stands.
func (tx *Tx) AskLater(x *Export, until time.Time) error {
	if !until.After(x.NextPollAt) {
		return nil
	}
	x.NextPollAt = until
	_, err := tx.sql.ExecContext(tx.ctx, `UPDATE export SET next_poll_at = ? WHERE tenant_id = ? AND export_id = ? AND next_poll_at < ?`,
		tx.due(until), tx.tenant, x.ID, tx.due(until))
	return err
}
