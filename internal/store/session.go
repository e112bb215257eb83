package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// Sessions keeps the sessions of the pages. It is what the sessions' library
// asks of a store; only hashes of the cookies' values are kept.
type Sessions struct{ store *Store }

// Sessions gives the ledger's sessions.
func (s *Store) Sessions() Sessions { return Sessions{s} }

// FindCtx gives what a session holds; false when there is none, or it has ended.
func (s Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	content, err := s.store.queries().GetSession(ctx, gen.GetSessionParams{TokenHash: access.HashSecret(token), Now: ms(time.Now())})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, Explain(fmt.Errorf("read session: %w", err))
	}
	return content, true, nil
}

// CommitCtx keeps a session until it ends, and forgets those that have ended.
func (s Sessions) CommitCtx(ctx context.Context, token string, content []byte, ends time.Time) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error {
		q := gen.New(tx)
		if err := q.DropOldSessions(ctx, ms(time.Now())); err != nil {
			return err
		}
		return q.PutSession(ctx, gen.PutSessionParams{TokenHash: access.HashSecret(token), Content: content, ExpiresAt: ms(ends)})
	})
}

// DeleteCtx ends a session.
func (s Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error { return gen.New(tx).DropSession(ctx, access.HashSecret(token)) })
}

// Find is FindCtx without a context. The sessions' library asks for the three
// that have none, and calls those that have one.
func (s Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token) //nolint:forbidigo // there is none
}

// Commit is CommitCtx without a context.
func (s Sessions) Commit(token string, content []byte, ends time.Time) error {
	return s.CommitCtx(context.Background(), token, content, ends) //nolint:forbidigo // there is none
}

// Delete is DeleteCtx without a context.
func (s Sessions) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token) //nolint:forbidigo // there is none
}

// EndAll ends all sessions: those of a copy of the ledger were of another time.
func (s Sessions) EndAll(ctx context.Context) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error { return gen.New(tx).DropSessions(ctx) })
}
