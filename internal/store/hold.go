package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// What a pause is of.
const (
	PauseTenant       = "tenant"       // one practice
	PauseRegistration = "registration" // every practice of a registration
	PauseAll          = "all"
)

// What holds a step back that is ready, as the ledger keeps it with the step.
const (
	HeldByPause       = "pause"
	HeldByMaintenance = "maintenance"
	HeldByQuiet       = "quiet"
	HeldByCircuit     = "circuit"
	HeldByServer      = "server" // which said until when
	HeldBySlot        = "slot"   // the export left its slot to others while something held it back
)

// A Pause holds back everything of a practice, of a registration or of all:
// nothing is started, and no step of what runs is given out. What a running
// step is about is brought to its end.
type Pause struct {
	ID     int64
	Scope  string // PauseTenant, PauseRegistration or PauseAll
	Object string // the tenant's id or the registration's name; empty for all
	Reason string // nothing of a patient
	By     string
	At     time.Time
	Until  time.Time // when it passes by itself; zero: when somebody ends it

	EndedBy string // empty while it lasts, and when it passed by itself
	EndedAt time.Time
}

// Over reports whether the pause no longer holds anything at a time.
func (p Pause) Over(now time.Time) bool {
	return !p.EndedAt.IsZero() || !p.Until.IsZero() && !now.Before(p.Until)
}

// Pause records that somebody pauses what p names, in the place of a pause of
// the same that is in force, and puts it on record: a practice's in its own
// chain, others in the house's. Of p, Scope, Object, Reason and Until count; who
// does it is who ctx says. It gives the pause as it is kept.
func (s *Store) Pause(ctx context.Context, p Pause) (Pause, error) {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		q, now := gen.New(tx), time.Now()
		p.By, p.At = audit.By(ctx).Actor, at(ms(now))
		if _, err := q.EndPause(ctx, gen.EndPauseParams{Now: ms(now), EndedBy: p.By, Scope: p.Scope, Object: p.Object}); err != nil {
			return fmt.Errorf("end the pause before: %w", err)
		}
		id, err := q.InsertPause(ctx, gen.InsertPauseParams{
			Scope: p.Scope, Object: p.Object, Reason: p.Reason, PausedBy: p.By, PausedAt: ms(now), Until: ms(p.Until),
		})
		if err != nil {
			return fmt.Errorf("record pause: %w", err)
		}
		p.ID = id
		facts := map[string]any{"of": p.Scope}
		if !p.Until.IsZero() {
			facts["until"] = audit.Instant(p.Until)
		}
		return recordPause(ctx, q, p, audit.Event{Action: audit.Paused, Reason: p.Reason, Facts: facts}, now)
	})
	return p, err
}

// Unpause ends the pause of exactly that scope and object, if one is in force,
// and lets go the steps that it held; ok is false when there was none. Steps
// that another pause holds too are held again when they are next looked at.
func (s *Store) Unpause(ctx context.Context, scope, object, reason string) (ok bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		q, now := gen.New(tx), time.Now()
		p := Pause{Scope: scope, Object: object}
		open, err := q.PausesInForce(ctx, ms(now))
		if err != nil {
			return fmt.Errorf("list pauses: %w", err)
		}
		for _, r := range open {
			ok = ok || r.Scope == scope && r.Object == object
		}
		if !ok {
			return nil
		}
		if _, err := q.EndPause(ctx, gen.EndPauseParams{Now: ms(now), EndedBy: audit.By(ctx).Actor, Scope: scope, Object: object}); err != nil {
			return fmt.Errorf("end pause: %w", err)
		}
		if err := recordPause(ctx, q, p, audit.Event{Action: audit.Unpaused, Reason: reason, Facts: map[string]any{"of": scope}}, now); err != nil {
			return err
		}
		return letGo(ctx, tx, p, now)
	})
	return ok, err
}

func recordPause(ctx context.Context, q *gen.Queries, p Pause, ev audit.Event, now time.Time) error {
	chain := audit.House
	if p.Scope == PauseTenant {
		chain = p.Object
	}
	head, err := chainHead(ctx, q, chain)
	if err != nil {
		return err
	}
	ev.Object = p.Object
	return putOnRecord(ctx, q, head, ev, now)
}

// letGo makes the steps due that a pause held, for the executor too.
func letGo(ctx context.Context, tx *sql.Tx, p Pause, now time.Time) (err error) {
	q := gen.New(tx)
	switch p.Scope {
	case PauseTenant:
		err = q.FreeTenantSteps(ctx, gen.FreeTenantStepsParams{Now: ms(now), TenantID: p.Object})
	case PauseRegistration:
		err = q.FreeRegistrationSteps(ctx, gen.FreeRegistrationStepsParams{Now: ms(now), Registration: p.Object})
	default:
		err = q.FreeAllSteps(ctx, ms(now))
	}
	if err != nil {
		return fmt.Errorf("let steps go: %w", err)
	}
	return hurry(ctx, tx, now)
}

