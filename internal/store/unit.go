package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A unit is the output files that one step has in hand: one large file, or
// several small ones of a kind. It has the name of its first file, which is the
// step's subject. An ingested file stays of the unit in which it was ingested,
// for that has the staged parts.

// Unit gives the files of a unit that are in a state, in manifest order.
func (s *Scope) Unit(ctx context.Context, export, unit, state string) ([]File, error) {
	rows, err := s.store.queries().ListUnit(ctx, gen.ListUnitParams{TenantID: s.tenant, ExportID: export, Unit: unit, State: state})
	if err != nil {
		return nil, Explain(fmt.Errorf("list the files of unit %s: %w", unit, err))
	}
	return filesOf(rows), nil
}

// Waiting are output files of one kind that wait in one state.
type Waiting struct {
	Files []WaitingFile // in manifest order
	Usual int64         // bytes of NDJSON that the export's last files of the kind have on average; -1 when there are none
}

// A WaitingFile is one of them.
type WaitingFile struct {
	Name  string
	Bytes int64 // of NDJSON; 0 before the file is in raw
	Alone bool  // a step must have it in hand by itself; see LeaveFiles
}

// Waiting gives the first file in a state, by manifest order, and those after
// it that are of the same section and type, at most limit together.
func (tx *Tx) Waiting(x *Export, state string, limit int64) (w Waiting, err error) {
	first, err := tx.q.FirstInState(tx.ctx, gen.FirstInStateParams{TenantID: tx.tenant, ExportID: x.ID, State: state})
	if errors.Is(err, sql.ErrNoRows) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	kind := gen.FilesOfKindParams{
		TenantID: tx.tenant, ExportID: x.ID, Section: first.Section, ResourceType: first.ResourceType, State: state, Limit: limit,
	}
	files, err := tx.q.FilesOfKind(tx.ctx, kind)
	if err != nil {
		return w, err
	}
	for _, f := range files {
		w.Files = append(w.Files, WaitingFile{f.File, f.Bytes, f.Alone != 0})
	}
	w.Usual, err = tx.usual(kind)
	return w, err
}

// lately is how many files in each state say what is usual.
const lately = 8

func (tx *Tx) usual(kind gen.FilesOfKindParams) (int64, error) {
	sum, n := int64(0), int64(0)
	for _, state := range []string{FileStored, FileIngesting, FileIngested} {
		sizes, err := tx.q.LastOfKind(tx.ctx, gen.LastOfKindParams{
			TenantID: kind.TenantID, ExportID: kind.ExportID, Section: kind.Section, ResourceType: kind.ResourceType, State: state, Limit: lately,
		})
		if err != nil {
			return 0, err
		}
		for _, size := range sizes {
			sum, n = sum+size, n+1
		}
	}
	if n == 0 {
		return -1, nil
	}
	return sum / n, nil
}

// StartFiles gives files to a step that is to bring them into raw. The first
// is its subject.
func (tx *Tx) StartFiles(x *Export, files []string) error {
	for _, file := range files {
		err := tx.q.StartFile(tx.ctx, gen.StartFileParams{Unit: files[0], StartedAt: ms(tx.now), TenantID: tx.tenant, ExportID: x.ID, File: file})
		if err != nil {
			return err
		}
	}
	return nil
}

// IngestFiles gives files that are in raw to a step that is to ingest them. The
// first is its subject.
func (tx *Tx) IngestFiles(x *Export, files []string) error {
	for _, file := range files {
		err := tx.q.IngestFile(tx.ctx, gen.IngestFileParams{Unit: files[0], TenantID: tx.tenant, ExportID: x.ID, File: file})
		if err != nil {
			return err
		}
	}
	return nil
}

// LeaveFiles takes back the files of a unit that are in a state, downloading or
// ingesting: they wait again; alone says that each is to be in hand by itself
// from now on, until it is ingested, because one of them may be what a step, or
// the process, ended of.
func (tx *Tx) LeaveFiles(x *Export, unit, state string, alone bool) error {
	back := FileListed
	if state == FileIngesting {
		back = FileStored
	}
	return tx.q.LeaveUnit(tx.ctx, gen.LeaveUnitParams{
		Back: back, Alone: flag(alone), TenantID: tx.tenant, ExportID: x.ID, Unit: unit, State: state,
	})
}

