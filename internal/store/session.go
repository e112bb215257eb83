package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// The ways to sign in.
const (
	ByPassword = "password"
	ByProvider = "provider" // an identity provider said who it is
)

// A Session is somebody who has signed in with one browser. What the browser
// keeps of it is a secret of chance, of which the ledger has the hash. Each
// change of a session is one statement about what is not ended, so that nothing
// brings an ended one back.
type Session struct {
	ID              string // names it to people; opens nothing
	Person          string
	Way             string // ByPassword or ByProvider
	Mark            string // hash of what was kept of the password when it began
	Factors         int64  // how many the person showed: 1 or 2
	Address         string
	Agent           string    // the browser's name for itself
	ProviderSession string    // as the provider names it; or empty
	BeganAt         time.Time // set by BeginSession
	ProvedAt        time.Time // when the person last proved who they are
	SeenAt          time.Time // when the person last did something
	EndsAt          time.Time
}

// BeginSession begins a person's session under a secret of its own, notes that
// they have signed in, and puts ev on record: all of it or nothing.
func (s *Store) BeginSession(ctx context.Context, secret string, begun Session, ev audit.Event) error {
	now := ms(time.Now())
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		q := gen.New(tx)
		if err := q.DropOldSessions(ctx, now); err != nil {
			return false, fmt.Errorf("forget old sessions: %w", err)
		}
		if err := q.InsertSession(ctx, gen.InsertSessionParams{
			TokenHash: access.HashSecret(secret), SessionID: strings.ToLower(rand.Text()[:10]), PersonID: begun.Person, Way: begun.Way, Mark: begun.Mark,
			Factors: begun.Factors, Address: begun.Address, Agent: begun.Agent, ProviderSession: begun.ProviderSession,
			BeganAt: now, ProvedAt: now, SeenAt: now, ExpiresAt: ms(begun.EndsAt),
		}); err != nil {
			return false, fmt.Errorf("begin a session: %w", err)
		}
		return true, q.PersonSignedIn(ctx, gen.PersonSignedInParams{SignedInAt: now, PersonID: begun.Person})
	})
}

// Session gives the session of that secret; false when there is none, or it
// has ended.
func (s *Store) Session(ctx context.Context, secret string) (Session, bool, error) {
	r, err := s.queries().GetSession(ctx, gen.GetSessionParams{TokenHash: access.HashSecret(secret), Now: ms(time.Now())})
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, false, nil
	}
	if err != nil {
		return Session{}, false, Explain(fmt.Errorf("read session: %w", err))
	}
	return sessionOf(r), true, nil
}

func sessionOf(r gen.WebSession) Session {
	return Session{
		ID: r.SessionID, Person: r.PersonID, Way: r.Way, Mark: r.Mark, Factors: r.Factors, Address: r.Address, Agent: r.Agent,
		ProviderSession: r.ProviderSession, BeganAt: at(r.BeganAt), ProvedAt: at(r.ProvedAt), SeenAt: at(r.SeenAt), EndsAt: at(r.ExpiresAt),
	}
}

// SessionsOf gives a person's sessions in which somebody did something after
// idle, the newest first.
func (s *Store) SessionsOf(ctx context.Context, person string, idle time.Time) ([]Session, error) {
	rows, err := s.queries().ListSessions(ctx, gen.ListSessionsParams{PersonID: person, Now: ms(time.Now()), IdleSince: ms(idle)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list sessions: %w", err))
	}
	all := make([]Session, len(rows))
	for i, r := range rows {
		all[i] = sessionOf(r)
	}
	return all, nil
}

// CountSessions counts everybody's sessions as SessionsOf would list them.
func (s *Store) CountSessions(ctx context.Context, idle time.Time) (map[string]int64, error) {
	rows, err := s.queries().CountSessions(ctx, gen.CountSessionsParams{Now: ms(time.Now()), IdleSince: ms(idle)})
	if err != nil {
		return nil, Explain(fmt.Errorf("count sessions: %w", err))
	}
	of := make(map[string]int64, len(rows))
	for _, r := range rows {
		of[r.PersonID] = r.Sessions
	}
	return of, nil
}

// SessionSeen notes that the person did something.
func (s *Store) SessionSeen(ctx context.Context, secret string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).SessionSeen(ctx, gen.SessionSeenParams{SeenAt: ms(time.Now()), TokenHash: access.HashSecret(secret)})
	})
}

// SessionProved notes that the person proved again who they are, with so many
// factors, and puts ev on record; false says that the session has ended.
func (s *Store) SessionProved(ctx context.Context, secret string, factors int64, ev audit.Event) (done bool, err error) {
	now := ms(time.Now())
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		n, err := gen.New(tx).SessionProved(ctx, gen.SessionProvedParams{ProvedAt: now, SeenAt: now, Factors: factors, TokenHash: access.HashSecret(secret)})
		done = n > 0
		return done, err
	})
	return done, err
}

// EndSession ends the session of that secret.
func (s *Store) EndSession(ctx context.Context, secret string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		_, err := gen.New(tx).EndSession(ctx, gen.EndSessionParams{EndedAt: ms(time.Now()), TokenHash: access.HashSecret(secret)})
		return err
	})
}

// EndSessionOf ends one session of a person, by its id; false says there is
// none to end.
func (s *Store) EndSessionOf(ctx context.Context, person, id string, ev audit.Event) (done bool, err error) {
	err = s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		n, err := gen.New(tx).EndNamedSession(ctx, gen.EndNamedSessionParams{EndedAt: ms(time.Now()), PersonID: person, SessionID: id})
		done = n > 0
		return done, err
	})
	return done, err
}

// EndSessionsOf ends all sessions of a person but the one of a secret; an empty
// secret spares none.
func (s *Store) EndSessionsOf(ctx context.Context, person, but string, ev audit.Event) error {
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) { return true, endSessions(ctx, tx, person, but) })
}

// EndProviderSessions ends the sessions of whom an identity provider knows by a
// subject, or that it names so, or both where both are given. Neither ends none.
func (s *Store) EndProviderSessions(ctx context.Context, subject, name string, ev audit.Event) error {
	if subject == "" && name == "" {
		return nil
	}
	return s.onRecord(ctx, ev, func(tx *sql.Tx) (bool, error) {
		n, err := gen.New(tx).EndProviderSessions(ctx, gen.EndProviderSessionsParams{EndedAt: ms(time.Now()), ProviderSession: name, Subject: subject})
		return n > 0, err
	})
}

func endSessions(ctx context.Context, tx *sql.Tx, person, but string) error {
	if but != "" {
		but = access.HashSecret(but)
	}
	_, err := gen.New(tx).EndSessionsOf(ctx, gen.EndSessionsOfParams{EndedAt: ms(time.Now()), PersonID: person, But: but})
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// EndAllSessions ends everybody's sessions: those of a copy of the ledger were
// of another time.
func (s *Store) EndAllSessions(ctx context.Context) error {
	return s.inTx(ctx, func(tx *sql.Tx) error { return gen.New(tx).DropSessions(ctx) })
}
