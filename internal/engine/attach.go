package engine

import (
	"fmt"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/attachment"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/ingest"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// feedAttach starts to store the documents of ingested files, where they are
// wanted, and reports how many files are in hand. It begins when every output
// file is in raw: those have links that lapse, and share the server's patience.
func (e *Engine) feedAttach(tx *store.Tx, x *store.Export) (int64, error) {
	t, err := e.config().Tenant(x.Tenant)
	if err != nil || !t.Attachments.Fetch || x.Purpose == store.Roster {
		return 0, nil // a practice that is no longer configured wants none, and no sink takes a roster
	}
	running, err := tx.OpenSteps(x, export.Attach)
	if err != nil {
		return 0, err
	}
	of := ""
	first, err := tx.Unattached(x, attachment.First)
	if err != nil {
		return 0, err
	}
	if first {
		of = attachment.First
	}
	due, err := afterWait(tx, x)
	if err != nil {
		return 0, err
	}
	for ; running < e.downloads(x); running++ {
		files, err := tx.FilesDue(x, of, export.UnitFiles)
		if err != nil || len(files) == 0 {
			return running, err
		}
		unit := together(files)
		if err := tx.AttachFiles(x, unit); err != nil {
			return 0, err
		}
		if err := tx.AddStep(x.ID, export.Attach, unit[0], due); err != nil {
			return 0, err
		}
	}
	return running, nil
}

// together gives the files of which a step has the documents in hand: one, or
// several small ones.
func together(files []store.WaitingFile) (unit []string) {
	total := int64(0)
	for _, f := range files {
		small := f.Bytes < export.SmallBytes
		if total += f.Bytes; len(unit) > 0 && (!small || total > export.UnitBytes) {
			break
		}
		unit = append(unit, f.Name)
		if !small {
			break
		}
	}
	return unit
}

// markDue notes which files of an ingested unit may hold documents: those of
// some types, and others of which a line was of one, as its rows show.
func markDue(tx *store.Tx, x *store.Export, unit string, o export.Staged) error {
	types, tables := export.Attachable()
	f, err := tx.File(x.ID, unit)
	if err != nil {
		return err
	}
	if slices.Contains(types, f.ResourceType) || slices.ContainsFunc(o.Tables, func(t ingest.TableParts) bool {
		return len(t.Parts) > 0 && slices.Contains(tables, t.Name)
	}) {
		return tx.MarkDue(x, unit)
	}
	return nil
}

// recordAttached records what became of the documents of files. Those that the
// step did not come to are due again.
func (e *Engine) recordAttached(tx *store.Tx, x *store.Export, l store.Lease, o export.Attached) error {
	for _, s := range o.Files {
		if err := tx.SetAttached(x, s.AttachedFile, table.Attachment.Name, s.Parts); err != nil {
			return err
		}
		if s.Found == 0 {
			continue
		}
		if err := tx.Note(x.ID, "engine", "attached", fmt.Sprintf("%s: %d of %d documents are in storage", s.File, s.Kept, s.Found)); err != nil {
			return err
		}
	}
	if err := tx.LeaveAttach(x, l.Subject); err != nil {
		return err
	}
	return e.feed(tx, x)
}
