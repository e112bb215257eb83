package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/attachment"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Attach is the step that stores the documents of ingested output files, one
// or several small ones.
const Attach = "attach"

// attachTries is how often a file's documents are asked for when the server
// fails. What it still does not give is recorded as failed.
const attachTries = 4

// Attached: the documents of these files are dealt with, whatever became of
// each.
type Attached struct{ Files []attachment.Summary }

func (Attached) isOutcome() {}

// Attachable gives the types of output files that may hold documents, and the
// tables that say so of files of other types: a line's own type decides.
func Attachable() (types, tables []string) {
	types = attachment.Types()
	for _, name := range types {
		tables = append(tables, fhir.SnakeCase(name))
	}
	return append(types, organized), tables
}

// attach stores the documents that the resources of files carry or point to. One
// that cannot be had never fails the export: its row says why. After a failure
// it is about the first file only, and what it has fetched is not fetched again.
func (s *Steps) attach(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	scope, err := s.scope(t, w)
	if err != nil {
		return nil, err
	}
	files, err := s.Store.In(t.ID).AttachUnit(ctx, w.Export.ID, w.Lease.Subject)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 || w.Lease.Attempt > 0 {
		file, err := s.Store.In(t.ID).File(ctx, w.Export.ID, w.Lease.Subject)
		if err != nil {
			return nil, err
		}
		files = []store.File{file}
	}
	client, err := s.Connect(t, s.attachTypes(t, w.Export))
	if err != nil {
		return nil, err
	}
	var done Attached
	for _, file := range files {
		summary, err := s.attachOf(ctx, client, t, w, scope, file)
		if err != nil && len(done.Files) > 0 && ctx.Err() == nil && isWeather(err) {
			return done, nil // the next step begins with this file, and counts its failures
		}
		if err != nil {
			return nil, putOffForEver(t, w, err, "documents")
		}
		done.Files = append(done.Files, summary)
	}
	return done, nil
}

// isWeather reports whether waiting may cure an error, and nobody has said how
// long.
func isWeather(err error) bool {
	_, problematic := errors.AsType[*problem.Problem](err)
	return !problematic && !isLater(err) && RetryAfter(err) == 0
}

// attachOf stores the documents of one file.
func (s *Steps) attachOf(ctx context.Context, client *bulkdata.Client, t *config.Tenant, w Work, scope *blob.Scope, file store.File) (attachment.Summary, error) {
	refused, err := quarantine.Lines(ctx, scope, w.Export.ID, file.Name)
	if err != nil {
		return attachment.Summary{}, err
	}
	o := attachment.Options{
		Scope: scope, Ledger: s.Store.In(t.ID), Lease: w.Lease, Rules: rulesOf(t), Base: t.FHIRBaseURL, Refused: refused, Origin: w.Export.Origin,
		Open:  func(ctx context.Context) (io.ReadCloser, error) { return s.openDecoded(ctx, scope, w, file.Name) },
		Fetch: s.fetchFrom(client, t, w.Export, entryOf(file, w.Export).Access),
		Room:  s.room,
		Ends:  endsAttaching,
		Last:  w.Lease.Attempt+1 >= min(attachTries, int64(s.Config.Limits.Retry.Attempts)),
		Place: s.places.of(t.ID, w.Export.ID, file.Name),
	}
	o.Lease.Subject = file.Name
	o.AsOf = asOf(w.Export)
	summary, err := attachment.Run(ctx, o)
	if err == nil {
		s.places.forget(t.ID, w.Export.ID, file.Name)
	}
	return summary, err
}

// asOf gives the time until which a document's changes are known to the export:
// the server's own word, unless that is later than our kick-off; zero without one.
func asOf(x store.Export) time.Time {
	at, err := fhir.ParseInstant(x.TransactionTime)
	if sent := x.KickoffSentAt; err == nil && !sent.IsZero() && at.After(sent) {
		return sent
	}
	return at
}

// rulesOf gives what the configuration wants and the agreement permits now.
func rulesOf(t *config.Tenant) attachment.Rules {
	a := t.Attachments
	return attachment.Rules{
		// Whether they are stored encrypted is asked at each request.
		Permitted:    agreement.Check(t.Agreement, agreement.Ask{Stage: agreement.AtDownload, Tenant: t.ID, At: time.Now(), Attachments: true, Encrypted: true}) == nil, // I1
		ContentTypes: a.ContentTypes, MaxBytes: int64(a.MaxBytes), BudgetBytes: int64(a.BudgetBytes), BudgetRequests: int64(a.BudgetRequests),
	}
}

