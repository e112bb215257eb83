package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A Fetched is what became of one document that a resource points to.
type Fetched struct {
	Identity    string // a digest of what resources say of it
	Export      string // the export that asked for it last
	Outcome     string
	Reason      string // in our words; empty when it is stored
	ContentType string
	Size        int64
	SHA1        string // as hex, like SHA256; empty when it is not stored
	SHA256      string
	Location    string    // a key of the store of files
	AsOf        time.Time // the server's time of that export, or the zero time
}

// A Spending is what an export has spent on attachments.
type Spending struct{ Requests, Bytes int64 }

// An AttachedFile says what became of the attachments of one output file.
type AttachedFile struct {
	File     string
	Found    int64
	Kept     int64 // in storage, by this export or an earlier one
	Bytes    int64 // of those kept
	Outcomes map[string]int64
	Pending  []string // digests of the keys of resources that lack a document; written only
}

// Fetched gives what became of a document when it was last asked for; ok is
// false when it never was.
func (s *Scope) Fetched(ctx context.Context, identity string) (f Fetched, ok bool, err error) {
	r, err := s.store.queries().GetAttachment(ctx, gen.GetAttachmentParams{TenantID: s.tenant, Identity: identity})
	if errors.Is(err, sql.ErrNoRows) {
		return f, false, nil
	}
	if err != nil {
		return f, false, Explain(fmt.Errorf("read attachment: %w", err))
	}
	return Fetched{
		Identity: r.Identity, Export: r.ExportID, Outcome: r.Outcome, Reason: r.Reason, ContentType: r.ContentType,
		Size: r.Size, SHA1: r.Sha1, SHA256: r.Sha256, Location: r.Location, AsOf: at(r.AsOf),
	}, true, nil
}

// SetFetched records what became of documents, in place of what did before.
func (tx *Tx) SetFetched(f Fetched) error {
	return tx.q.PutAttachment(tx.ctx, gen.PutAttachmentParams{
		TenantID: tx.tenant, Identity: f.Identity, ExportID: f.Export, Outcome: f.Outcome, Reason: f.Reason,
		ContentType: f.ContentType, Size: f.Size, Sha1: f.SHA1, Sha256: f.SHA256, Location: f.Location, AsOf: ms(f.AsOf),
	})
}

// AttachmentSpending gives what an export has spent on attachments.
func (tx *Tx) AttachmentSpending(export string) (Spending, error) {
	r, err := tx.q.AttachmentSpending(tx.ctx, gen.AttachmentSpendingParams{TenantID: tx.tenant, ExportID: export})
	if errors.Is(err, sql.ErrNoRows) {
		return Spending{}, nil
	}
	return Spending{r.Requests, r.Bytes}, err
}

// AttachmentSpending gives what an export has spent on attachments.
func (s *Scope) AttachmentSpending(ctx context.Context, export string) (Spending, error) {
	r, err := s.store.queries().AttachmentSpending(ctx, gen.AttachmentSpendingParams{TenantID: s.tenant, ExportID: export})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Spending{}, Explain(fmt.Errorf("read what was spent on attachments: %w", err))
	}
	return Spending{r.Requests, r.Bytes}, nil
}

// SpendOnAttachments adds to what an export has spent.
func (tx *Tx) SpendOnAttachments(export string, s Spending) error {
	return tx.q.SpendOnAttachments(tx.ctx, gen.SpendOnAttachmentsParams{
		TenantID: tx.tenant, ExportID: export, Requests: s.Requests, Bytes: s.Bytes,
	})
}

// FilesDue gives ingested output files whose attachments nobody has dealt with
// or deals with, in manifest order and of one type, at most limit; of the given
// type, or of any with "".
func (tx *Tx) FilesDue(x *Export, resourceType string, limit int64) (files []WaitingFile, err error) {
	var rows []gen.FilesDueRow
	if resourceType == "" {
		rows, err = tx.q.FilesDue(tx.ctx, gen.FilesDueParams{TenantID: tx.tenant, ExportID: x.ID, Limit: limit})
	} else {
		var of []gen.FilesDueOfRow
		of, err = tx.q.FilesDueOf(tx.ctx, gen.FilesDueOfParams{TenantID: tx.tenant, ExportID: x.ID, ResourceType: resourceType, Limit: limit})
		for _, r := range of {
			rows = append(rows, gen.FilesDueRow(r))
		}
	}
	for _, r := range rows {
		if r.ResourceType == rows[0].ResourceType {
			files = append(files, WaitingFile{Name: r.File, Bytes: r.Bytes})
		}
	}
	return files, err
}

// Unattached reports whether there are output files of a type whose attachments
// are not dealt with, or that are not ingested yet.
func (tx *Tx) Unattached(x *Export, resourceType string) (bool, error) {
	n, err := tx.q.Unattached(tx.ctx, gen.UnattachedParams{TenantID: tx.tenant, ExportID: x.ID, ResourceType: resourceType})
	return n != 0, err
}

