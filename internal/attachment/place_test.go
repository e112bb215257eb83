package attachment

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var errPause = errors.New("the minute is spent")

// paused makes the server ask for a pause at one document, once.
func (b *bench) paused(path string) {
	b.answers(path, 429, 200)
	b.opts.Ends = func(err error) error {
		if strings.Contains(err.Error(), "429") {
			return errPause
		}
		return nil
	}
}

func pointers() (lines []string) {
	for _, id := range []string{"1", "2", "3", "4"} {
		lines = append(lines, note("d"+id, `"contentType":"text/plain","url":"Binary/`+id+`"`))
	}
	return lines
}

func (b *bench) askedFor() (ids []string) {
	for _, ask := range b.asked() {
		ids = append(ids, strings.TrimPrefix(ask, "GET /fhir/Binary/"))
	}
	return ids
}

func TestARunGoesOnWhereTheLastOnePaused(t *testing.T) {
	b := newBench(t, pointers()...)
	for _, id := range []string{"1", "2", "4"} {
		b.gives("Binary/"+id, "text/plain", id)
	}
	b.paused("Binary/3")
	b.opts.Place = &Place{}
	if _, err := Run(t.Context(), b.opts); !errors.Is(err, errPause) {
		t.Fatal(err)
	}
	if at := b.opts.Place.before(); at != 2 {
		t.Errorf("it stands behind line %d, want 2", at)
	}
	// What is known of the documents before is not even looked up again.
	if _, err := b.ledger.DB().ExecContext(t.Context(), `DELETE FROM attachment`); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), b.opts); !errors.Is(err, errNotFetched) {
		t.Fatalf("documents that nobody knows any more are staged: %v", err)
	}
	if got := strings.Join(b.askedFor(), ""); got != "12334" {
		t.Errorf("asked for %s, want 12334", got)
	}
	s, rows := b.run() // and the file is looked through again
	if got := strings.Join(b.askedFor(), ""); got != "1233412" || s.Kept != 4 || len(rows) != 4 {
		t.Errorf("asked for %s, %d of %d documents are in storage", got, s.Kept, len(rows))
	}
}

func TestADocumentThatMetWeatherIsNotPassedOver(t *testing.T) {
	b := newBench(t, pointers()...)
	for _, id := range []string{"1", "3", "4"} {
		b.gives("Binary/"+id, "text/plain", id)
	}
	b.answers("Binary/2", 503, 200)
	b.opts.Place = &Place{}
	if _, err := Run(t.Context(), b.opts); err == nil {
		t.Fatal("nothing is to be asked for again")
	}
	s, _ := b.run()
	if got := b.askedFor(); !slices.Equal(got, []string{"1", "2", "3", "4", "2"}) || s.Kept != 4 {
		t.Errorf("asked for %v, %d documents are in storage", got, s.Kept)
	}
}

func TestARequestThatDidNotLeaveIsNotSpent(t *testing.T) {
	b := newBench(t, pointers()...)
	for _, id := range []string{"1", "2", "4"} {
		b.gives("Binary/"+id, "text/plain", id)
	}
	send := b.opts.Fetch
	b.opts.Fetch = func(ctx context.Context, r Request) (*Answer, error) {
		if r.URL == "Binary/3" {
			return nil, &bulkdata.NotSentError{Op: bulkdata.OpAttachment, Err: bulkdata.ErrNotSent}
		}
		return send(ctx, r)
	}
	if _, err := Run(t.Context(), b.opts); err == nil {
		t.Fatal("a document that was not asked for is known")
	}
	b.opts.Last = true
	s, _ := b.run()
	var spent store.Spending
	err := b.ledger.In("lakeside").Do(t.Context(), func(tx *store.Tx) (err error) {
		spent, err = tx.AttachmentSpending(b.opts.Lease.Export)
		return err
	})
	if err != nil || spent != (store.Spending{Requests: 3, Bytes: 3}) || s.Outcomes["failed"] != 1 {
		t.Errorf("spent %+v for %d requests, %v; %v", spent, len(b.asked()), err, s.Outcomes)
	}
}