// attachTypes gives the types for whose scopes the token is asked: those of
// the export and Binary, unless the vendor has no such type.
func (s *Steps) attachTypes(t *config.Tenant, x store.Export) []string {
	if offered := s.Config.Profile(t).Types; len(offered) > 0 && !slices.Contains(offered, "Binary") {
		return x.Types
	}
	return fhir.TypeSet(append([]string{"Binary"}, x.Types...))
}

// fetchFrom asks the practice's server, by the rule of the manifest for tokens:
// never at a host that may not have one (I9), nor at one where the vendor has
// nothing, and not when the agreement ends while a file's documents are
// fetched, which may take a night.
func (s *Steps) fetchFrom(client *bulkdata.Client, t *config.Tenant, x store.Export, access bulkdata.AccessRule) func(context.Context, attachment.Request) (*attachment.Answer, error) {
	return func(ctx context.Context, r attachment.Request) (*attachment.Answer, error) {
		if err := s.permitted(agreement.AtDownload, t, x, x.Sinks); err != nil { // I1
			return nil, err
		}
		if u, err := url.Parse(r.URL); err == nil && u.IsAbs() && !s.Config.FileAllowed(t, r.URL) {
			return nil, &bulkdata.OriginError{Op: bulkdata.OpAttachment, Why: "the vendor has no files there", URL: r.URL}
		}
		body, err := client.OpenAttachment(ctx, bulkdata.Attachment{URL: r.URL, Access: access, Accept: r.Accept}, bulkdata.OpenOptions{})
		if err != nil {
			return nil, aboutOne(t, err)
		}
		return &attachment.Answer{ContentType: body.ContentType, Length: body.Length, Body: body}, nil
	}
}

// errAway says that a document's own host cannot be reached.
var errAway = fmt.Errorf("the host of the document cannot be reached: %w", bulkdata.ErrNotSent)

// aboutOne makes weather for one document of what says that a host cannot be
// reached which is not the practice's server: the others do not wait for it.
func aboutOne(t *config.Tenant, err error) error {
	later, ok := errors.AsType[*Later](err)
	if !ok || later.Origin == "" || later.Origin == store.Origin(t.FHIRBaseURL) {
		return err
	}
	return &bulkdata.NotSentError{Op: bulkdata.OpAttachment, Err: errAway}
}

// endsAttaching gives the *Later of a request that must wait for a known time,
// and the problem of an agreement that has ended.
func endsAttaching(err error) error {
	if p, ok := errors.AsType[*problem.Problem](err); ok && (p.Code == problem.AgreementDenied || p.Code == problem.AgreementMissing) {
		return p
	}
	if later, ok := errors.AsType[*Later](err); ok {
		return later
	}
	if status, ok := errors.AsType[*bulkdata.StatusError](err); ok && status.Status == http.StatusTooManyRequests {
		return &Later{Until: untilOf(status.RetryAfter), Reason: "the server asks for fewer requests", Held: store.HeldByServer}
	}
	return nil
}

// attachSalt gives what makes resources with documents changed ones though
// nothing of them has changed, so that their rows follow: all of them by other
// rules, and those of which a document is asked for again.
func (s *Steps) attachSalt(ctx context.Context, t *config.Tenant, x store.Export) (func(resourceType string) func(key []byte) uint64, error) {
	if !t.Attachments.Fetch {
		return nil, nil
	}
	list, err := s.Store.In(t.ID).PendingAttachments(ctx, x.Stream)
	if err != nil {
		return nil, err
	}
	pending := make(map[string]bool, len(list))
	for _, resource := range list {
		pending[resource] = true
	}
	r, types := rulesOf(t), attachment.Types()
	rules := xxhash.Sum64String(fmt.Sprint(r.Permitted, r.ContentTypes, r.MaxBytes))
	again := rules ^ xxhash.Sum64String(x.ID)
	return func(resourceType string) func([]byte) uint64 {
		if !slices.Contains(types, resourceType) {
			return nil
		}
		return func(key []byte) uint64 {
			if len(pending) > 0 && pending[attachment.Digest(key)] {
				return again
			}
			return rules
		}
	}, nil
}