// MarkDue says that the ingested files of a unit may hold attachments.
func (tx *Tx) MarkDue(x *Export, unit string) error {
	return tx.q.MarkDue(tx.ctx, gen.MarkDueParams{TenantID: tx.tenant, ExportID: x.ID, Unit: unit})
}

// AttachFiles gives files to a step that is to deal with their attachments. The
// first is its subject.
func (tx *Tx) AttachFiles(x *Export, files []string) error {
	for _, file := range files {
		if err := tx.q.SetAttach(tx.ctx, gen.SetAttachParams{Attach: files[0], TenantID: tx.tenant, ExportID: x.ID, File: file}); err != nil {
			return err
		}
	}
	return nil
}

// LeaveAttach takes back the files that the step of a subject has not dealt
// with.
func (tx *Tx) LeaveAttach(x *Export, subject string) error {
	return tx.q.LeaveAttach(tx.ctx, gen.LeaveAttachParams{TenantID: tx.tenant, ExportID: x.ID, Subject: subject})
}

// AttachUnit gives the files that the step of a subject has in hand for their
// attachments, in manifest order.
func (s *Scope) AttachUnit(ctx context.Context, export, subject string) ([]File, error) {
	rows, err := s.store.queries().AttachUnit(ctx, gen.AttachUnitParams{TenantID: s.tenant, ExportID: export, Attach: subject})
	if err != nil {
		return nil, Explain(fmt.Errorf("list the files of step %s: %w", subject, err))
	}
	return filesOf(rows), nil
}

// SetAttached records that a file's attachments are dealt with, and replaces
// its staged parts of that table.
func (tx *Tx) SetAttached(x *Export, a AttachedFile, table string, parts []Part) error {
	outcomes, err := json.Marshal(a.Outcomes)
	if err != nil {
		return err
	}
	if err := tx.q.DropTableParts(tx.ctx, gen.DropTablePartsParams{
		TenantID: tx.tenant, ExportID: x.ID, File: a.File, TableName: table,
	}); err != nil {
		return err
	}
	for _, p := range parts {
		if err := tx.q.InsertPart(tx.ctx, gen.InsertPartParams{
			TenantID: tx.tenant, ExportID: x.ID, File: a.File, TableName: table, PartKey: p.Key, RowCount: p.Rows,
		}); err != nil {
			return err
		}
	}
	for _, resource := range a.Pending {
		if err := tx.q.PutPendingAttachment(tx.ctx, gen.PutPendingAttachmentParams{
			TenantID: tx.tenant, Resource: resource, ExportID: x.ID,
		}); err != nil {
			return err
		}
	}
	if err := tx.q.SetAttach(tx.ctx, gen.SetAttachParams{TenantID: tx.tenant, ExportID: x.ID, File: a.File}); err != nil {
		return err
	}
	return tx.q.PutAttachmentFile(tx.ctx, gen.PutAttachmentFileParams{
		TenantID: tx.tenant, ExportID: x.ID, File: a.File, Found: a.Found, Kept: a.Kept, Bytes: a.Bytes,
		Outcomes: string(outcomes), AttachedAt: ms(tx.now),
	})
}

// dropAttached forgets that a file's attachments are dealt with: its staged
// parts were replaced.
func (tx *Tx) dropAttached(x *Export, file string) error {
	return tx.q.DropAttachmentFile(tx.ctx, gen.DropAttachmentFileParams{TenantID: tx.tenant, ExportID: x.ID, File: file})
}

// OpenSteps counts the steps of a kind of an export that are not done.
func (tx *Tx) OpenSteps(x *Export, kind string) (int64, error) {
	return tx.q.OpenSteps(tx.ctx, gen.OpenStepsParams{TenantID: tx.tenant, ExportID: x.ID, Kind: kind})
}

// Attached says, by file, what became of an export's attachments.
func (s *Scope) Attached(ctx context.Context, export string) ([]AttachedFile, error) {
	rows, err := s.store.queries().ListAttachmentFiles(ctx, gen.ListAttachmentFilesParams{TenantID: s.tenant, ExportID: export})
	if err != nil {
		return nil, Explain(fmt.Errorf("list attachments: %w", err))
	}
	files := make([]AttachedFile, len(rows))
	for i, r := range rows {
		files[i] = AttachedFile{File: r.File, Found: r.Found, Kept: r.Kept, Bytes: r.Bytes}
		if err := json.Unmarshal([]byte(r.Outcomes), &files[i].Outcomes); err != nil {
			return nil, fmt.Errorf("read the outcomes of %s: %w", r.File, err)
		}
	}
	return files, nil
}

// PendingAttachments gives the resources, as AttachedFile has them, of which a
// stream's exports since its last completed full one could not have a document.
func (s *Scope) PendingAttachments(ctx context.Context, stream string) ([]string, error) {
	pending, err := s.store.queries().ListPendingAttachments(ctx, gen.ListPendingAttachmentsParams{TenantID: s.tenant, Stream: stream})
	if err != nil {
		return nil, Explain(fmt.Errorf("list pending attachments: %w", err))
	}
	return pending, nil
}
