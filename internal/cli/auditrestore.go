package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// recordRestore puts on record, in every chain, that the ledger was replaced
// by a copy, and how many rows of the record are lost with that as far as its
// anchors know. The anchors then say from where on the chains go another way.
func recordRestore(ctx context.Context, ledger string, r store.Restored) (err error) {
	path := store.AnchorsOf(ledger)
	anchors, _, err := audit.ReadAnchors(path)
	if err != nil {
		return err
	}
	s, err := joinLedger(ctx, ledger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.EndAllSessions(ctx); err != nil {
		return err
	}
	chains, err := s.AuditChains(ctx)
	if err != nil {
		return err
	}
	known := map[string]int64{}
	for _, a := range anchors {
		known[a.Tenant] = max(known[a.Tenant], a.Seq)
		chains = append(chains, a.Tenant)
	}
	chains = append(chains, audit.House)
	slices.Sort(chains)
	var ends []audit.Anchor
	for _, chain := range slices.Compact(chains) {
		end, _, err := s.In(chain).AuditHead(ctx)
		if err != nil {
			return err
		}
		end.Tenant = chain
		ends = append(ends, audit.Anchor{Time: audit.Instant(time.Now()), Head: end, Restored: true})
	}
	if err := audit.Append(path, ends); err != nil { // first: rows that follow may not meet the old anchors
		return err
	}
	for _, end := range ends {
		facts := map[string]any{"made_at": audit.Instant(r.MadeAt), "sha256": r.SHA256, "rows_kept": end.Seq}
		if lost := known[end.Tenant] - end.Seq; lost > 0 {
			facts["rows_lost_at_least"] = lost
		}
		if err := s.Record(ctx, audit.Event{Action: audit.LedgerRestored, Facts: facts}, end.Tenant); err != nil {
			return err
		}
	}
	return s.Anchors(path).Flush(ctx)
}
