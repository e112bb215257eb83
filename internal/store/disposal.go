package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A Disposal says that something of a tenant is destroyed, or being destroyed:
// the area of an export, or something of the whole tenant.
type Disposal struct {
	Export  string // empty: of the tenant
	Area    string // raw, staged, quarantine, attachments, history; of the tenant also ledger, key, or "sink/" and its name
	Ending  int64  // the end of an agreement of which it is a part; 0 for what its own clock took
	Rule    string
	BegunAt time.Time
	EndedAt time.Time // zero while it is on its way
	Files   int64     // or rows
	Bytes   int64
	Listing json.RawMessage // each file or table that was there, of what an ending took
}

// Left gives the tenant's exports of which one of these areas may be left, the
// oldest first.
func (s *Scope) Left(ctx context.Context, areas []string) ([]Export, error) {
	rows, err := s.store.queries().ExportsLeft(ctx, gen.ExportsLeftParams{TenantID: s.tenant, Areas: areas, Of: int64(len(areas))})
	if err != nil {
		return nil, Explain(fmt.Errorf("list exports: %w", err))
	}
	return exportsOf(rows)
}

// LatestAsked gives when the tenant's last export was requested that can have
// brought something, or the zero time: one that was refused before its kick-off
// has not.
func (s *Scope) LatestAsked(ctx context.Context) (time.Time, error) {
	t, err := s.store.queries().LatestAsked(ctx, s.tenant)
	return at(t), Explain(err)
}

// Disposals gives what of the tenant was destroyed, in order, with its
// listings.
func (s *Scope) Disposals(ctx context.Context) ([]Disposal, error) {
	rows, err := s.store.queries().ListDisposals(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list what was destroyed: %w", err))
	}
	list := make([]Disposal, len(rows))
	for i, r := range rows {
		list[i] = Disposal{
			Export: r.ExportID, Area: r.Area, Ending: r.EndingID, Rule: r.Rule, BegunAt: at(r.BegunAt), EndedAt: at(r.EndedAt),
			Files: r.Files, Bytes: r.Bytes, Listing: json.RawMessage(r.Listing),
		}
	}
	return list, nil
}

// Marks are a tenant's disposals without their sizes and listings.
type Marks []Disposal

// Of gives the disposal of an area of an export, the latest; ok is false while
// it is all there. One that has begun counts: nothing of it can be relied on.
func (m Marks) Of(export, area string) (d Disposal, ok bool) {
	for _, mark := range m {
		if mark.Export == export && mark.Area == area {
			d, ok = mark, true
		}
	}
	return d, ok
}

// Marks gives what of the tenant was destroyed, in order.
func (s *Scope) Marks(ctx context.Context) (Marks, error) {
	rows, err := s.store.queries().DisposalMarks(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list what was destroyed: %w", err))
	}
	list := make(Marks, len(rows))
	for i, r := range rows {
		list[i] = Disposal{Export: r.ExportID, Area: r.Area, Ending: r.EndingID, Rule: r.Rule, BegunAt: at(r.BegunAt), EndedAt: at(r.EndedAt)}
	}
	return list, nil
}

// Disposed gives when areas of an export began to be destroyed, by area.
func (tx *Tx) Disposed(export string) (map[string]time.Time, error) {
	rows, err := tx.q.DisposalMarksOf(tx.ctx, gen.DisposalMarksOfParams{TenantID: tx.tenant, ExportID: export})
	if err != nil {
		return nil, fmt.Errorf("list what was destroyed: %w", err)
	}
	of := map[string]time.Time{}
	for _, r := range rows {
		of[r.Area] = at(r.BegunAt)
	}
	return of, nil
}

// Disposed is Tx.Disposed outside of a transaction.
func (s *Scope) Disposed(ctx context.Context, export string) (map[string]time.Time, error) {
	tx := &Tx{ctx: ctx, q: s.store.queries(), tenant: s.tenant}
	of, err := tx.Disposed(export)
	return of, Explain(err)
}

// OpenReplays counts the tenant's replays that have not ended.
func (tx *Tx) OpenReplays() (int64, error) { return tx.q.OpenReplays(tx.ctx, tx.tenant) }

// OpenExportsOfTenant counts the tenant's exports that have not ended, at all
// of its endpoints.
func (tx *Tx) OpenExportsOfTenant() (int64, error) { return tx.q.OpenExportsOf(tx.ctx, tx.tenant) }

// BeginDisposal records what is about to be destroyed, before it is. began is
// false when it was recorded before: then it goes on.
func (tx *Tx) BeginDisposal(d Disposal) (began bool, err error) {
	n, err := tx.q.BeginDisposal(tx.ctx, gen.BeginDisposalParams{
		TenantID: tx.tenant, ExportID: d.Export, Area: d.Area, EndingID: d.Ending, Rule: d.Rule, BegunAt: ms(tx.now),
		Files: d.Files, Bytes: d.Bytes, Listing: string(d.Listing),
	})
	return n > 0, err
}

