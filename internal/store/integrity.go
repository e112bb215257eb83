package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// Faults says what is wrong with the ledger as a database: pages and indexes
// that contradict each other, and rows that refer to none.
func (s *Store) Faults(ctx context.Context) ([]string, error) {
	faults, err := faultsOf(ctx, s.read)
	return faults, Explain(err)
}

func faultsOf(ctx context.Context, db *sql.DB) (faults []string, err error) {
	said, err := texts(ctx, db, `PRAGMA integrity_check(20)`)
	if err != nil {
		return nil, fmt.Errorf("check the ledger: %w", err)
	}
	for _, s := range said {
		if s != "ok" {
			faults = append(faults, s)
		}
	}
	err = eachRow(ctx, db, `SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2`, func(scan func(...any) error) error {
		var table, parent string
		var n int64
		err := scan(&table, &parent, &n)
		faults = append(faults, fmt.Sprintf("%d rows of %s refer to rows of %s that are not there", n, table, parent))
		return err
	})
	return faults, err
}

// AllExports gives every export of the tenant, the oldest first.
func (s *Scope) AllExports(ctx context.Context) ([]Export, error) {
	rows, err := s.store.queries().AllExports(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list exports: %w", err))
	}
	return exportsOf(rows)
}

// A FilePart is a staged part and the output file that gave it.
type FilePart struct {
	File string
	Part
}

// FileParts gives the staged parts of an export, by output file.
func (s *Scope) FileParts(ctx context.Context, export string) (map[string][]Part, error) {
	rows, err := s.store.queries().FileParts(ctx, gen.FilePartsParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("list staged parts: %w", err))
	}
	parts := map[string][]Part{}
	for _, r := range rows {
		parts[r.File] = append(parts[r.File], Part{Table: r.TableName, Key: r.PartKey, Rows: r.RowCount})
	}
	return parts, nil
}

// Watermarks gives the tenant's watermarks by stream.
func (s *Scope) Watermarks(ctx context.Context) (map[string]Watermark, error) {
	rows, err := s.store.queries().ListWatermarks(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list watermarks: %w", err))
	}
	marks := map[string]Watermark{}
	for _, r := range rows {
		marks[r.Stream], _, _ = watermarkOf(r, nil)
	}
	return marks, nil
}

// KeptAttachments gives the tenant's documents that were fetched and are in
// storage: only Identity, Export, Size, SHA256 and Location are set.
func (s *Scope) KeptAttachments(ctx context.Context) ([]Fetched, error) {
	rows, err := s.store.queries().KeptAttachments(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list attachments: %w", err))
	}
	kept := make([]Fetched, len(rows))
	for i, r := range rows {
		kept[i] = Fetched{Identity: r.Identity, Export: r.ExportID, Size: r.Size, SHA256: r.Sha256, Location: r.Location}
	}
	return kept, nil
}

// WrittenLogs gives the exports of the tenant whose event logs are in files.
func (s *Scope) WrittenLogs(ctx context.Context) ([]string, error) {
	ids, err := s.store.queries().WrittenLogs(ctx, s.tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("list written logs: %w", err))
	}
	return ids, nil
}

// An OpenStep is a step that is not done, as a check sees it.
type OpenStep struct {
	Lease
	Running     bool
	Owner       string // who has its lease, when it is running: process id and a word
	HeartbeatAt time.Time
	Executed    bool // the executor knows it
}

// AllOpenSteps gives the steps of all tenants that are not done.
func (s *Store) AllOpenSteps(ctx context.Context) ([]OpenStep, error) {
	rows, err := s.queries().AllOpenSteps(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list open steps: %w", err))
	}
	known := map[int64]bool{}
	err = eachRow(ctx, s.read, `SELECT DISTINCT json_extract(args, '$.step') FROM river_job
		WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled') AND json_extract(args, '$.step') IS NOT NULL`,
		func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			known[id] = true
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("list the executor's rows: %w", err)
	}
	steps := make([]OpenStep, len(rows))
	for i, r := range rows {
		steps[i] = OpenStep{
			Lease: Lease{
				StepRef: StepRef{ID: r.StepID, Tenant: r.TenantID, Export: r.ExportID, Kind: r.Kind, Due: at(r.DueAt)},
				Subject: r.Subject, Epoch: r.Epoch, Attempt: r.Attempt,
			},
			Running: r.State == "running", Owner: r.Owner, HeartbeatAt: at(r.HeartbeatAt), Executed: known[r.StepID],
		}
	}
	return steps, nil
}

// Hand gives an open step to the executor again, which does not know it.
func (tx *Tx) Hand(l Lease) { tx.steps = append(tx.steps, l.StepRef) }

// DropDeadSteps removes the open steps of an export that is over; those of the
// kind release stay.
func (tx *Tx) DropDeadSteps(export, release string) (int64, error) {
	return tx.q.DropDeadSteps(tx.ctx, gen.DropDeadStepsParams{TenantID: tx.tenant, ExportID: export, Release: release})
}

// UnwriteLog records that an export's event log is in no file.
func (tx *Tx) UnwriteLog(export string) error {
	return tx.q.UnwriteLog(tx.ctx, gen.UnwriteLogParams{TenantID: tx.tenant, ExportID: export})
}

// SetFailedIn changes the state in which a failed export is taken up again.
func (tx *Tx) SetFailedIn(x *Export, state string) error {
	return tx.q.SetFailedIn(tx.ctx, gen.SetFailedInParams{FailedIn: state, TenantID: tx.tenant, ExportID: x.ID})
}

// OpenStepsOf counts the open steps of an export, of any kind.
func (tx *Tx) OpenStepsOf(x *Export) (n int64, err error) {
	err = tx.sql.QueryRowContext(tx.ctx, `SELECT count(*) FROM step WHERE tenant_id = ? AND export_id = ? AND state <> 'done'`, tx.tenant, x.ID).Scan(&n)
	return n, err
}

// Strangers gives the tenants of whom the ledger has rows and whom it does not
// know.
func (s *Store) Strangers(ctx context.Context) ([]string, error) {
	list, err := texts(ctx, s.read, `SELECT DISTINCT tenant_id FROM (SELECT tenant_id FROM export UNION SELECT tenant_id FROM output_file
		UNION SELECT tenant_id FROM step UNION SELECT tenant_id FROM watermark UNION SELECT tenant_id FROM publication)
		WHERE tenant_id NOT IN (SELECT tenant_id FROM tenant) ORDER BY 1`)
	return list, Explain(err)
}