// Pauses gives the pauses that are in force now, the oldest first.
func (s *Store) Pauses(ctx context.Context) ([]Pause, error) {
	return pausesInForce(ctx, s.queries())
}

// Pauses gives the pauses that are in force at the transaction's time.
func (tx *Tx) Pauses() ([]Pause, error) { return pausesInForce(tx.ctx, tx.q) }

func pausesInForce(ctx context.Context, q *gen.Queries) ([]Pause, error) {
	rows, err := q.PausesInForce(ctx, ms(time.Now()))
	if err != nil {
		return nil, Explain(fmt.Errorf("list pauses: %w", err))
	}
	return pausesOf(rows), nil
}

// Pauses gives the pauses that are in force at the admission's time.
func (a *Admission) Pauses() ([]Pause, error) { return pausesInForce(a.ctx, gen.New(a.tx)) }

// OpenCircuits gives the servers that cannot be reached now, by origin.
func (a *Admission) OpenCircuits() ([]Circuit, error) { return openCircuits(a.ctx, gen.New(a.tx)) }

// LatestPauses gives the pauses that were set last, those that are over among
// them, the latest first, at most limit.
func (s *Store) LatestPauses(ctx context.Context, limit int) ([]Pause, error) {
	rows, err := s.queries().LatestPauses(ctx, int64(limit))
	if err != nil {
		return nil, Explain(fmt.Errorf("list pauses: %w", err))
	}
	return pausesOf(rows), nil
}

func pausesOf(rows []gen.Pause) []Pause {
	pauses := make([]Pause, len(rows))
	for i, r := range rows {
		pauses[i] = Pause{
			ID: r.PauseID, Scope: r.Scope, Object: r.Object, Reason: r.Reason, By: r.PausedBy, At: at(r.PausedAt), Until: at(r.Until),
			EndedBy: r.EndedBy, EndedAt: at(r.EndedAt),
		}
	}
	return pauses
}

// A Circuit says that a server cannot be reached, or could not: while it is
// open, nothing is sent there but one request at each ProbeAt.
type Circuit struct {
	Origin    string // scheme, host and port
	Failures  int64  // connections in a row that failed
	LastError string // in our words
	OpenedAt  time.Time
	ProbeAt   time.Time
	ClosedAt  time.Time // zero while it is open
}

// Origin gives scheme, host and port of a URL, by which circuits are kept; ""
// for what is none.
func Origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// PutCircuit records what is known of a server.
func (s *Store) PutCircuit(ctx context.Context, c Circuit) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).PutCircuit(ctx, gen.PutCircuitParams{
			Origin: c.Origin, Failures: c.Failures, LastError: c.LastError, OpenedAt: ms(c.OpenedAt), ProbeAt: ms(c.ProbeAt), ClosedAt: ms(c.ClosedAt),
		})
	})
}

// OpenCircuits gives the servers that cannot be reached now, by origin.
func (s *Store) OpenCircuits(ctx context.Context) ([]Circuit, error) {
	return openCircuits(ctx, s.queries())
}

// OpenCircuits gives the servers that cannot be reached now, by origin.
func (tx *Tx) OpenCircuits() ([]Circuit, error) { return openCircuits(tx.ctx, tx.q) }

func openCircuits(ctx context.Context, q *gen.Queries) ([]Circuit, error) {
	rows, err := q.OpenCircuits(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list circuits: %w", err))
	}
	return circuitsOf(rows), nil
}

// LatestCircuits gives the servers that could not be reached last, those that
// can again among them, the latest first, at most limit.
func (s *Store) LatestCircuits(ctx context.Context, limit int) ([]Circuit, error) {
	rows, err := s.queries().LatestCircuits(ctx, int64(limit))
	if err != nil {
		return nil, Explain(fmt.Errorf("list circuits: %w", err))
	}
	return circuitsOf(rows), nil
}

func circuitsOf(rows []gen.Circuit) []Circuit {
	circuits := make([]Circuit, len(rows))
	for i, r := range rows {
		circuits[i] = Circuit{r.Origin, r.Failures, r.LastError, at(r.OpenedAt), at(r.ProbeAt), at(r.ClosedAt)}
	}
	return circuits
}

// PutOff gives the leased step back until due, because of something other than
// its own failure; held says what.
func (tx *Tx) PutOff(l Lease, due time.Time, held string) error {
	return tx.putOff(l, due, l.Attempt, held)
}

func (tx *Tx) putOff(l Lease, due time.Time, attempt int64, held string) error {
	return fenced(tx.q.PutOffStep(tx.ctx, gen.PutOffStepParams{
		Subject: l.Subject, DueAt: tx.due(due), Attempt: attempt, Held: held, TenantID: tx.tenant, StepID: l.ID, Epoch: l.Epoch,
	}))
}

// WaitOfServer gives until when the server of an export wants no more requests,
// as it told those of its steps that wait; the zero time without one.
func (tx *Tx) WaitOfServer(x *Export) (time.Time, error) {
	t, err := tx.q.WaitOfServer(tx.ctx, gen.WaitOfServerParams{TenantID: tx.tenant, ExportID: x.ID})
	return at(t), err
}
