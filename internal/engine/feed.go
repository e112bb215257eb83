package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
	"github.com/bulkhead-fhir/bulkhead/internal/wording"
)

// givenUp is how many files of one export may fail before the rest is not
// tried: the server is broken, not a file.
const givenUp = 3

// feed looks at an export's files and adds the steps that come next: at most
// so many at once, the next when one has ended, so that a practice with 20,000
// files takes turns with the others. It moves the export when a stage is whole.
func (e *Engine) feed(tx *store.Tx, x *store.Export) error {
	if x.State == life.Downloading {
		if err := e.feedDownloads(tx, x); err != nil || x.State.Over() {
			return err
		}
	}
	running, err := e.feedIngests(tx, x)
	if err != nil || x.State != life.Ingesting {
		return err
	}
	attaching, err := e.feedAttach(tx, x)
	if err != nil || running+attaching > 0 {
		return err
	}
	if err := tx.Move(x, life.Ingested); err != nil {
		return err
	}
	return e.afterIngest(tx, x)
}

// warnOfExpiry notes, once, that at the present pace the server's links lapse
// before the last file is here. They are renewed where the server can.
func (e *Engine) warnOfExpiry(tx *store.Tx, x *store.Export) error {
	if x.ExpiresAt.IsZero() {
		return nil
	}
	files, err := tx.FilesByState(x)
	if err != nil {
		return err
	}
	left, inRaw := files[store.FileListed]+files[store.FileDownloading], files[store.FileStored]+files[store.FileIngesting]+files[store.FileIngested]
	if inRaw == 0 && tx.Now().Before(x.ExpiresAt) {
		return nil
	}
	pace := tx.Now().Sub(x.StateAt) / time.Duration(max(inRaw, 1))
	if end := tx.Now().Add(pace * time.Duration(left)); end.Before(x.ExpiresAt) {
		return nil
	}
	return tx.NoteOnce(x.ID, "engine", "links_may_lapse", fmt.Sprintf("%d files are left, the links end at %s", left, wording.Moment(x.ExpiresAt)))
}

func filesFailed(x *store.Export, totals store.FileTotals) *problem.Problem {
	return problem.New(problem.DownloadFailed,
		fmt.Sprintf("%d of %d output files could not be downloaded; the last error was: %s", totals.Failed, totals.Files, x.LastError),
		"Ask the practice or its vendor whether the server has trouble, then resume with bulkhead export "+x.Tenant+
			" --resume: files that are here already are kept, only the missing ones are downloaded.").For(x.Tenant)
}

func (e *Engine) downloads(x *store.Export) int64 {
	cfg := e.config()
	t, err := cfg.Tenant(x.Tenant)
	if err != nil {
		return 1
	}
	return int64(cfg.Downloads(t))
}

func (e *Engine) feedSinks(tx *store.Tx, x *store.Export) error {
	done, err := tx.Published(x)
	if err != nil {
		return err
	}
	open := 0
	for _, sink := range x.Sinks {
		if slices.Contains(done, sink) {
			continue
		}
		open++
		if err := tx.AddStep(x.ID, export.Publish, sink, tx.Now()); err != nil {
			return err
		}
	}
	if open == 0 {
		return e.afterSinks(tx, x)
	}
	return nil
}

func (e *Engine) recordPublished(tx *store.Tx, x *store.Export, l store.Lease, o export.Published) error {
	if err := tx.SetPublished(x, l.Subject, o.Receipt); err != nil {
		return err
	}
	if err := tx.Note(x.ID, "engine", "published", l.Subject); err != nil {
		return err
	}
	if len(o.Kept) > 0 {
		if err := tx.Note(x.ID, "engine", "absent_kept", l.Subject+": "+strings.Join(o.Kept, ",")); err != nil {
			return err
		}
	}
	done, err := tx.Published(x)
	if err != nil {
		return err
	}
	for _, sink := range x.Sinks {
		if !slices.Contains(done, sink) {
			return nil
		}
	}
	return e.afterSinks(tx, x)
}

// complete ends an export that every sink has: watermark and state move in one
// transaction (I6), and only then may the server be told to forget it (I8).
func (e *Engine) complete(tx *store.Tx, x *store.Export) error {
	moves, why, err := moves(tx, x)
	if err != nil {
		return err
	}
	if moves {
		err = tx.MoveWatermark(x)
	} else {
		err = tx.Note(x.ID, "engine", "watermark_kept", why)
	}
	if err != nil {
		return err
	}
	if err := tx.Move(x, life.Complete); err != nil {
		return err
	}
	if err := auditCompleted(tx, x); err != nil {
		return err
	}
	if x.Purpose == store.Replay {
		return settle(tx, x)
	}
	if err := logComplete(tx, x); err != nil {
		return err
	}
	if err := tx.ExpectQuality(x); err != nil {
		return err
	}
	if err := e.release(tx, x); err != nil || x.Purpose != store.Newcomers {
		return err
	}
	return e.recordNewcomers(tx, x)
}

// release tells the server that it may forget the export, unless its vendor is
// known to want no such word.
func (e *Engine) release(tx *store.Tx, x *store.Export) error {
	cfg := e.config()
	if t, err := cfg.Tenant(x.Tenant); err == nil && !cfg.Profile(t).DeletesAfter() {
		return nil
	}
	return tx.AddStep(x.ID, export.Release, "", tx.Now())
}

// moves reports whether this export closes the gap up to its next_since: a full
// one does, an incremental one only when it began at the watermark or before.
func moves(tx *store.Tx, x *store.Export) (bool, string, error) {
	if x.Purpose == store.Replay {
		return false, "the lines are of an earlier export", nil
	}
	if x.Purpose != store.Delivery {
		return false, "the export is of a part of the group", nil
	}
	if x.ServerErrors > 0 {
		return false, "the server reported errors", nil
	}
	if x.NextSince == "" {
		return false, "no transaction time", nil
	}
	if x.Mode == export.Full {
		return true, "", nil
	}
	mark, ok, err := tx.Watermark(x.Stream)
	if err != nil || !ok {
		return false, "the stream had no full export yet", err
	}
	began, err := fhir.ParseInstant(x.Since)
	if err != nil {
		return false, "", err
	}
	last, err := fhir.ParseInstant(mark.Since)
	if err != nil {
		return false, "", err
	}
	if began.After(last) {
		return false, "the export began after the watermark", nil
	}
	return true, "", nil
}
