package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A LogItem is one item of an export's event log.
type LogItem struct {
	ID     int64 // grows with the log
	At     time.Time
	Event  string
	Detail json.RawMessage
}

// Log adds an item to an export's event log. detail becomes its JSON: nothing
// of a patient, no secret and no query of a URL.
func (tx *Tx) Log(export, event string, detail any) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("write log item %s: %w", event, err)
	}
	return tx.q.InsertLogItem(tx.ctx, gen.InsertLogItemParams{
		TenantID: tx.tenant, ExportID: export, At: ms(tx.now), Event: event, Detail: string(text),
	})
}

// File reads one output file.
func (tx *Tx) File(export, name string) (File, error) {
	r, err := tx.q.GetFile(tx.ctx, gen.GetFileParams{TenantID: tx.tenant, ExportID: export, File: name})
	if err != nil {
		return File{}, fmt.Errorf("read output file %s: %w", name, err)
	}
	return fileOf(r), nil
}

// ManifestTotals are the files that the pages of a manifest list, in numbers.
type ManifestTotals struct {
	Pages, Output, Deleted, Error int64
	Resources                     int64 // lines of all files that hold something
	Bytes                         int64 // of NDJSON
}

// ManifestTotals adds up the export's output files.
func (tx *Tx) ManifestTotals(export string) (ManifestTotals, error) {
	r, err := tx.q.FilesOfManifest(tx.ctx, gen.FilesOfManifestParams{TenantID: tx.tenant, ExportID: export})
	return ManifestTotals(r), err
}

// Log reads an export's event log, in order.
func (s *Scope) Log(ctx context.Context, export string) ([]LogItem, error) {
	rows, err := s.store.queries().ListLogItems(ctx, gen.ListLogItemsParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("list log items: %w", err))
	}
	items := make([]LogItem, len(rows))
	for i, r := range rows {
		items[i] = LogItem{ID: r.ItemID, At: at(r.At), Event: r.Event, Detail: json.RawMessage(r.Detail)}
	}
	return items, nil
}

// SetLogWritten records that the log file of an export has its items up to
// the one with that id.
func (tx *Tx) SetLogWritten(export string, last int64) error {
	return tx.q.SetLogWritten(tx.ctx, gen.SetLogWrittenParams{TenantID: tx.tenant, ExportID: export, ItemID: last})
}

// A LogRef names an export whose log has items that are in no file yet.
type LogRef struct{ Tenant, Export string }

// UnwrittenLogs gives the settled exports whose log files lack items.
func (s *Store) UnwrittenLogs(ctx context.Context) ([]LogRef, error) {
	rows, err := s.queries().UnwrittenLogs(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list unwritten logs: %w", err))
	}
	refs := make([]LogRef, len(rows))
	for i, r := range rows {
		refs[i] = LogRef{r.TenantID, r.ExportID}
	}
	return refs, nil
}
