package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A NewPassword is what a person has chosen in the place of their password.
type NewPassword struct {
	Person  Person // as they were when the old password was checked
	Hash    string
	Factor  string // the second factor's secret, sealed anew; empty: none
	Session string // secret of the session that goes on
}

// SetPassword makes a password the person's own, and ends their other sessions;
// false says that it, or their second factor, is no longer the one that was
// checked. ev goes on record with it.
func (s *Store) SetPassword(ctx context.Context, n NewPassword, ev audit.Event) (done bool, err error) {
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		q := gen.New(tx)
		rows, err := q.SetPassword(ctx, gen.SetPasswordParams{NewHash: n.Hash, Factor: n.Factor, PersonID: n.Person.ID, OldHash: n.Person.PasswordHash, OldFactor: n.Person.Factor})
		if done = rows > 0; err != nil || !done {
			return false, err
		}
		factors := int64(1)
		if n.Factor != "" {
			factors = 2
		}
		if err := q.SessionMarked(ctx, gen.SessionMarkedParams{Mark: access.HashSecret(n.Hash), Factors: factors, TokenHash: access.HashSecret(n.Session)}); err != nil {
			return false, fmt.Errorf("keep the session: %w", err)
		}
		if err := credentialChanged(ctx, q, n.Person.ID, PasswordChanged); err != nil {
			return false, err
		}
		return true, endSessions(ctx, tx, n.Person.ID, n.Session)
	})
	return done, err
}

// A NewFactor is a second factor in the place of the one that a person has.
type NewFactor struct {
	Person  Person // as they were when they proved who they are
	Sealed  string // its secret, sealed with their password; empty: none from now on
	Step    int64  // of the code by which it was shown to work
	Session string // secret of the session that goes on
}

// SetFactor gives a person a second factor, or none, and ends their other
// sessions; false says that their password, or the factor, is no longer the one
// that was checked. ev goes on record with it.
func (s *Store) SetFactor(ctx context.Context, n NewFactor, ev audit.Event) (done bool, err error) {
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		q := gen.New(tx)
		rows, err := q.SetFactor(ctx, gen.SetFactorParams{
			Factor: n.Sealed, FactorStep: n.Step, PersonID: n.Person.ID, PasswordHash: n.Person.PasswordHash, OldFactor: n.Person.Factor,
		})
		if err != nil {
			return false, fmt.Errorf("record the second factor: %w", err)
		}
		if done = rows > 0; !done {
			return false, nil
		}
		factors, change := int64(1), FactorRemoved
		if n.Sealed != "" {
			factors, change = 2, FactorSet
		}
		if err := credentialChanged(ctx, q, n.Person.ID, change); err != nil {
			return false, err
		}
		if err := q.SessionMarked(ctx, gen.SessionMarkedParams{Mark: access.HashSecret(n.Person.PasswordHash), Factors: factors, TokenHash: access.HashSecret(n.Session)}); err != nil {
			return false, fmt.Errorf("keep the session: %w", err)
		}
		return true, endSessions(ctx, tx, n.Person.ID, n.Session)
	})
	return done, err
}

// FactorUsed takes a code's step, once: false says that this one, or a later
// one, was taken before.
func (s *Store) FactorUsed(ctx context.Context, person string, step int64) (first bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		n, err := gen.New(tx).FactorUsed(ctx, gen.FactorUsedParams{Step: step, PersonID: person})
		first = n > 0
		return err
	})
	return first, err
}

// PutProvided records what an identity provider says of a person now: the name
// and the grants, also none. A person whose access was taken here stays
// without; a local person, or one of another subject, is never changed: that is
// an error. ev goes on record with it.
func (s *Store) PutProvided(ctx context.Context, p Person, ev audit.Event) error {
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		q := gen.New(tx)
		if err := q.PutProvided(ctx, gen.PutProvidedParams{PersonID: p.ID, Name: p.Name, Subject: p.Subject, CreatedAt: ms(time.Now())}); err != nil {
			return false, fmt.Errorf("record person: %w", err)
		}
		now, err := q.GetPerson(ctx, p.ID)
		if err != nil {
			return false, fmt.Errorf("read person: %w", err)
		}
		if p.Subject == "" || now.Subject != p.Subject {
			return false, fmt.Errorf("record person: %s is somebody else", p.ID)
		}
		if err := putGrants(ctx, q, p); err != nil || len(p.Grants) > 0 {
			return true, err
		}
		return true, endSessions(ctx, tx, p.ID, "")
	})
}
