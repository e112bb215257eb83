package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// An Ending is the end of an agreement: from the moment it is seen to the
// certificate of what was destroyed.
type Ending struct {
	ID          int64
	Reference   string // of the agreement
	Document    string // SHA-256 of its signed text, or empty
	Rule        string // terminated or expired
	OverAt      time.Time
	SeenAt      time.Time
	ReturnedAt  time.Time // zero: nothing was handed back
	Returned    string    // SHA-256 of the manifest of what was
	BegunAt     time.Time // zero: nothing was destroyed because of it
	EndedAt     time.Time
	CalledOffAt time.Time
	Certificate []byte // JSON; nil before EndedAt
	SHA256      string // of the certificate
}

func endingOf(r gen.Ending) Ending {
	e := Ending{
		ID: r.EndingID, Reference: r.Reference, Document: r.Document, Rule: r.Rule, OverAt: at(r.OverAt), SeenAt: at(r.SeenAt),
		ReturnedAt: at(r.ReturnedAt), Returned: r.ReturnedSha256, BegunAt: at(r.BegunAt), EndedAt: at(r.EndedAt), CalledOffAt: at(r.CalledOffAt),
		SHA256: r.CertificateSha256,
	}
	if r.Certificate != "" {
		e.Certificate = []byte(r.Certificate)
	}
	return e
}

// Endings gives the ends of the tenant's agreements, the oldest first.
func (s *Scope) Endings(ctx context.Context) ([]Ending, error) {
	rows, err := s.store.queries().ListEndings(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list the ends of agreements: %w", err))
	}
	list := make([]Ending, len(rows))
	for i, r := range rows {
		list[i] = endingOf(r)
	}
	return list, nil
}

// OpenEnding gives the end of an agreement that is on its way; ok is false when
// there is none.
func (tx *Tx) OpenEnding() (e Ending, ok bool, err error) {
	r, err := tx.q.OpenEnding(tx.ctx, tx.tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return e, false, nil
	}
	return endingOf(r), err == nil, err
}

// SeeEnding records that an agreement is over, unless that is recorded, and
// gives the ending.
func (tx *Tx) SeeEnding(e Ending) (Ending, error) {
	if open, ok, err := tx.OpenEnding(); ok || err != nil {
		return open, err
	}
	id, err := tx.q.InsertEnding(tx.ctx, gen.InsertEndingParams{
		TenantID: tx.tenant, Reference: e.Reference, Document: e.Document, Rule: e.Rule, OverAt: ms(e.OverAt), SeenAt: ms(tx.now),
	})
	e.ID, e.SeenAt = id, at(ms(tx.now))
	return e, err
}

// CallOff records that the agreement stands again before anything was
// destroyed; it is ErrFenced when something was.
func (tx *Tx) CallOff(e Ending) error {
	return fenced(tx.q.CallOffEnding(tx.ctx, gen.CallOffEndingParams{CalledOffAt: ms(tx.now), TenantID: tx.tenant, EndingID: e.ID}))
}

// SetReturned records that what there was is handed back; it is ErrFenced when
// everything is destroyed.
func (tx *Tx) SetReturned(e Ending, manifest string) error {
	return fenced(tx.q.SetReturned(tx.ctx, gen.SetReturnedParams{ReturnedAt: ms(tx.now), ReturnedSha256: manifest, TenantID: tx.tenant, EndingID: e.ID}))
}

// BeginEnding records that from here on things are destroyed; began is false
// when it was recorded before.
func (tx *Tx) BeginEnding(e Ending) (began bool, err error) {
	n, err := tx.q.BeginEnding(tx.ctx, gen.BeginEndingParams{BegunAt: ms(tx.now), TenantID: tx.tenant, EndingID: e.ID})
	return n > 0, err
}

// EndEnding records the certificate of what was destroyed; it is ErrFenced when
// there is one.
func (tx *Tx) EndEnding(e Ending, certificate []byte, sum string) error {
	return fenced(tx.q.EndEnding(tx.ctx, gen.EndEndingParams{
		EndedAt: ms(tx.now), Certificate: string(certificate), CertificateSha256: sum, TenantID: tx.tenant, EndingID: e.ID,
	}))
}

// AuditHead gives the end of the tenant's chain within the transaction.
func (tx *Tx) AuditHead() (audit.Head, error) { return chainHead(tx.ctx, tx.q, tx.tenant) }
