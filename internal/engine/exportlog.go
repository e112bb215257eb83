package engine

import (
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/exportlog"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// logStep adds to the export's event log what a step found out, in the
// transaction that is about to record it. What follows from the outcome,
// recordListed and complete add themselves.
func logStep(tx *store.Tx, x *store.Export, l store.Lease, r result) error {
	if err := logAsked(tx, x, l, r); err != nil {
		return err
	}
	if r.err != nil && unsent(r.err) || x.Purpose == store.Replay { // which asks no server
		return nil
	}
	var events []exportlog.Event
	var err error
	switch l.Kind {
	case export.Kickoff:
		events = kickoffEvents(x.Intent, r)
	case export.Poll:
		events = pollEvents(tx, x, r)
	case export.Download, export.Ingest:
		events, err = fileEvents(tx, x, l, r)
	}
	if err != nil {
		return err
	}
	return exportlog.Write(tx, x.ID, events...)
}

// unsent reports whether no request left: a step that waits for its turn is no
// event.
func unsent(err error) bool {
	_, later := errors.AsType[*export.Later](err)
	return later || errors.Is(err, bulkdata.ErrNotSent)
}

// blame gives the HTTP status of a failure, nil without an answer, and our
// code for it. What the server says in its own words is not logged.
func blame(err error) (status *int, code string) {
	if s, ok := errors.AsType[*bulkdata.StatusError](err); ok {
		status = new(s.Status)
	}
	if p, ok := errors.AsType[*problem.Problem](err); ok {
		return status, string(p.Code)
	}
	return status, "try_again"
}

func kickoffEvents(i store.Intent, r result) []exportlog.Event {
	status, code := (*int)(nil), ""
	switch o := r.outcome.(type) {
	case export.Accepted:
		i.Parameters.WithoutTypes = i.Parameters.WithoutTypes || o.WithoutTypes
	case export.Busy:
		code = "busy"
	case export.Lost:
		status, code = blame(o.Problem)
	}
	if r.err != nil {
		status, code = blame(r.err)
	}
	k := exportlog.Kickoff{
		ExportURL: exportlog.ExportURL(i), RequestParameters: exportlog.Parameters(i), ResponseHeaders: map[string]string{},
	}
	if code != "" {
		k.ErrorCode, k.ErrorBody = new(0), &code
	}
	if status != nil {
		k.ErrorCode = status
	}
	return []exportlog.Event{k}
}

func pollEvents(tx *store.Tx, x *store.Export, r result) []exportlog.Event {
	switch o := r.outcome.(type) {
	case export.InProgress:
		progress := exportlog.Progress(o.Progress)
		if x.Polls > 0 && progress == exportlog.Progress(x.Progress) {
			return nil
		}
		wait := max(o.PollAt.Sub(tx.Now()), 0).Round(time.Second)
		return []exportlog.Event{exportlog.StatusProgress{
			XProgress: progress, RetryAfter: strconv.Itoa(int(wait.Seconds())), ResponseHeaders: map[string]string{},
		}}
	case export.Vanished:
		return []exportlog.Event{statusError(o.Problem)}
	}
	if r.err == nil {
		return nil
	}
	return []exportlog.Event{statusError(r.err)}
}

func statusError(err error) exportlog.Event {
	status, code := blame(err)
	return exportlog.StatusError{Code: status, Message: code, ResponseHeaders: map[string]string{}}
}

// logListed tells of a page of the manifest, and of the whole with the last.
func logListed(tx *store.Tx, x *store.Export, o export.Listed) error {
	at := exportlog.Instant(o.TransactionTime)
	page := exportlog.StatusPageComplete{TransactionTime: at}
	for _, f := range o.Files {
		switch f.Section {
		case "output":
			page.OutputFileCount++
		case "deleted":
			page.DeletedFileCount++
		default:
			page.ErrorFileCount++
		}
	}
	if o.NextURL != "" {
		return exportlog.Write(tx, x.ID, page)
	}
	sum, err := tx.ManifestTotals(x.ID)
	if err != nil {
		return err
	}
	return exportlog.Write(tx, x.ID, exportlog.StatusComplete{TransactionTime: at}, page, exportlog.ManifestComplete{
		TransactionTime: at, TotalOutputFileCount: sum.Output, TotalDeletedFileCount: sum.Deleted, TotalErrorFileCount: sum.Error,
		TotalManifests: o.Page + 1,
	})
}

// fileEvents tells of output files: that they are here once their lines are
// counted, or why one could not be had.
func fileEvents(tx *store.Tx, x *store.Export, l store.Lease, r result) (events []exportlog.Event, err error) {
	if staged, ok := r.outcome.(export.Staged); ok {
		for _, of := range staged.Files {
			f, err := tx.File(x.ID, of.Summary.File)
			if err != nil {
				return nil, err
			}
			events = append(events, exportlog.DownloadComplete{
				FileURL: exportlog.FileURL(f), ResourceCount: of.Summary.Lines - of.Summary.Blank, FileSize: f.Bytes,
			})
		}
		return events, nil
	}
	if r.err == nil || l.Kind != export.Download {
		return nil, nil
	}
	at := l.Subject
	if stored, ok := r.outcome.(export.Stored); ok {
		at = stored.At
	}
	f, err := tx.File(x.ID, at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil // the manifest was read again: the step is no longer ours
	}
	if err != nil {
		return nil, err
	}
	status, code := blame(r.err)
	return []exportlog.Event{exportlog.DownloadError{
		FileURL: exportlog.FileURL(f), Code: status, Message: code, ResponseHeaders: map[string]string{},
	}}, nil
}

// logAsked tells of the files of a unit beyond its first that were asked for.
func logAsked(tx *store.Tx, x *store.Export, l store.Lease, r result) error {
	for _, name := range askedBesides(l.Subject, r) {
		if err := logRequest(tx, x, name); err != nil {
			return err
		}
	}
	return nil
}

// logRequest tells that a file is about to be asked for.
func logRequest(tx *store.Tx, x *store.Export, name string) error {
	if x.Purpose == store.Replay {
		return nil
	}
	f, err := tx.File(x.ID, name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // the manifest was read again: the step is no longer ours
	}
	if err != nil {
		return err
	}
	return exportlog.Write(tx, x.ID, exportlog.DownloadRequest{
		FileURL: exportlog.FileURL(f), ItemType: f.Section, ResourceType: f.ResourceType,
	})
}

// logComplete tells that every destination has the export.
func logComplete(tx *store.Tx, x *store.Export) error {
	sum, err := tx.ManifestTotals(x.ID)
	if err != nil {
		return err
	}
	return exportlog.Write(tx, x.ID, exportlog.ExportComplete{
		Files: sum.Output + sum.Deleted + sum.Error, Resources: sum.Resources, Bytes: sum.Bytes,
		Duration: tx.Now().Sub(x.RequestedAt).Milliseconds(),
	})
}
