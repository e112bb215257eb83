package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A Token lets a program use the API. Its secret is known to nobody here.
type Token struct {
	ID         string
	Name       string // what it is for
	Hash       string // of its secret
	Grants     []access.Grant
	CreatedBy  string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt time.Time
	RevokedAt  time.Time
}

// Actor is the token as one who asks.
func (t Token) Actor() access.Actor {
	return access.Actor{ID: "token:" + t.ID, Name: t.Name, Grants: t.Grants}
}

// AddToken records a new token.
func (s *Store) AddToken(ctx context.Context, t Token, ev audit.Event) error {
	grants, err := json.Marshal(t.Grants)
	if err != nil {
		return err
	}
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) { return true, insertToken(ctx, tx, t, grants) })
}

func insertToken(ctx context.Context, tx *sql.Tx, t Token, grants []byte) error {
	err := gen.New(tx).InsertToken(ctx, gen.InsertTokenParams{
		TokenID: t.ID, Name: t.Name, SecretHash: t.Hash, Grants: string(grants), CreatedBy: t.CreatedBy,
		CreatedAt: ms(time.Now()), ExpiresAt: ms(t.ExpiresAt),
	})
	if err != nil {
		return fmt.Errorf("record token: %w", err)
	}
	return nil
}

// RotateToken records next as the successor of a token, which goes on until
// ends, and never longer than it would have; false says that there is none to
// follow: it has ended, or is of no id.
func (s *Store) RotateToken(ctx context.Context, id string, next Token, ends time.Time, ev audit.Event) (done bool, err error) {
	grants, err := json.Marshal(next.Grants)
	if err != nil {
		return false, err
	}
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		n, err := gen.New(tx).ShortenToken(ctx, gen.ShortenTokenParams{Ends: ms(ends), TokenID: id, Now: ms(time.Now())})
		if done = n > 0; err != nil || !done {
			return false, err
		}
		return true, insertToken(ctx, tx, next, grants)
	})
	return done, err
}

// Token gives the token of that id; false when there is none.
func (s *Store) Token(ctx context.Context, id string) (Token, bool, error) {
	r, err := s.queries().GetToken(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, Explain(fmt.Errorf("read token: %w", err))
	}
	t, err := tokenOf(r)
	return t, err == nil, err
}

// Tokens gives all tokens, the newest first.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.queries().ListTokens(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list tokens: %w", err))
	}
	var all []Token
	for _, r := range rows {
		t, err := tokenOf(r)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func tokenOf(r gen.ApiToken) (Token, error) {
	t := Token{
		ID: r.TokenID, Name: r.Name, Hash: r.SecretHash, CreatedBy: r.CreatedBy, CreatedAt: at(r.CreatedAt),
		ExpiresAt: at(r.ExpiresAt), LastUsedAt: at(r.LastUsedAt), RevokedAt: at(r.RevokedAt),
	}
	if err := json.Unmarshal([]byte(r.Grants), &t.Grants); err != nil {
		return Token{}, fmt.Errorf("read the grants of token %s: %w", r.TokenID, err)
	}
	return t, nil
}

// RevokeToken ends a token at once; false says there is none to end.
func (s *Store) RevokeToken(ctx context.Context, id string, ev audit.Event) (done bool, err error) {
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		n, err := gen.New(tx).RevokeToken(ctx, gen.RevokeTokenParams{RevokedAt: ms(time.Now()), TokenID: id})
		done = n > 0
		return done, err
	})
	return done, err
}

// TokenUsed records that a token was used.
func (s *Store) TokenUsed(ctx context.Context, id string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).TokenUsed(ctx, gen.TokenUsedParams{LastUsedAt: ms(time.Now()), TokenID: id})
	})
}
