package store

import (
	"context"
	"database/sql"
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
	// PasswordUntil says that somebody else set the password: it opens until
	// then, and only to choose another. Zero: it is the person's own.
	PasswordUntil time.Time
	Factor        string // the second factor's secret, sealed with the password; empty: none
	FactorStep    int64  // of the last code that was taken
	Subject       string // issuer and subject there; empty for a local person
	Grants        []access.Grant
	CreatedAt     time.Time
	DisabledAt    time.Time // zero: may sign in
	SignedInAt    time.Time // last
}

// Actor is the person as one who asks.
func (p Person) Actor() access.Actor {
	return access.Actor{ID: p.ID, Name: p.Name, Grants: p.Grants}
}

// Local reports whether the person signs in with a password of ours.
func (p Person) Local() bool { return p.Subject == "" }

// ErrLastAdmin says that nobody would be left who signs in with a password and
// may administer: nobody could mend anything then.
var ErrLastAdmin = errors.New("this would leave no admin who signs in with a password")

// PutPerson adds a person, or replaces what is known of the one of that id,
// who may then sign in again; the sessions and the second factor of before end,
// and that is a change of which the person is told. ev goes on record with it.
// ErrLastAdmin refuses it.
func (s *Store) PutPerson(ctx context.Context, p Person, ev audit.Event) error {
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		return true, keepAdmin(ctx, tx, func() error {
			q := gen.New(tx)
			was, err := q.GetPerson(ctx, p.ID)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("read person: %w", err)
			}
			if err := errors.Join(putPerson(ctx, tx, p), endSessions(ctx, tx, p.ID, "")); err != nil || was.PersonID == "" {
				return err
			}
			return credentialChanged(ctx, q, p.ID, PasswordSet)
		})
	})
}

// PutGrants replaces the name and the grants of a person, who may then sign in
// again; false says that there is none of that id. ErrLastAdmin refuses it.
func (s *Store) PutGrants(ctx context.Context, p Person, ev audit.Event) (done bool, err error) {
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		err := keepAdmin(ctx, tx, func() error {
			n, err := gen.New(tx).NamePerson(ctx, gen.NamePersonParams{Name: p.Name, PersonID: p.ID})
			if done = n > 0; err != nil || !done {
				return err
			}
			return putGrants(ctx, gen.New(tx), p)
		})
		return done, err
	})
	return done && err == nil, err
}

// keepAdmin does a change, and refuses it when it takes the last admin.
func keepAdmin(ctx context.Context, tx *sql.Tx, change func() error) error {
	q := gen.New(tx)
	before, err := q.CountAdmins(ctx)
	if err != nil {
		return fmt.Errorf("count admins: %w", err)
	}
	if err := change(); err != nil {
		return err
	}
	after, err := q.CountAdmins(ctx)
	if err != nil {
		return fmt.Errorf("count admins: %w", err)
	}
	if before > 0 && after == 0 {
		return ErrLastAdmin
	}
	return nil
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
		PersonID: p.ID, Name: p.Name, PasswordHash: p.PasswordHash, PasswordUntil: ms(p.PasswordUntil), Subject: p.Subject, CreatedAt: ms(time.Now()),
	}); err != nil {
		return fmt.Errorf("record person: %w", err)
	}
	return putGrants(ctx, q, p)
}

func putGrants(ctx context.Context, q *gen.Queries, p Person) error {
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
		PasswordUntil: at(r.PasswordUntil), Factor: r.Factor, FactorStep: r.FactorStep,
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

// DisablePerson takes a person's access and ends their sessions; false says
// there is none to take. ErrLastAdmin refuses it.
func (s *Store) DisablePerson(ctx context.Context, id string, ev audit.Event) (done bool, err error) {
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		err := keepAdmin(ctx, tx, func() error {
			n, err := gen.New(tx).DisablePerson(ctx, gen.DisablePersonParams{DisabledAt: ms(time.Now()), PersonID: id})
			if done = n > 0; err != nil || !done {
				return err
			}
			return endSessions(ctx, tx, id, "")
		})
		return done, err
	})
	return done && err == nil, err
}
