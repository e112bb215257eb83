package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Streams gives the streams of whose groups members are known.
func (s *Scope) Streams(ctx context.Context) (streams []string, err error) {
	err = eachRow(ctx, s.store.read, `SELECT DISTINCT stream FROM member WHERE tenant_id = ? ORDER BY stream`, func(scan func(...any) error) error {
		var stream string
		err := scan(&stream)
		streams = append(streams, stream)
		return err
	}, s.tenant)
	return streams, Explain(err)
}

// MembersUnlike gives the members of a stream's group, of now and before, whose
// names in the ledger do not begin so.
func (s *Scope) MembersUnlike(ctx context.Context, stream, head string) (names []string, err error) {
	err = eachRow(ctx, s.store.read, `SELECT patient FROM member WHERE tenant_id = ?1 AND stream = ?2 AND substr(patient, 1, length(?3)) <> ?3`, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	}, s.tenant, stream, head)
	if err != nil {
		return nil, Explain(fmt.Errorf("look up members: %w", err))
	}
	return names, nil
}

// RenameMembers writes other names for members of a stream's group: names has
// them by their former ones. One that has the other name already keeps that row;
// one without another name is forgotten.
// What was there is overwritten, and gone from the log with the next Truncate.
func (tx *Tx) RenameMembers(stream string, names map[string]string) error {
	if len(names) == 0 {
		return nil
	}
	text, err := json.Marshal(names)
	if err != nil {
		return err
	}
	if _, err := tx.sql.ExecContext(tx.ctx, `PRAGMA secure_delete = ON`); err != nil {
		return fmt.Errorf("overwrite freed pages: %w", err)
	}
	_, renamed := tx.sql.ExecContext(tx.ctx, `UPDATE OR IGNORE member SET patient = j.value FROM json_each(?3) j
		WHERE member.tenant_id = ?1 AND member.stream = ?2 AND member.patient = j.key AND j.value <> ''`, tx.tenant, stream, string(text))
	_, dropped := tx.sql.ExecContext(tx.ctx, `DELETE FROM member WHERE tenant_id = ?1 AND stream = ?2 AND patient IN (SELECT key FROM json_each(?3))`,
		tx.tenant, stream, string(text))
	if err := errors.Join(renamed, dropped); err != nil {
		return fmt.Errorf("rename members: %w", err)
	}
	return nil
}

// RenamePatients writes other names for the patients whom an export's request
// names.
func (tx *Tx) RenamePatients(export string, patients []string) error {
	text, err := json.Marshal(patients)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `UPDATE export SET parameters = json_set(parameters, '$.patients', json(?)) WHERE tenant_id = ? AND export_id = ?`,
		string(text), tx.tenant, export)
	if err != nil {
		return fmt.Errorf("rename the patients of a request: %w", err)
	}
	return nil
}
