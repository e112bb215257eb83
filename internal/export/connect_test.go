package export

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A wire answers requests in the place of a server.
type wire func(*http.Request) (*http.Response, error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func kickoffThrough(ctx context.Context, t *testing.T, next http.RoundTripper, ledger *store.Store) error {
	t.Helper()
	client, err := bulkdata.New(bulkdata.Config{
		BaseURL:    "https://ehr.example/fhir",
		HTTPClient: &http.Client{Transport: &window{next: next, ledger: ledger.In("lakeside"), endpoint: "e", limit: 3}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Kickoff(ctx, bulkdata.Request{Level: bulkdata.SystemLevel})
	return err
}

func ledgerOf(t *testing.T) *store.Store {
	t.Helper()
	ledger, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	return ledger
}

// I2: what was not sent is not shown as a kick-off without an answer.
func TestAKickoffThatTheLedgerCannotCountIsNotSent(t *testing.T) {
	sent := wire(func(*http.Request) (*http.Response, error) { t.Error("it was sent"); return nil, errors.New("sent") })
	broken := ledgerOf(t)
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	stopping, stop := context.WithCancel(t.Context())
	stop()
	for name, err := range map[string]error{
		"a ledger that cannot be written": kickoffThrough(t.Context(), t, sent, broken),
		"a step that is stopped":          kickoffThrough(stopping, t, sent, ledgerOf(t)),
	} {
		if err == nil || bulkdata.MayHaveStarted(err) {
			t.Errorf("%s: %v, which may have started an export", name, err)
		}
	}
	if _, ok := errors.AsType[*Later](explain(practice(), Work{}, kickoffThrough(t.Context(), t, sent, broken))); !ok {
		t.Error("trouble with the ledger counts as a failure of the export")
	}
}

func TestARefusalIsKnownThoughTheLedgerCannotNoteIt(t *testing.T) {
	ledger := ledgerOf(t)
	busy := wire(func(r *http.Request) (*http.Response, error) {
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
		return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})
	err := kickoffThrough(t.Context(), t, busy, ledger)
	if _, ok := errors.AsType[*bulkdata.BusyError](err); !ok {
		t.Errorf("kick-off = %v, want the server's answer", err)
	}
}
