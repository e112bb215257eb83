package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// An AuditSearch says which rows of the record are looked for.
type AuditSearch struct {
	Tenants      []string // in whose chains; nil: in all
	Actor        string   // empty: anybody
	Action       audit.Action
	Since, Until time.Time // from when, and up to but not at; zero: no bound
	Below        int64     // a cursor that the search before gave; 0: from the end
	Looked       int64     // how many rows are looked at
}

// Found is what a search came to.
type Found struct {
	Entries []audit.Entry // newest first, at most 200
	Below   int64         // the cursor with which to look further back; 0: there is nothing more
	Back    time.Time     // everything after it was looked at
}

// auditPage is how many rows a search gives at most: the LIMIT of its queries.
const auditPage = 200

// AuditSearch looks for rows of the record from its end backwards. However long
// the record is, it looks at s.Looked rows at most; those that are older are
// found by looking further back.
func (s *Store) AuditSearch(ctx context.Context, a AuditSearch) (f Found, err error) {
	one := ""
	if len(a.Tenants) == 1 {
		one = a.Tenants[0]
	}
	look := auditLook{ctx: ctx, q: s.queries(), tenant: one, chain: len(a.Tenants) == 1}
	if a.Below == 0 {
		if a.Below, err = look.seek(a.Until); err != nil {
			return f, err
		}
	}
	rows, err := look.rows(a)
	if err != nil {
		return f, Explain(fmt.Errorf("search the record: %w", err))
	}
	for _, r := range rows {
		f.Entries = append(f.Entries, entryOf(r))
	}
	next := a.Below - a.Looked
	if len(rows) == auditPage {
		next = look.number(rows[len(rows)-1])
	}
	return f, look.end(&f, a.Since, next)
}

// auditLook reads one chain, or all of them together: rows are numbered by
// their place in the chain, or in the ledger.
type auditLook struct {
	ctx    context.Context
	q      *gen.Queries
	chain  bool
	tenant string // of the chain
}

func (l auditLook) number(r gen.Audit) int64 {
	if l.chain {
		return r.Seq
	}
	return r.AuditID
}

func (l auditLook) rows(a AuditSearch) ([]gen.Audit, error) {
	act, since := string(a.Action), ms(a.Since)
	switch {
	case l.chain:
		return l.q.AuditOfTenant(l.ctx, gen.AuditOfTenantParams{TenantID: l.tenant, Below: a.Below, Looked: a.Looked, Actor: a.Actor, Act: act, Since: since})
	case a.Tenants != nil:
		return l.q.AuditOfSome(l.ctx, gen.AuditOfSomeParams{Below: a.Below, Looked: a.Looked, Actor: a.Actor, Act: act, Since: since, TenantIds: a.Tenants})
	}
	return l.q.AuditOfAll(l.ctx, gen.AuditOfAllParams{Below: a.Below, Looked: a.Looked, Actor: a.Actor, Act: act, Since: since})
}

// at gives the number and the time of the last row up to a number; 0 when
// there is none.
func (l auditLook) at(number int64) (int64, time.Time, error) {
	if l.chain {
		r, err := l.q.AuditRowOfTenantAt(l.ctx, gen.AuditRowOfTenantAtParams{TenantID: l.tenant, Seq: number})
		return r.Seq, at(r.At), orNone(err)
	}
	r, err := l.q.AuditRowAt(l.ctx, number)
	return r.AuditID, at(r.At), orNone(err)
}

func orNone(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return Explain(err)
}

// seek gives the number below which rows are of before a time. Rows stand in
// the order of their times, but for clocks that were set back.
func (l auditLook) seek(until time.Time) (int64, error) {
	last, _, err := l.at(math.MaxInt64)
	if err != nil || until.IsZero() {
		return last + 1, err
	}
	low, high := int64(0), last+1 // rows below low are of before, those from high on are not
	for low < high {
		middle := low + (high-low)/2
		number, when, err := l.at(middle)
		switch {
		case err != nil:
			return 0, err
		case number == 0 || when.Before(until):
			low = middle + 1
		default:
			high = number
		}
	}
	return low, nil
}

// end says how far back was looked, and whether there is more.
func (l auditLook) end(f *Found, since time.Time, next int64) error {
	number, when, err := l.at(next - 1)
	if err != nil || number == 0 || !since.IsZero() && when.Before(since) {
		return err
	}
	f.Below, f.Back = next, when
	return nil
}

// A Chain is how one chain of the record stands.
type Chain struct {
	Tenant             string // audit.House: the house's
	Rows, AnchoredRows int64
	AnchoredAt         time.Time // when its end was last kept outside the ledger
	Reviewed, Verified LookOver
	Whole              bool // what the last verification found
}

// A LookOver is somebody's look at a whole chain.
type LookOver struct {
	By   string // empty: nobody has
	At   time.Time
	UpTo int64 // the last row that was looked at
}

// AuditStandings gives how every chain stands, the house's first.
func (s *Store) AuditStandings(ctx context.Context) ([]Chain, error) {
	ends, err := s.queries().AuditEnds(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("read the ends of the record: %w", err))
	}
	looked, err := s.queries().LastReviews(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("read who looked the record over: %w", err))
	}
	chains, place := make([]Chain, len(ends)), make(map[string]*Chain, len(ends))
	for i, e := range ends {
		chains[i] = Chain{Tenant: e.TenantID, Rows: e.Seq, AnchoredRows: e.AnchoredSeq, AnchoredAt: at(e.AnchoredAt)}
		place[e.TenantID] = &chains[i]
	}
	for _, r := range looked {
		c, ok := place[r.TenantID]
		if !ok {
			continue
		}
		o := LookOver{By: r.Actor, At: at(r.At), UpTo: upTo(r.Facts)}
		if audit.Action(r.Action) == audit.RecordSigned {
			c.Reviewed = o
			continue
		}
		c.Verified, c.Whole = o, r.Outcome == audit.Done
	}
	return chains, nil
}

// upTo reads the row up to which a chain was looked over.
func upTo(facts string) int64 {
	var f struct {
		UpTo int64 `json:"up_to"`
	}
	if json.Unmarshal([]byte(facts), &f) != nil {
		return 0
	}
	return f.UpTo
}
