package attachment

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// patience is how many documents in a row may meet weather, or be refused,
// before the rest is not asked for: the server is broken or closed to us, not
// a document.
const patience = 10

// fetcher fetches the documents of one file that are not here yet.
type fetcher struct {
	*Options
	weather error // the first that a document met; the next run asks again
	failed  int   // documents in a row that met weather
	refused int   // documents in a row to which the server said no
	bytes   int64 // of the current document that came, not yet in the ledger
	unsent  int64 // requests that were counted and did not leave, still in the ledger
}

// fetchAll fetches what has to be fetched. Its error says that not all is here.
func fetchAll(ctx context.Context, o *Options) error {
	f := &fetcher{Options: o}
	w := walk{Options: o, behind: o.Place.before(), each: func(line int64, x *resource) error {
		if f.weather == nil {
			o.Place.set(line - 1)
		}
		for i := range x.found {
			if err := f.fetch(ctx, line, x, &x.found[i]); err != nil {
				return err
			}
		}
		return nil
	}}
	return cmp.Or(w.run(ctx), f.weather)
}

// fetch fetches one document, unless it is known what became of it, and
// records what became of it. Its error ends the run.
func (f *fetcher) fetch(ctx context.Context, line int64, x *resource, d *Found) error {
	if _, open := f.Rules.judge(d); !open || d.Inline {
		return nil
	}
	id := f.identity(d.URL, d.SHA1)
	row, asked, err := f.Ledger.Fetched(ctx, id)
	if err != nil || asked && f.known(row, x, d) {
		return err
	}
	row, here, err := f.exported(ctx, d)
	if err != nil {
		return err
	}
	if here {
		row.Identity = id
		return f.record(ctx, row)
	}
	row = store.Fetched{Identity: id, Export: f.Lease.Export, AsOf: f.AsOf}
	v := f.closed()
	if v.outcome == "" {
		if v, err = f.try(ctx, line, d, &row); err != nil {
			return f.met(ctx, err)
		}
	}
	f.tally(v.outcome)
	row.Outcome, row.Reason = string(v.outcome), v.reason
	return f.record(ctx, row)
}

// exported finds the document among the Binaries that this export brought
// itself: nobody is asked for what is here.
func (f *fetcher) exported(ctx context.Context, d *Found) (store.Fetched, bool, error) {
	if !strings.HasPrefix(f.below(d.URL), binary+"/") {
		return store.Fetched{}, false, nil
	}
	row, ok, err := f.Ledger.Fetched(ctx, f.identity(d.URL, ""))
	return row, ok && row.Export == f.Lease.Export && Outcome(row.Outcome) == Stored, err
}

// closed says what becomes of documents that are no longer asked for.
func (f *fetcher) closed() verdict {
	switch {
	case f.refused >= patience:
		return verdict{Refused, "not asked for: the server refused others before it"}
	case f.failed >= patience && f.Last:
		return verdict{Failed, "not asked for: the server failed at others before it"}
	}
	return verdict{}
}

func (f *fetcher) tally(o Outcome) {
	switch o {
	case Refused:
		f.refused++
	case Failed:
		f.failed++
	default:
		f.refused, f.failed = 0, 0
	}
}

// weatherError is an error that a later run may not meet again.
type weatherError struct{ error }

// Unwrap gives what was met.
func (w *weatherError) Unwrap() error { return w.error }

// met decides whether the run goes on after an error of try.
func (f *fetcher) met(ctx context.Context, err error) error {
	spent := f.Ledger.Do(context.WithoutCancel(ctx), f.settleUp)
	w, ok := errors.AsType[*weatherError](err)
	if !ok || spent != nil {
		return errors.Join(err, spent)
	}
	f.weather = cmp.Or(f.weather, w.error)
	if f.failed++; f.failed >= patience {
		return w.error
	}
	return nil
}