// EndDisposal records that nothing of it is left, and puts it on record if there
// was anything; ended is false when that was done before.
func (tx *Tx) EndDisposal(d Disposal) (ended bool, err error) {
	n, err := tx.q.EndDisposal(tx.ctx, gen.EndDisposalParams{EndedAt: ms(tx.now), TenantID: tx.tenant, ExportID: d.Export, Area: d.Area, EndingID: d.Ending})
	if err != nil || n == 0 || d.Files == 0 {
		return n > 0, err
	}
	return true, tx.Audit(audit.Event{
		Action: audit.Disposed, Export: d.Export, Object: d.Area, Rule: d.Rule, Facts: map[string]any{"files": d.Files, "bytes": d.Bytes},
	})
}

// DropAttachmentsOf forgets the documents that an export left in storage, so
// that nobody looks for them there.
func (tx *Tx) DropAttachmentsOf(export string) (int64, error) {
	return tx.q.DropAttachmentsAt(tx.ctx, gen.DropAttachmentsAtParams{TenantID: tx.tenant, Prefix: "attachments/" + tx.tenant + "/" + export + "/"})
}

// HistoryOf counts the rows of an export's timeline and of its event log.
func (s *Scope) HistoryOf(ctx context.Context, export string) (events, items int64, err error) {
	r, err := s.store.queries().CountHistory(ctx, gen.CountHistoryParams{TenantID: s.tenant, ExportID: export})
	return r.Events, r.Items, Explain(err)
}

// DropHistory forgets at most that many rows of an export's timeline and of its
// event log each, and when none is left of them its pages, its steps that are
// done, what its documents came to and which patients its request named. more is
// true while there are others.
func (tx *Tx) DropHistory(export string, most int64) (more bool, err error) {
	events, err := tx.q.DropEvents(tx.ctx, gen.DropEventsParams{TenantID: tx.tenant, ExportID: export, Limit: most})
	if err != nil {
		return false, err
	}
	items, err := tx.q.DropLogItems(tx.ctx, gen.DropLogItemsParams{TenantID: tx.tenant, ExportID: export, Limit: most})
	if err != nil || events == most || items == most {
		return true, err
	}
	_, named := tx.sql.ExecContext(tx.ctx, `UPDATE export SET parameters = json_set(parameters, '$.patients', json_array(''))
		WHERE tenant_id = ? AND export_id = ? AND json_array_length(parameters, '$.patients') > 0`, tx.tenant, export)
	_, pages := tx.q.DropPages(tx.ctx, gen.DropPagesParams{TenantID: tx.tenant, ExportID: export})
	_, steps := tx.q.DropDoneSteps(tx.ctx, gen.DropDoneStepsParams{TenantID: tx.tenant, ExportID: export})
	_, files := tx.q.DropAttachmentFiles(tx.ctx, gen.DropAttachmentFilesParams{TenantID: tx.tenant, ExportID: export})
	_, budget := tx.q.DropAttachmentBudget(tx.ctx, gen.DropAttachmentBudgetParams{TenantID: tx.tenant, ExportID: export})
	return false, errors.Join(named, pages, steps, files, budget)
}

// Forget removes what the ledger itself has of a tenant's patients, and what
// leads back to their records: who is in a group, documents, watermarks, URLs,
// parameters of requests. What the exports were, their counts, hashes and
// receipts stay. It gives how many rows went or were emptied, by table. Freed
// pages of the database are overwritten.
func (tx *Tx) Forget() (rows map[string]int64, err error) {
	if _, err := tx.sql.ExecContext(tx.ctx, `PRAGMA secure_delete = ON`); err != nil {
		return nil, fmt.Errorf("overwrite freed pages: %w", err)
	}
	rows = map[string]int64{}
	for _, of := range []struct {
		table  string
		forget func(context.Context, string) (int64, error)
	}{
		{"member", tx.q.DropMembers},
		{"attachment", tx.q.DropAttachments},
		{"attachment_pending", tx.q.DropPendingAttachments},
		{"watermark", tx.q.DropWatermarks},
		{"group_list", tx.q.DropGroupLists},
		{"export", tx.q.ForgetParameters},
		{"output_file", tx.q.ForgetURLs},
	} {
		n, err := of.forget(tx.ctx, tx.tenant)
		if err != nil {
			return nil, fmt.Errorf("forget rows of %s: %w", of.table, err)
		}
		if n > 0 {
			rows[of.table] = n
		}
	}
	return rows, nil
}

// DropDeparted forgets the patients who left a group at that time or before, and
// puts it on record if there were any. It gives how many.
func (tx *Tx) DropDeparted(at time.Time, rule string) (int64, error) {
	n, err := tx.q.DropDeparted(tx.ctx, gen.DropDepartedParams{TenantID: tx.tenant, LeftAt: ms(at)})
	if err != nil || n == 0 {
		return n, err
	}
	return n, tx.Audit(audit.Event{Action: audit.Disposed, Object: "departed", Rule: rule, Facts: map[string]any{"rows": n}})
}

// Truncate moves what is in the write-ahead log into the ledger and empties the
// log, so that nothing that was forgotten is left in it. While somebody else
// reads, it does what it can.
func (s *Store) Truncate(ctx context.Context) error {
	var busy, log, moved int64
	err := s.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved)
	_, usual := s.write.ExecContext(ctx, `PRAGMA secure_delete = OFF`) // Forget has set it
	return Explain(errors.Join(err, usual))
}
