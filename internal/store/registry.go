package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A Registered is a part of the configuration as it is, or was, in force: that of
// one tenant, or what all tenants share.
type Registered struct {
	Tenant   string // empty: what all tenants share
	Revision int64  // of this part, from 1
	Frozen   bool   // the tenant is no longer configured
	Digest   string // SHA-256 of the text
	Text     string
	Fields   []string // for Apply: the names of the fields that changed, for the record
	Touches  []string // for Apply, of what all tenants share: those whose own registration, profile or sinks changed

	AppliedAt    time.Time
	AppliedBy    string
	SupersededAt time.Time // zero while it is in force
}

// InForce gives the parts of the configuration that are in force, the frozen
// ones among them: what all tenants share first, then tenant by tenant. It is
// empty before the first Apply.
func (s *Store) InForce(ctx context.Context) ([]Registered, error) {
	rows, err := s.queries().RegistryInForce(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("read what is in force: %w", err))
	}
	return partsOf(rows), nil
}

// Apply records that parts are in force now, all of them and no others: a part
// that has changed gets a new revision, and that of a tenant which is no
// longer there is frozen. Of the parts Tenant, Digest, Text, Fields and Touches
// count.
// It gives how many parts changed, and writes nothing when none did. Each
// change is put on record in the tenant's chain.
func (s *Store) Apply(ctx context.Context, parts []Registered, by string) (changed int, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		changed = 0
		q, now := gen.New(tx), ms(time.Now())
		rows, err := q.RegistryInForce(ctx)
		if err != nil {
			return fmt.Errorf("read what is in force: %w", err)
		}
		before := make(map[string]gen.Registry, len(rows))
		for _, r := range rows {
			before[r.TenantID] = r
		}
		put := func(r gen.InsertRegisteredParams, fields []string) error {
			changed++
			r.AppliedAt, r.AppliedBy = now, by
			if err := q.SupersedeRegistered(ctx, gen.SupersedeRegisteredParams{SupersededAt: now, TenantID: r.TenantID}); err != nil {
				return fmt.Errorf("supersede part %q: %w", r.TenantID, err)
			}
			if err := q.InsertRegistered(ctx, r); err != nil {
				return fmt.Errorf("record part %q: %w", r.TenantID, err)
			}
			return auditPart(ctx, q, r, fields)
		}
		for _, p := range parts {
			old := before[p.Tenant]
			delete(before, p.Tenant)
			if old.Digest == p.Digest && old.State == "active" {
				continue
			}
			if err := put(gen.InsertRegisteredParams{TenantID: p.Tenant, Revision: old.Revision + 1, State: "active", Digest: p.Digest, Text: p.Text}, p.Fields); err != nil {
				return err
			}
			if err := touchTenants(ctx, q, now, p.Touches); err != nil {
				return err
			}
		}
		for _, old := range before {
			if old.State == "frozen" || old.TenantID == "" {
				continue
			}
			if err := put(gen.InsertRegisteredParams{TenantID: old.TenantID, Revision: old.Revision + 1, State: "frozen", Digest: old.Digest, Text: old.Text}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return changed, err
}

// touchAtOnce is how many tenants one statement names.
const touchAtOnce = 500

func touchTenants(ctx context.Context, q *gen.Queries, now int64, tenants []string) error {
	for some := range slices.Chunk(tenants, touchAtOnce) {
		if err := q.TouchTenants(ctx, gen.TouchTenantsParams{Now: now, TenantIds: some}); err != nil {
			return fmt.Errorf("record whom a change touches: %w", err)
		}
	}
	return nil
}

// auditPart puts on record that a part has a new revision: what of it is the
// agreement's apart from the rest.
func auditPart(ctx context.Context, q *gen.Queries, r gen.InsertRegisteredParams, fields []string) error {
	var terms, others []string
	for _, name := range fields {
		if strings.HasPrefix(name, "agreement.") {
			terms = append(terms, name)
			continue
		}
		others = append(others, name)
	}
	put := func(action audit.Action, names []string) error {
		head, err := chainHead(ctx, q, r.TenantID)
		if err != nil {
			return err
		}
		facts := map[string]any{"revision": r.Revision, "state": r.State, "sha256": r.Digest}
		if len(names) > 0 {
			facts["fields"] = names
		}
		return putOnRecord(ctx, q, head, audit.Event{Action: action, Reason: r.AppliedBy, Facts: facts}, time.UnixMilli(r.AppliedAt))
	}
	if len(terms) > 0 {
		if err := put(audit.AgreementChanged, terms); err != nil {
			return err
		}
	}
	if hold := slices.DeleteFunc(slices.Clone(terms), func(f string) bool { return !strings.HasPrefix(f, "agreement.legal_hold.") }); len(hold) > 0 {
		if err := put(audit.LegalHold, hold); err != nil {
			return err
		}
	}
	if len(terms) > 0 && len(others) == 0 {
		return nil
	}
	return put(audit.ConfigChanged, others)
}

// Revisions gives what the tenant's part of the configuration was, newest
// first, at most limit.
func (s *Scope) Revisions(ctx context.Context, limit int) ([]Registered, error) {
	rows, err := s.store.queries().RegistryHistory(ctx, gen.RegistryHistoryParams{TenantID: s.tenant, Limit: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("read revisions: %w", err))
	}
	return partsOf(rows), nil
}

func partsOf(rows []gen.Registry) []Registered {
	parts := make([]Registered, len(rows))
	for i, r := range rows {
		parts[i] = Registered{
			Tenant: r.TenantID, Revision: r.Revision, Frozen: r.State == "frozen", Digest: r.Digest, Text: r.Text,
			AppliedAt: at(r.AppliedAt), AppliedBy: r.AppliedBy, SupersededAt: at(r.SupersededAt),
		}
	}
	return parts
}

// A Reload is a request to the bulkhead at work to take up the configuration.
type Reload struct {
	ID       int64
	Digest   string // of all parts, as they were shown to whoever asked
	By       string
	Answered bool
	Refusal  string // why it was not taken up; empty when it was, or while nobody answered
}

// AskReload leaves a request for the process that holds the ledger.
func (s *Store) AskReload(ctx context.Context, digest, by string) (id int64, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		id, err = gen.New(tx).AskReload(ctx, gen.AskReloadParams{Digest: digest, AskedAt: ms(time.Now()), AskedBy: by})
		return err
	})
	return id, err
}

// OpenReload gives the latest request that nobody answered; ok is false when
// there is none.
func (s *Store) OpenReload(ctx context.Context) (r Reload, ok bool, err error) {
	row, err := s.queries().OpenReload(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return reloadOf(row), err == nil, Explain(err)
}

// AnswerReload answers a request, and every one before it: with why it was
// refused, or with nothing.
func (s *Store) AnswerReload(ctx context.Context, id int64, refusal string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).AnswerReloads(ctx, gen.AnswerReloadsParams{Now: ms(time.Now()), Refusal: refusal, ReloadID: id})
	})
}

// Reload gives a request.
func (s *Store) Reload(ctx context.Context, id int64) (Reload, error) {
	row, err := s.queries().GetReload(ctx, id)
	return reloadOf(row), Explain(err)
}

func reloadOf(r gen.Reload) Reload {
	return Reload{ID: r.ReloadID, Digest: r.Digest, By: r.AskedBy, Answered: r.AnsweredAt > 0, Refusal: r.Refusal}
}