// try sends the request for a document and stores the answer. It fills in what
// row says of the content.
func (f *fetcher) try(ctx context.Context, line int64, d *Found, row *store.Fetched) (verdict, error) {
	left, ok, err := f.spend(ctx)
	if err != nil || !ok {
		return verdict{OverBudget, "the export has spent its budget for attachments"}, err
	}
	declared := mediaType(d.ContentType)
	answer, err := f.Fetch(ctx, Request{URL: d.URL, Accept: acceptOf(declared)})
	if err != nil {
		if errors.Is(err, bulkdata.ErrNotSent) {
			f.unsent++
		}
		return f.explain(ctx, err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is read to its end or given up
	most := min(f.Rules.MaxBytes, left)
	if !isJSON(mediaType(answer.ContentType)) && answer.Length > most {
		return f.tooLarge(left), nil
	}
	to, key, err := f.create(ctx, line, d.Position, most)
	if err != nil {
		return verdict{}, err
	}
	defer to.Close() //nolint:errcheck // it leaves nothing behind
	media, err := receive(answer, declared, to)
	f.bytes = to.size
	switch {
	case to.err != nil:
		return verdict{}, to.err
	case errors.Is(err, errTooLarge):
		return f.tooLarge(left), nil
	case errors.Is(err, errContent):
		return verdict{Invalid, "what was answered is not what was announced"}, nil
	case err != nil:
		return f.explain(ctx, err)
	}
	return f.accept(to, key, declared, media, row)
}

// receive copies an answer's content and gives its media type, if the answer
// says it.
func receive(answer *Answer, declared string, to *copyTo) (media string, err error) {
	media = mediaType(answer.ContentType)
	if !isJSON(media) {
		_, err = io.Copy(to, answer.Body)
		return media, err
	}
	// What surrounds the content of a Binary is small.
	body := bufio.NewReaderSize(io.LimitReader(answer.Body, 2*to.left+1<<20), 64<<10)
	if !isJSON(declared) && !isGeneric(declared) || looksLikeBinary(body) {
		contentType, err := readBinary(body, to)
		return mediaType(contentType), err
	}
	_, err = io.Copy(to, body)
	return media, err
}

// accept decides about content that has come whole.
func (f *fetcher) accept(to *copyTo, key blob.Key, declared, media string, row *store.Fetched) (verdict, error) {
	if isGeneric(media) {
		media = cmp.Or(declared, media, "application/octet-stream")
	}
	if media == "text/html" && declared != "" && !isGeneric(declared) && declared != media {
		return verdict{Invalid, "the server answered with a web page"}, nil
	}
	if !f.Rules.allows(media) {
		return verdict{TypeNotAllowed, "its type, as answered, is not among content_types"}, nil
	}
	if err := to.commit(); err != nil {
		return verdict{}, err
	}
	row.ContentType, row.Size, row.SHA1, row.SHA256, row.Location = media, to.size, sum(to.sha1), sum(to.sha256), string(key)
	return verdict{outcome: Stored}, nil
}

func (f *fetcher) tooLarge(left int64) verdict {
	if left < f.Rules.MaxBytes {
		return verdict{OverBudget, "the rest of the export's budget for attachments is too small for it"}
	}
	return verdict{TooLarge, fmt.Sprintf("it has more than max_bytes, which is %d", f.Rules.MaxBytes)}
}

// explain says what an error of the server means for the document. The error
// it returns ends the run, or is weather.
func (f *fetcher) explain(ctx context.Context, err error) (verdict, error) {
	if ctx.Err() != nil {
		return verdict{}, context.Cause(ctx)
	}
	if end := f.Ends(err); end != nil {
		return verdict{}, end
	}
	if bulkdata.Temporary(err) {
		if f.Last {
			return verdict{Failed, "the server failed each time it was asked"}, nil
		}
		return verdict{}, &weatherError{err}
	}
	if status, ok := errors.AsType[*bulkdata.StatusError](err); ok {
		reason := fmt.Sprintf("the server answered %d", status.Status)
		if status.Status == http.StatusNotFound || status.Status == http.StatusGone {
			return verdict{NotFound, reason}, nil
		}
		return verdict{Refused, reason}, nil
	}
	if _, ok := errors.AsType[*bulkdata.OriginError](err); ok {
		return verdict{Refused, "it stands at a host that may not have the access token, or where no request may go"}, nil
	}
	if _, ok := errors.AsType[*bulkdata.ProtocolError](err); ok {
		return verdict{Invalid, "the server's answer breaks the standard"}, nil
	}
	return verdict{Refused, "it cannot be asked for"}, nil
}

// spend takes a request from the export's budget and gives the bytes that are
// left; false when it is spent. A runner that lost its lease gets ErrFenced.
func (f *fetcher) spend(ctx context.Context) (left int64, ok bool, err error) {
	err = f.Ledger.Do(ctx, func(tx *store.Tx) error {
		if err := tx.Hold(f.Lease); err != nil {
			return err
		}
		spent, err := tx.AttachmentSpending(f.Lease.Export)
		if err != nil {
			return err
		}
		left = f.Rules.BudgetBytes - spent.Bytes
		if ok = left > 0 && spent.Requests < f.Rules.BudgetRequests; !ok {
			return nil
		}
		return tx.SpendOnAttachments(f.Lease.Export, store.Spending{Requests: 1})
	})
	return left, ok, err
}

// settleUp counts the bytes that came, and takes back what did not leave.
func (f *fetcher) settleUp(tx *store.Tx) error {
	spent := store.Spending{Bytes: f.bytes, Requests: -f.unsent}
	if f.bytes, f.unsent = 0, 0; spent == (store.Spending{}) {
		return nil
	}
	return tx.SpendOnAttachments(f.Lease.Export, spent)
}

func (f *fetcher) record(ctx context.Context, row store.Fetched) error {
	return f.Ledger.Do(ctx, func(tx *store.Tx) error {
		if err := errors.Join(tx.Hold(f.Lease), f.settleUp(tx)); err != nil {
			return err
		}
		return tx.SetFetched(row)
	})
}
