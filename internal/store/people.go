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

// A Person may sign in to the pages.
type Person struct {
	ID           string
	Name         string
	PasswordHash string // empty for a person of an identity provider
	Subject      string // issuer and subject there; empty for a local person
	Grants       []access.Grant
	CreatedAt    time.Time
	DisabledAt   time.Time // zero: may sign in
	SignedInAt   time.Time // last
}

// Actor is the person as one who asks.
func (p Person) Actor() access.Actor {
	return access.Actor{ID: p.ID, Name: p.Name, Grants: p.Grants}
}

// PutPerson adds a person, or replaces what is known of the one of that id,
// who may then sign in again. ev goes on record with it.
func (s *Store) PutPerson(ctx context.Context, p Person, ev audit.Event) error {
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) { return true, putPerson(ctx, tx, p) })
}

// onRecord does something about who may what, and puts it on record in the
// chain of the house, in one transaction: both or neither.
func (s *Store) onRecord(ctx context.Context, ev audit.Event, do func(tx *sql.Tx) (done bool, err error)) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		done, err := do(tx)
		if err != nil || !done {
			return err
		}
		q := gen.New(tx)
		head, err := chainHead(ctx, q, audit.House)
		if err != nil {
			return err
		}
		return putOnRecord(ctx, q, head, ev, time.Now())
	})
}

// ErrPeople says that there are people already.
var ErrPeople = errors.New("somebody may sign in already")

// PutFirstPerson adds a person unless there is one, whatever happens at the
// same time: then it is ErrPeople. ev goes on record with it.
func (s *Store) PutFirstPerson(ctx context.Context, p Person, ev audit.Event) error {
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		n, err := gen.New(tx).CountPeople(ctx)
		if err != nil {
			return false, fmt.Errorf("count people: %w", err)
		}
		if n > 0 {
			return false, ErrPeople
		}
		return true, putPerson(ctx, tx, p)
	})
}

func putPerson(ctx context.Context, tx *sql.Tx, p Person) error {
	q := gen.New(tx)
	if err := q.PutPerson(ctx, gen.PutPersonParams{
		PersonID: p.ID, Name: p.Name, PasswordHash: p.PasswordHash, Subject: p.Subject, CreatedAt: ms(time.Now()),
	}); err != nil {
		return fmt.Errorf("record person: %w", err)
	}
	if err := q.DropGrants(ctx, p.ID); err != nil {
		return fmt.Errorf("record grants: %w", err)
	}
	for _, g := range p.Grants {
		if err := q.PutGrant(ctx, gen.PutGrantParams{PersonID: p.ID, Role: string(g.Role), TenantID: g.Tenant}); err != nil {
			return fmt.Errorf("record grants: %w", err)
		}
	}
	return nil
}

// Person gives the person of that id; false when there is none.
func (s *Store) Person(ctx context.Context, id string) (Person, bool, error) {
	r, err := s.queries().GetPerson(ctx, id)
	return s.person(ctx, r, err)
}

// PersonOf gives the person whom an identity provider knows by that subject.
func (s *Store) PersonOf(ctx context.Context, subject string) (Person, bool, error) {
	r, err := s.queries().GetPersonBySubject(ctx, subject)
	return s.person(ctx, r, err)
}

func (s *Store) person(ctx context.Context, r gen.Person, err error) (Person, bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return Person{}, false, nil
	}
	if err != nil {
		return Person{}, false, Explain(fmt.Errorf("read person: %w", err))
	}
	p := Person{
		ID: r.PersonID, Name: r.Name, PasswordHash: r.PasswordHash, Subject: r.Subject,
		CreatedAt: at(r.CreatedAt), DisabledAt: at(r.DisabledAt), SignedInAt: at(r.SignedInAt),
	}
	rows, err := s.queries().ListGrants(ctx, p.ID)
	if err != nil {
		return Person{}, false, Explain(fmt.Errorf("read grants: %w", err))
	}
	for _, g := range rows {
		p.Grants = append(p.Grants, access.Grant{Role: access.Role(g.Role), Tenant: g.TenantID})
	}
	return p, true, nil
}

// People gives everybody, by id.
func (s *Store) People(ctx context.Context) ([]Person, error) {
	rows, err := s.queries().ListPeople(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list people: %w", err))
	}
	var all []Person
	for _, r := range rows {
		p, _, err := s.person(ctx, r, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// DisablePerson takes a person's access; false says there is none to take.
func (s *Store) DisablePerson(ctx context.Context, id string, ev audit.Event) (done bool, err error) {
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		n, err := gen.New(tx).DisablePerson(ctx, gen.DisablePersonParams{DisabledAt: ms(time.Now()), PersonID: id})
		done = n > 0
		return done, err
	})
	return done, err
}

// SignedIn records that a person has signed in.
func (s *Store) SignedIn(ctx context.Context, id string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).PersonSignedIn(ctx, gen.PersonSignedInParams{SignedInAt: ms(time.Now()), PersonID: id})
	})
}

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
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		return true, gen.New(tx).InsertToken(ctx, gen.InsertTokenParams{
			TokenID: t.ID, Name: t.Name, SecretHash: t.Hash, Grants: string(grants), CreatedBy: t.CreatedBy,
			CreatedAt: ms(time.Now()), ExpiresAt: ms(t.ExpiresAt),
		})
	})
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
