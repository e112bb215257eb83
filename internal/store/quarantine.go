package store

import (
	"context"
	"encoding/json"
	"fmt"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// Refused is an output file that has lines in quarantine, and its export.
type Refused struct {
	Export Export
	File   File
}

// Refused gives the tenant's output files that have lines in quarantine, the
// oldest export first, in manifest order. Those of replays are not among them:
// what a replay refuses again is of the original file. Nor are those whose
// quarantine was destroyed.
func (s *Scope) Refused(ctx context.Context) ([]Refused, error) {
	rows, err := s.store.queries().ListRefused(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list refused lines: %w", err))
	}
	list := make([]Refused, len(rows))
	for i, r := range rows {
		if list[i].Export, err = exportOf(r.Export); err != nil {
			return nil, err
		}
		list[i].File = fileOf(r.OutputFile)
	}
	return list, nil
}

// Replays gives the ids of the replays of an export, the oldest first.
func (s *Scope) Replays(ctx context.Context, origin string) ([]string, error) {
	ids, err := s.store.queries().ListReplays(ctx, gen.ListReplaysParams{TenantID: s.tenant, Origin: origin})
	if err != nil {
		return nil, Explain(fmt.Errorf("list replays: %w", err))
	}
	return ids, nil
}

// Later gives the exports that sinks have, or may have, and whose content is
// of a later time than x's, the oldest first. A replay is of its origin's time.
func (s *Scope) Later(ctx context.Context, x Export) ([]Export, error) {
	rows, err := s.store.queries().LaterExports(ctx, gen.LaterExportsParams{TenantID: s.tenant, RequestedAt: ms(x.RequestedAt)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list later exports: %w", err))
	}
	return exportsOf(rows)
}

// Files gives the output files of an export in manifest order.
func (tx *Tx) Files(export string) ([]File, error) {
	rows, err := tx.q.ListFiles(tx.ctx, gen.ListFilesParams{TenantID: tx.tenant, ExportID: export})
	if err != nil {
		return nil, fmt.Errorf("list output files: %w", err)
	}
	return filesOf(rows), nil
}

// SetRemaining records what the file of a replay's origin keeps in quarantine.
func (tx *Tx) SetRemaining(x *Export, file string, remaining json.RawMessage) error {
	return tx.q.SetRemaining(tx.ctx, gen.SetRemainingParams{Remaining: string(remaining), TenantID: tx.tenant, ExportID: x.ID, File: file})
}

// A Settlement says what a replay changes about a file of its origin.
type Settlement struct {
	File    File            // as it was before
	Passed  int64           // lines that were in quarantine and now are delivered
	Summary json.RawMessage // of the file, as it is now
}

// Settle books what became of the refused lines of a file of the origin of a
// replay: lines that passed move from quarantined to delivered, so that the
// counts add up as before (I4), and the file's quarantine is now the replay's.
// It is ErrFenced when the file's quarantine is not what it was.
func (tx *Tx) Settle(replay *Export, s Settlement) error {
	return fenced(tx.q.SettleFile(tx.ctx, gen.SettleFileParams{
		Passed: s.Passed, QuarantineOf: replay.ID, Summary: string(s.Summary),
		TenantID: tx.tenant, ExportID: replay.Origin, File: s.File.Name, Quarantined: s.File.Quarantined,
	}))
}
