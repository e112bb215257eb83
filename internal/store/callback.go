package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A Callback tells another program how an export ended, or that its request
// was refused. What it tells is recorded with it, and it is sent after that.
type Callback struct {
	ID        int64
	Delivery  string // the receiver's means against getting it twice
	Tenant    string
	Export    string // empty: of a request that was refused
	Request   int64  // 0: nobody asked for it
	Target    string // its name in the configuration
	URL       string
	State     string
	Body      string
	SettledAt time.Time // when that came to be
	MadeAt    time.Time
	DueAt     time.Time
	Attempts  int64
	SentAt    time.Time // zero: not yet
	GivenUpAt time.Time // zero: not given up
	LastError string    // in our words
}

// CallBack records a call-back of the tenant's, due at MadeAt. Where the same
// end was to be told there before, nothing changes.
func (tx *Tx) CallBack(c Callback) error {
	err := tx.q.InsertCallback(tx.ctx, gen.InsertCallbackParams{
		DeliveryID: c.Delivery, TenantID: tx.tenant, ExportID: c.Export, RequestID: c.Request, Target: c.Target, Url: c.URL,
		State: c.State, Body: c.Body, SettledAt: ms(c.SettledAt), MadeAt: ms(c.MadeAt), DueAt: ms(c.MadeAt),
	})
	if err != nil {
		return fmt.Errorf("write a call-back: %w", err)
	}
	return nil
}

// DueCallbacks gives up to limit call-backs that are to be sent now.
func (s *Store) DueCallbacks(ctx context.Context, limit int) ([]Callback, error) {
	return callbacksOf(s.queries().DueCallbacks(ctx, gen.DueCallbacksParams{DueAt: ms(time.Now()), Limit: int64(limit)}))
}

// NextCallback gives when the first call-back that has not left is due, or the
// zero time.
func (s *Store) NextCallback(ctx context.Context) (time.Time, error) {
	t, err := s.queries().NextCallback(ctx)
	return at(t), Explain(err)
}

// Callbacks gives the call-backs of an export, the first first.
func (s *Scope) Callbacks(ctx context.Context, export string) ([]Callback, error) {
	return callbacksOf(s.store.queries().CallbacksOf(ctx, gen.CallbacksOfParams{TenantID: s.tenant, ExportID: export}))
}

func callbacksOf(rows []gen.Callback, err error) ([]Callback, error) {
	if err != nil {
		return nil, Explain(fmt.Errorf("list call-backs: %w", err))
	}
	list := make([]Callback, len(rows))
	for i, r := range rows {
		list[i] = Callback{
			ID: r.CallbackID, Delivery: r.DeliveryID, Tenant: r.TenantID, Export: r.ExportID, Request: r.RequestID, Target: r.Target, URL: r.Url,
			State: r.State, Body: r.Body, SettledAt: at(r.SettledAt), MadeAt: at(r.MadeAt), DueAt: at(r.DueAt), Attempts: r.Attempts, SentAt: at(r.SentAt),
			GivenUpAt: at(r.GivenUpAt), LastError: r.LastError,
		}
	}
	return list, nil
}

// SetCalledBack records that a call-back of the tenant's has arrived; what was
// put off because its target did not answer is due now.
func (s *Scope) SetCalledBack(ctx context.Context, c Callback) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error {
		q, now := gen.New(tx), ms(time.Now())
		if err := q.BringForwardCallbacks(ctx, gen.BringForwardCallbacksParams{Now: now, Target: c.Target}); err != nil {
			return err
		}
		return q.SetCallbackSent(ctx, gen.SetCallbackSentParams{SentAt: now, TenantID: s.tenant, CallbackID: c.ID})
	})
}

// SetNotCalledBack records why a call-back of the tenant's could not be sent,
// in our words, and when it is due again; the zero time gives it up.
func (s *Scope) SetNotCalledBack(ctx context.Context, callback int64, due time.Time, why string) error {
	gaveUp := int64(0)
	if due.IsZero() {
		gaveUp = ms(time.Now())
	}
	return s.store.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).SetCallbackFailed(ctx, gen.SetCallbackFailedParams{
			DueAt: ms(due), GivenUpAt: gaveUp, LastError: why, TenantID: s.tenant, CallbackID: callback,
		})
	})
}

// PutOffCallbacks puts off until due what has not left to a target that does
// not answer, and gives up what was made before a time. It gives how many.
func (s *Store) PutOffCallbacks(ctx context.Context, target string, due, older time.Time, why string) (givenUp int64, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		q := gen.New(tx)
		givenUp, err = q.GiveUpCallbacks(ctx, gen.GiveUpCallbacksParams{Now: ms(time.Now()), Why: why, Target: target, Older: ms(older)})
		if err != nil {
			return err
		}
		return q.PutOffCallbacks(ctx, gen.PutOffCallbacksParams{Due: ms(due), Why: why, Target: target})
	})
	return givenUp, err
}

// NotCalledBack are the call-backs to one target that were tried and have not
// arrived.
type NotCalledBack struct {
	Target    string
	Callbacks int64
	GivenUp   int64     // of them
	Since     time.Time // when the oldest was made
	Why       string    // the last error, in our words
}

// NotCalledBack gives the targets to which call-backs made since a time have
// not arrived, given up or not.
func (s *Store) NotCalledBack(ctx context.Context, since time.Time) ([]NotCalledBack, error) {
	rows, err := s.queries().UndeliveredCallbacks(ctx, ms(since))
	if err != nil {
		return nil, Explain(fmt.Errorf("count call-backs that did not arrive: %w", err))
	}
	list := make([]NotCalledBack, len(rows))
	for i, r := range rows {
		list[i] = NotCalledBack{Target: r.Target, Callbacks: r.Callbacks, GivenUp: r.GivenUp, Since: at(r.Since), Why: r.LastError}
	}
	return list, nil
}

// PruneRequests forgets call-backs that are done with and were made, and
// requests that ended, before a time.
func (s *Store) PruneRequests(ctx context.Context, before time.Time) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		q := gen.New(tx)
		if err := q.PruneCallbacks(ctx, ms(before)); err != nil {
			return err
		}
		return q.PruneRequests(ctx, ms(before))
	})
}
