package store

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// What can change of how somebody signs in.
const (
	PasswordChanged = "password_changed" // by the person
	PasswordSet     = "password_set"     // by somebody else; a second factor went with it
	FactorSet       = "factor_set"
	FactorRemoved   = "factor_removed"
)

// A CredentialChange is that something changed of how a person signs in.
type CredentialChange struct {
	ID     int64
	Person string
	At     time.Time
	What   string // one of the above
	By     string // who did it: the person, an admin, or a user of the machine
	Source string // the address it came from; "local" for a command
}

// Says is what changed, in words.
func (c CredentialChange) Says() string {
	switch c.What {
	case PasswordSet:
		return "the password was set by somebody else, and a second factor is gone with it, if there was one"
	case FactorSet:
		return "a second factor was set up"
	case FactorRemoved:
		return "the second factor was removed"
	}
	return "the password was changed"
}

// CredentialChangesOf gives what changed of how a person signs in after a time,
// the latest first, 20 at most.
func (s *Store) CredentialChangesOf(ctx context.Context, person string, since time.Time) ([]CredentialChange, error) {
	rows, err := s.queries().CredentialChangesOf(ctx, gen.CredentialChangesOfParams{PersonID: person, Since: ms(since)})
	return credentialChanges(rows, err)
}

// CredentialChanges gives what changed after a time of how anybody signs in, the
// latest first, 200 at most.
func (s *Store) CredentialChanges(ctx context.Context, since time.Time) ([]CredentialChange, error) {
	rows, err := s.queries().CredentialChanges(ctx, ms(since))
	return credentialChanges(rows, err)
}

func credentialChanges(rows []gen.CredentialChange, err error) ([]CredentialChange, error) {
	if err != nil {
		return nil, Explain(fmt.Errorf("list changes of how people sign in: %w", err))
	}
	list := make([]CredentialChange, len(rows))
	for i, r := range rows {
		list[i] = CredentialChange{ID: r.ChangeID, Person: r.PersonID, At: at(r.ChangedAt), What: r.Change, By: r.ChangedBy, Source: r.Source}
	}
	return list, nil
}

// credentialChanged notes a change by who acts in ctx.
func credentialChanged(ctx context.Context, q *gen.Queries, person, what string) error {
	who := audit.By(ctx)
	if err := q.InsertCredentialChange(ctx, gen.InsertCredentialChangeParams{
		PersonID: person, ChangedAt: ms(time.Now()), Change: what, ChangedBy: audit.Line(who.Actor), Source: audit.Line(who.Source),
	}); err != nil {
		return fmt.Errorf("note a change of how somebody signs in: %w", err)
	}
	return nil
}
