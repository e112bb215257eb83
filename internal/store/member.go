package store

import (
	"context"
	"encoding/json"
	"fmt"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A group may have tens of thousands of patients: they go to the database as one
// list, not one by one.

// strangers are the patients of a list who are not members.
const strangers = `SELECT value FROM json_each(?3) WHERE value NOT IN
	(SELECT patient FROM member WHERE tenant_id = ?1 AND stream = ?2 AND left_at = 0)`

// Strangers gives those of the patients who are not known as members of the
// stream's group, in the order of the list.
func (s *Scope) Strangers(ctx context.Context, stream string, patients []string) (list []string, err error) {
	text, err := json.Marshal(append([]string{}, patients...)) // a list also when it is empty
	if err != nil {
		return nil, err
	}
	err = eachRow(ctx, s.store.read, strangers+` ORDER BY key`, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		list = append(list, id)
		return err
	}, s.tenant, stream, string(text))
	if err != nil {
		return nil, Explain(fmt.Errorf("look up members: %w", err))
	}
	return list, nil
}

// Members counts the known members of the stream's group.
func (s *Scope) Members(ctx context.Context, stream string) (int64, error) {
	n, err := s.store.queries().CountMembers(ctx, gen.CountMembersParams{TenantID: s.tenant, Stream: stream})
	return n, Explain(err)
}

// Members records who is in the group of a stream: those patients and, when
// all is true, nobody else. It returns how many were not known before and how
// many have left.
func (tx *Tx) Members(stream string, patients []string, all bool) (joined, left int64, err error) {
	text, err := json.Marshal(append([]string{}, patients...)) // a list also when it is empty
	if err != nil {
		return 0, 0, err
	}
	err = tx.sql.QueryRowContext(tx.ctx, `SELECT count(DISTINCT value) FROM (`+strangers+`)`, tx.tenant, stream, string(text)).Scan(&joined)
	if err != nil {
		return 0, 0, fmt.Errorf("count who joined: %w", err)
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO member (tenant_id, stream, patient, seen_at)
		SELECT ?1, ?2, value, ?4 FROM json_each(?3) WHERE true
		ON CONFLICT (tenant_id, stream, patient) DO UPDATE SET seen_at = excluded.seen_at, left_at = 0`, tx.tenant, stream, string(text), ms(tx.now))
	if err != nil {
		return 0, 0, fmt.Errorf("record members: %w", err)
	}
	if all {
		left, err = tx.q.LeaveMembers(tx.ctx, gen.LeaveMembersParams{Now: ms(tx.now), TenantID: tx.tenant, Stream: stream})
	}
	return joined, left, err
}
