package engine

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// nextUnit gives the names of the files that the next step takes in hand, of
// those that wait in a state: one, or as many small ones of a kind as a step
// should have. How large the files are that are not here yet, those of the kind
// that are here say; the first of a kind comes alone.
func nextUnit(tx *store.Tx, x *store.Export, state string) (unit []string, err error) {
	waiting, err := tx.Waiting(x, state, export.UnitFiles)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for _, f := range waiting.Files {
		size := f.Bytes
		if state == store.FileListed {
			size = waiting.Usual
		}
		small := size >= 0 && size < export.SmallBytes && !f.Alone
		if total += size; len(unit) > 0 && (!small || total > export.UnitBytes) {
			break
		}
		unit = append(unit, f.Name)
		if !small {
			break
		}
	}
	return unit, nil
}

// feedDownloads starts what may be downloaded next, and moves the export when
// everything is here that can be had.
func (e *Engine) feedDownloads(tx *store.Tx, x *store.Export) error {
	running, err := tx.OpenSteps(x, fetching(x))
	if err != nil {
		return err
	}
	failed, err := tx.CountFilesIn(x, store.FileFailed)
	if err != nil {
		return err
	}
	due, err := afterWait(tx, x)
	if err != nil {
		return err
	}
	var begun []string
	for ; failed < givenUp && running < e.downloads(x); running++ {
		unit, err := nextUnit(tx, x, store.FileListed)
		if err != nil {
			return err
		}
		if len(unit) == 0 {
			break
		}
		if err := startDownload(tx, x, unit, due); err != nil {
			return err
		}
		begun = append(begun, unit[0])
	}
	if err := auditStart(tx, x, begun); err != nil {
		return err
	}
	switch {
	case running > 0:
		return e.warnOfExpiry(tx, x)
	case failed > 0:
		totals, err := tx.FileTotals(x)
		if err != nil {
			return err
		}
		return e.fail(tx, x, filesFailed(x, totals))
	}
	return tx.Move(x, life.Stored)
}

// afterWait gives when the next request of an export may leave: now, or when the
// server wants to be asked again.
func afterWait(tx *store.Tx, x *store.Export) (time.Time, error) {
	wait, err := tx.WaitOfServer(x)
	return later(wait, notBefore(tx, x)), err
}

