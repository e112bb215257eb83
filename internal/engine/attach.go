package engine

import (
	"fmt"

	"github.com/bulkhead-fhir/bulkhead/internal/attachment"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
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
	types, tables := export.Attachable()
	first, err := tx.CountUnattached(x, attachment.First)
	if err != nil {
		return 0, err
	}
	if first > 0 {
		types, tables = []string{attachment.First}, nil
	}
	next, err := tx.FilesToAttach(x, types, tables, e.downloads(x)-running)
	if err != nil {
		return 0, err
	}
	due, err := afterWait(tx, x)
	if err != nil {
		return 0, err
	}
	for _, file := range next {
		if err := tx.AddStep(x.ID, export.Attach, file, due); err != nil {
			return 0, err
		}
	}
	return running + int64(len(next)), nil
}

// recordAttached records what became of a file's documents.
func (e *Engine) recordAttached(tx *store.Tx, x *store.Export, o export.Attached) error {
	s := o.Summary
	if err := tx.SetAttached(x, s.AttachedFile, table.Attachment.Name, s.Parts); err != nil {
		return err
	}
	if s.Found > 0 {
		if err := tx.Note(x.ID, "engine", "attached", fmt.Sprintf("%s: %d of %d documents are in storage", s.File, s.Kept, s.Found)); err != nil {
			return err
		}
	}
	return e.feed(tx, x)
}
