package store

import (
	"encoding/json"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// The methods below write what a step has found out. They move nothing: the
// caller moves the export in the same transaction.

// SetProblem records why an export ended.
func (tx *Tx) SetProblem(x *Export, p *problem.Problem) error {
	cause := ""
	if p.Err != nil {
		cause = p.Err.Error()
	}
	return tx.q.SetExportProblem(tx.ctx, gen.SetExportProblemParams{
		FailedIn: string(x.State), ProblemCode: string(p.Code), ProblemSummary: p.Summary, ProblemRemedy: p.Remedy,
		LastError: cause, TenantID: tx.tenant, ExportID: x.ID,
	})
}

// ForSlot is what an export waits for that goes on when it has its slots again.
const ForSlot = "it waits for a free slot"

// Queued forgets why an export failed, which is resumed: it waits for its slots
// from now on, to go on in a state.
func (tx *Tx) Queued(x *Export, in life.State) error {
	x.FailedIn, x.WaitingUntil, x.WaitingFor = in, tx.now, ForSlot
	return tx.q.QueueExport(tx.ctx, gen.QueueExportParams{
		FailedIn: string(in), WaitingUntil: ms(tx.now), WaitingFor: x.WaitingFor, TenantID: tx.tenant, ExportID: x.ID,
	})
}

// GoesOn forgets that an export waited: it has its slots.
func (tx *Tx) GoesOn(x *Export) error {
	x.FailedIn, x.WaitingUntil, x.WaitingFor = "", time.Time{}, ""
	return tx.q.QueueExport(tx.ctx, gen.QueueExportParams{TenantID: tx.tenant, ExportID: x.ID})
}

// CountWeather counts a failure that waiting may cure.
func (tx *Tx) CountWeather(x *Export, err error) error {
	return tx.q.SetExportWeather(tx.ctx, gen.SetExportWeatherParams{LastError: err.Error(), TenantID: tx.tenant, ExportID: x.ID})
}

// SetKickoffIntent makes it durable that the request is about to leave (I2).
// It is ErrFenced when one has left before.
func (tx *Tx) SetKickoffIntent(x *Export) error {
	return fenced(tx.q.SetKickoffIntent(tx.ctx, gen.SetKickoffIntentParams{KickoffSentAt: ms(tx.now), TenantID: tx.tenant, ExportID: x.ID}))
}

// ClearKickoffIntent takes the intent back: the request provably never left,
// or the server refused it.
func (tx *Tx) ClearKickoffIntent(x *Export) error {
	return tx.q.ClearKickoffIntent(tx.ctx, gen.ClearKickoffIntentParams{TenantID: tx.tenant, ExportID: x.ID})
}

// SetAccepted records the status URL, whether its answers report the export's
// status apart, and when to poll it first.
func (tx *Tx) SetAccepted(x *Export, statusURL string, separate bool, nextPoll time.Time) error {
	return tx.q.SetAccepted(tx.ctx, gen.SetAcceptedParams{
		StatusUrl: statusURL, SeparateStatus: flag(separate), AcceptedAt: ms(tx.now), NextPollAt: tx.due(nextPoll), TenantID: tx.tenant, ExportID: x.ID,
	})
}

// SetParameters records what the kick-off asked for in the end.
func (tx *Tx) SetParameters(x *Export) error {
	text, err := json.Marshal(x.Parameters)
	if err != nil {
		return err
	}
	return tx.q.SetParameters(tx.ctx, gen.SetParametersParams{Parameters: string(text), TenantID: tx.tenant, ExportID: x.ID})
}

// SetWaiting records until when, and for what, the next kick-off waits.
func (tx *Tx) SetWaiting(x *Export, until time.Time, reason string) error {
	return tx.q.SetWaiting(tx.ctx, gen.SetWaitingParams{WaitingUntil: tx.due(until), WaitingFor: reason, TenantID: tx.tenant, ExportID: x.ID})
}

// SetProgress records a poll that found the export in progress.
func (tx *Tx) SetProgress(x *Export, progress string, nextPoll time.Time) error {
	return tx.q.SetProgress(tx.ctx, gen.SetProgressParams{Progress: progress, NextPollAt: tx.due(nextPoll), TenantID: tx.tenant, ExportID: x.ID})
}

// Listing is what one page of the manifest says of the export.
type Listing struct {
	TransactionTime string
	NextSince       string
	RequiresToken   string
	OrganizedBy     string
	ExpiresAt       time.Time
	Page            int64  // the page that was read, from 0
	PageURL         string // where it was read
	NextURL         string // where the next page is; empty after the last one
	NextPoll        time.Time
}

// SetListed records a page of the manifest, and the page that follows.
func (tx *Tx) SetListed(x *Export, l Listing) error {
	if err := tx.q.PutPage(tx.ctx, gen.PutPageParams{TenantID: tx.tenant, ExportID: x.ID, Page: l.Page, Url: l.PageURL}); err != nil {
		return err
	}
	next := l.Page
	if l.NextURL != "" {
		next++
	}
	return tx.q.SetListed(tx.ctx, gen.SetListedParams{
		TransactionTime: l.TransactionTime, NextSince: l.NextSince, RequiresToken: l.RequiresToken, OrganizedBy: l.OrganizedBy,
		ExpiresAt: ms(l.ExpiresAt), Page: next, PageUrl: l.NextURL, NextPollAt: tx.due(l.NextPoll), TenantID: tx.tenant, ExportID: x.ID,
	})
}

// SetReleased records that the server was told to forget the export.
func (tx *Tx) SetReleased(x *Export) error {
	return tx.q.SetReleased(tx.ctx, gen.SetReleasedParams{ReleasedAt: ms(tx.now), TenantID: tx.tenant, ExportID: x.ID})
}

// ListFiles replaces the export's output files, from a page of the manifest on,
// by those of that page.
func (tx *Tx) ListFiles(x *Export, page int64, files []File) error {
	if err := tx.q.DropPageFiles(tx.ctx, gen.DropPageFilesParams{TenantID: tx.tenant, ExportID: x.ID, Page: page}); err != nil {
		return err
	}
	for _, f := range files {
		if err := tx.q.InsertFile(tx.ctx, gen.InsertFileParams{
			TenantID: tx.tenant, ExportID: x.ID, File: f.Name, Position: f.Position, Section: f.Section,
			ResourceType: f.ResourceType, Url: f.URL, ExpectedCount: f.Expected, Page: page, Access: f.Access, Checksum: f.Checksum,
		}); err != nil {
			return err
		}
	}
	return nil
}

// RenewFile gives a file that is not in raw yet another URL.
func (tx *Tx) RenewFile(x *Export, file, url string) error {
	return tx.q.RenewFile(tx.ctx, gen.RenewFileParams{Url: url, TenantID: tx.tenant, ExportID: x.ID, File: file})
}

// FileTotals sums up the export's output files.
func (tx *Tx) FileTotals(x *Export) (FileTotals, error) {
	r, err := tx.q.FileTotals(tx.ctx, gen.FileTotalsParams{TenantID: tx.tenant, ExportID: x.ID})
	return FileTotals(r), err
}

// SetPublished records that a sink has the export.
func (tx *Tx) SetPublished(x *Export, sink string, receipt json.RawMessage) error {
	return tx.q.PutPublication(tx.ctx, gen.PutPublicationParams{
		TenantID: tx.tenant, ExportID: x.ID, Sink: sink, Receipt: string(receipt), PublishedAt: ms(tx.now),
	})
}

// Published gives the names of the sinks that have the export.
func (tx *Tx) Published(x *Export) ([]string, error) {
	rows, err := tx.q.ListPublications(tx.ctx, gen.ListPublicationsParams{TenantID: tx.tenant, ExportID: x.ID})
	var sinks []string
	for _, r := range rows {
		sinks = append(sinks, r.Sink)
	}
	return sinks, err
}

// Watermark reads the watermark of a stream; ok is false when it has none.
func (tx *Tx) Watermark(stream string) (w Watermark, ok bool, err error) {
	r, err := tx.q.GetWatermark(tx.ctx, gen.GetWatermarkParams{TenantID: tx.tenant, Stream: stream})
	return watermarkOf(r, err)
}

// MoveWatermark makes the export's next_since the start of its stream's next
// incremental export. Only the transaction that completes the export may call
// it (I6).
func (tx *Tx) MoveWatermark(x *Export) error {
	var full time.Time
	if x.Mode == "full" {
		full = tx.now
	}
	return tx.q.PutWatermark(tx.ctx, gen.PutWatermarkParams{
		TenantID: tx.tenant, Stream: x.Stream, Since: x.NextSince, ExportID: x.ID, MovedAt: ms(tx.now), FullAt: ms(full),
	})
}