// notBefore gives when an export that goes on may ask its server: now, or when
// the server said last.
func notBefore(tx *store.Tx, x *store.Export) time.Time { return later(tx.Now(), x.NextPollAt) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// startDownload gives files to a step. That they are asked for is told of the
// first now, and of the others when they were.
func startDownload(tx *store.Tx, x *store.Export, unit []string, due time.Time) error {
	if err := tx.StartFiles(x, unit); err != nil {
		return err
	}
	if err := logRequest(tx, x, unit[0]); err != nil {
		return err
	}
	return tx.AddStep(x.ID, fetching(x), unit[0], due)
}

// feedIngests starts what may be ingested next, and reports how many steps of
// the export ingest.
func (e *Engine) feedIngests(tx *store.Tx, x *store.Export) (int64, error) {
	running, err := tx.OpenSteps(x, export.Ingest)
	if err != nil {
		return 0, err
	}
	for ; running < ingestSteps; running++ {
		unit, err := nextUnit(tx, x, store.FileStored)
		if err != nil || len(unit) == 0 {
			return running, err
		}
		if err := tx.IngestFiles(x, unit); err != nil {
			return 0, err
		}
		if err := tx.AddStep(x.ID, export.Ingest, unit[0], tx.Now()); err != nil {
			return 0, err
		}
	}
	return running, nil
}

// recordStored records the files of a unit that are in raw. Those that the step
// did not come to wait again. When it could not go on, the step is from now on
// about the one file that it stopped at, and the lease says so.
func (e *Engine) recordStored(tx *store.Tx, x *store.Export, l *store.Lease, r result) error {
	o, ok := r.outcome.(export.Stored)
	if !ok {
		return nil
	}
	if err := auditStart(tx, x, askedBesides(l.Subject, r)); err != nil {
		return err
	}
	for _, f := range o.Files {
		if err := tx.SetFileStored(x, f); err != nil {
			return err
		}
	}
	if err := auditStored(tx, x, o.Files); err != nil {
		return err
	}
	if err := note(tx, x, o.Notes); err != nil {
		return err
	}
	// A first attempt that failed names the file; one that came to no end does not.
	if err := tx.LeaveFiles(x, l.Subject, store.FileDownloading, l.Attempt > 0); err != nil || r.err == nil {
		return err
	}
	if len(o.Files) > 0 {
		l.Attempt = 0
	}
	l.Subject = o.At
	return tx.StartFiles(x, []string{o.At})
}

// askedBesides gives the files of a unit beyond its first that were asked for.
func askedBesides(first string, r result) (asked []string) {
	o, ok := r.outcome.(export.Stored)
	if !ok {
		return nil
	}
	for _, f := range o.Files {
		asked = append(asked, f.Name)
	}
	if o.At != "" && !unsent(r.err) {
		asked = append(asked, o.At)
	}
	return slices.DeleteFunc(asked, func(name string) bool { return name == first })
}

// recordFileFailed marks a file as failed. The export goes on with the others
// and fails when none is left, so that everything that can be had is here
// before a person looks.
func (e *Engine) recordFileFailed(tx *store.Tx, x *store.Export, l store.Lease, p *problem.Problem) error {
	if err := tx.Finish(l); err != nil {
		return err
	}
	if err := tx.SetFileState(x, l.Subject, store.FileFailed); err != nil {
		return err
	}
	if err := tx.LeaveFiles(x, l.Subject, store.FileDownloading, false); err != nil {
		return err
	}
	if err := tx.CountWeather(x, errors.New(p.Summary)); err != nil {
		return err
	}
	x.LastError = p.Summary
	if err := errors.Join(tx.Note(x.ID, "engine", "file_failed", l.Subject), auditFileFailed(tx, x, l.Subject, p)); err != nil {
		return err
	}
	return e.feed(tx, x)
}

// recordStaged records the files of a unit that are staged.
func (e *Engine) recordStaged(tx *store.Tx, x *store.Export, l store.Lease, o export.Staged) error {
	files := make([]store.File, len(o.Files))
	for i, f := range o.Files {
		summary, err := json.Marshal(f.Summary)
		if err != nil {
			return err
		}
		s := f.Summary
		files[i] = store.File{
			Name: s.File, Lines: s.Lines, Blank: s.Blank, Delivered: s.Delivered, Quarantined: s.Quarantined, Summary: summary,
		}
	}
	var parts []store.Part
	for _, t := range o.Tables {
		for _, p := range t.Parts {
			parts = append(parts, store.Part{Table: t.Name, Key: string(p.Key), Rows: p.Rows})
		}
	}
	if err := tx.SetIngested(x, files, parts); err != nil {
		return err
	}
	if err := markDue(tx, x, files[0].Name, o); err != nil {
		return err
	}
	if err := tx.LeaveFiles(x, files[0].Name, store.FileIngesting, l.Attempt > 0); err != nil {
		return err
	}
	for _, f := range o.Files {
		if err := recordLines(tx, x, f); err != nil {
			return err
		}
	}
	return e.feed(tx, x)
}

// recordLines records what the lines of a file say beyond their number.
func recordLines(tx *store.Tx, x *store.Export, f export.StagedFile) error {
	s := f.Summary
	if f.Remaining != nil {
		if err := setRemaining(tx, x, s.File, f.Remaining); err != nil {
			return err
		}
	}
	if err := note(tx, x, f.Notes); err != nil {
		return err
	}
	errorsReported := f.Short // as good as an error: something may be missing
	for _, issue := range s.Outcomes {
		switch issue.Severity {
		case "warning", "information", "success":
		default: // one that is none of FHIR's may be anything
			errorsReported += issue.Count
		}
	}
	if strings.Contains(s.File, "-error-") {
		errorsReported += s.Quarantined // what cannot be read may be an error
	}
	if errorsReported == 0 && x.ServerErrors == 0 {
		return nil // as nearly always: nothing was counted before, either
	}
	return tx.SetServerErrors(x, s.File, errorsReported)
}