// SetServerErrors records how many errors the server reported in a file, and
// what of it did not come, in the place of what was counted for it before, and
// counts them with the export's.
func (tx *Tx) SetServerErrors(x *Export, file string, n int64) error {
	before, err := tx.q.FileErrors(tx.ctx, gen.FileErrorsParams{TenantID: tx.tenant, ExportID: x.ID, File: file})
	if err != nil || n == before {
		return err
	}
	if err := tx.q.SetFileErrors(tx.ctx, gen.SetFileErrorsParams{ServerErrors: n, TenantID: tx.tenant, ExportID: x.ID, File: file}); err != nil {
		return err
	}
	x.ServerErrors += n - before
	return tx.q.AddServerErrors(tx.ctx, gen.AddServerErrorsParams{ServerErrors: n - before, TenantID: tx.tenant, ExportID: x.ID})
}

// CountFilesIn counts the export's output files in a state. It looks at no
// others.
func (tx *Tx) CountFilesIn(x *Export, state string) (int64, error) {
	return tx.q.CountFilesInState(tx.ctx, gen.CountFilesInStateParams{TenantID: tx.tenant, ExportID: x.ID, State: state})
}

// SetFileState moves a file, which is no step's any more, to a state that has
// no facts of its own.
func (tx *Tx) SetFileState(x *Export, file, state string) error {
	return tx.q.SetFileState(tx.ctx, gen.SetFileStateParams{State: state, TenantID: tx.tenant, ExportID: x.ID, File: file})
}

// SetFileStored records that a file's bytes are verified and durable (I3).
func (tx *Tx) SetFileStored(x *Export, f File) error {
	return tx.q.SetFileStored(tx.ctx, gen.SetFileStoredParams{
		Bytes: f.Bytes, WireBytes: f.WireBytes, Sha256: f.SHA256, StoredAt: ms(tx.now),
		TenantID: tx.tenant, ExportID: x.ID, File: f.Name,
	})
}

// SetIngested records the lines of the files of a unit, which has the name of
// the first, and replaces the staged parts of all of them by the unit's.
func (tx *Tx) SetIngested(x *Export, files []File, parts []Part) error {
	unit := files[0].Name
	for _, f := range files {
		if err := tx.dropParts(x, f.Name); err != nil {
			return err
		}
		if err := tx.q.SetFileIngested(tx.ctx, gen.SetFileIngestedParams{
			Unit: unit, Lines: f.Lines, Blank: f.Blank, Delivered: f.Delivered, Quarantined: f.Quarantined, Summary: string(f.Summary),
			IngestedAt: ms(tx.now), TenantID: tx.tenant, ExportID: x.ID, File: f.Name,
		}); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if err := tx.q.InsertPart(tx.ctx, gen.InsertPartParams{
			TenantID: tx.tenant, ExportID: x.ID, File: unit, TableName: p.Table, PartKey: p.Key, RowCount: p.Rows,
		}); err != nil {
			return err
		}
	}
	return nil
}

// dropParts forgets the staged parts that have a file's name, and that its
// attachments are dealt with.
func (tx *Tx) dropParts(x *Export, file string) error {
	if err := tx.dropAttached(x, file); err != nil {
		return err
	}
	return tx.q.DropParts(tx.ctx, gen.DropPartsParams{TenantID: tx.tenant, ExportID: x.ID, File: file})
}

// Unstage takes all files of a file's unit back to raw, if it is ingested: the
// staged parts are of all of them.
func (tx *Tx) Unstage(x *Export, file string) error {
	f, err := tx.File(x.ID, file)
	if err != nil || f.State != FileIngested {
		return err
	}
	unit, err := tx.q.ListUnit(tx.ctx, gen.ListUnitParams{TenantID: tx.tenant, ExportID: x.ID, Unit: f.Unit, State: FileIngested})
	if err != nil {
		return err
	}
	for _, of := range unit {
		if err := tx.dropParts(x, of.File); err != nil {
			return err
		}
		if err := tx.SetFileState(x, of.File, FileStored); err != nil {
			return err
		}
	}
	return nil
}

// ReopenFiles takes back the files that failed or were on their way: to the
// server's list, or to raw; and those whose attachments were in hand.
func (tx *Tx) ReopenFiles(x *Export) error {
	if err := tx.q.ReopenAttach(tx.ctx, gen.ReopenAttachParams{TenantID: tx.tenant, ExportID: x.ID}); err != nil {
		return err
	}
	return tx.q.ReopenFiles(tx.ctx, gen.ReopenFilesParams{TenantID: tx.tenant, ExportID: x.ID})
}

// FilesByState counts the export's output files in each state.
func (tx *Tx) FilesByState(x *Export) (map[string]int64, error) {
	rows, err := tx.q.FileStates(tx.ctx, gen.FileStatesParams{TenantID: tx.tenant, ExportID: x.ID})
	counts := map[string]int64{}
	for _, r := range rows {
		counts[r.State] = r.Files
	}
	return counts, err
}
