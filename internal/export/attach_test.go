package export

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/attachment"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// attachable is the practice of these tests: its agreement permits documents.
const attachable = `
folder: FOLDER
limits: {retry: {attempts: 3}}
sinks: {tables: {kind: duckdb, file: tables.duckdb}, other: {kind: parquet, folder: other}}
tenants:
  - id: lakeside
    open: true
    fhir_base_url: https://lakeside.example/fhir
    level: group
    group: g1
    sinks: [tables]
    types: [Patient]
    attachments: {fetch: true}
    agreement: {reference: BAA-1, status: active, effective_from: 2020-01-01, types: [Patient, Provenance], groups: [g1], sinks: [tables], attachments: true}
`

// attaching gives a leased attach step of a file with two documents: one at
// the server, which answers as the test says, and one in its resource.
func attaching(t *testing.T, yaml string, server http.HandlerFunc) (Work, *Steps, *atomic.Int64) {
	t.Helper()
	w, s := stepOf(t, Attach, yaml)
	files, err := blob.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	s.Files = files
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		server(w, r)
	}))
	t.Cleanup(srv.Close)
	s.Connect = func(*config.Tenant, []string) (*bulkdata.Client, error) {
		return bulkdata.New(bulkdata.Config{BaseURL: srv.URL, HTTPClient: srv.Client(), Tolerances: bulkdata.Tolerances{LoopbackHTTP: true}})
	}
	rawFile(t, files, w.Export.ID, w.Lease.Subject)
	err = s.Store.In("lakeside").Do(t.Context(), func(tx *store.Tx) error { return tx.AddStep(w.Export.ID, Attach, w.Lease.Subject, tx.Now()) })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.DB().QueryRow(`SELECT step_id FROM step`).Scan(&w.Lease.ID); err != nil {
		t.Fatal(err)
	}
	w.Export.RequiresToken = string(bulkdata.TokenForbidden)
	retake(t, s, &w)
	return w, s, &asked
}

// retake leases the step again, as the next run of it does.
func retake(t *testing.T, s *Steps, w *Work) {
	t.Helper()
	lease, _, ok, err := s.Store.Take(t.Context(), w.Lease.StepRef, "test")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.Lease = lease
}

func rawFile(t *testing.T, files *blob.Store, export, name string) {
	t.Helper()
	scope, err := files.Tenant("lakeside")
	if err != nil {
		t.Fatal(err)
	}
	key, err := scope.RawKey(export, name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := scope.Create(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(out)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(z, `{"resourceType":"DocumentReference","id":"1","content":[{"attachment":{"contentType":"text/plain","url":"Binary/1"}},`+
		`{"attachment":{"contentType":"text/plain","data":"`+base64.StdEncoding.EncodeToString([]byte("x"))+`"}}]}`+"\n")
	if err = errors.Join(err, z.Close(), out.Commit(), out.Close()); err != nil {
		t.Fatal(err)
	}
}

func outcomesOf(t *testing.T, o Outcome, err error) map[string]int64 {
	t.Helper()
	a, ok := o.(Attached)
	if !ok || err != nil || len(a.Files) != 1 {
		t.Fatalf("the step gave %+v, %v", o, err)
	}
	return a.Files[0].Outcomes
}

func text(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "one")
}

// I1: documents are not stored unless the agreement allows it at that moment;
// the export goes on without them.
func TestDocumentsNeedTheAgreementsWord(t *testing.T) {
	w, s, _ := attaching(t, attachable, text)
	o, err := s.Run(t.Context(), w)
	if diff := cmp.Diff(map[string]int64{"stored": 1, "inline": 1}, outcomesOf(t, o, err)); diff != "" {
		t.Error(diff)
	}
	w, s, asked := attaching(t, strings.Replace(attachable, ", attachments: true}", "}", 1), text)
	o, err = s.Run(t.Context(), w)
	if diff := cmp.Diff(map[string]int64{"not_permitted": 2}, outcomesOf(t, o, err)); diff != "" || asked.Load() > 0 {
		t.Errorf("%d requests, %s", asked.Load(), diff)
	}
	w, s, asked = attaching(t, strings.Replace(attachable, "status: active", "status: suspended", 1), text)
	if _, err = s.Run(t.Context(), w); problem.Of(err) == nil || problem.Of(err).Code != problem.AgreementDenied || asked.Load() > 0 {
		t.Errorf("%d requests, %v, want the problem agreement_denied", asked.Load(), err)
	}
}

func TestNoDocumentIsAskedForOnceTheAgreementHasEnded(t *testing.T) {
	w, s, asked := attaching(t, strings.Replace(attachable, "status: active", "status: suspended", 1), text)
	lakeside := &s.Config.Tenants[0]
	client, err := s.Connect(lakeside, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.fetchFrom(client, lakeside, w.Export, bulkdata.TokenForbidden)(t.Context(), attachment.Request{URL: "Binary/1"})
	if p, ok := errors.AsType[*problem.Problem](endsAttaching(err)); !ok || p.Code != problem.AgreementDenied || asked.Load() > 0 {
		t.Errorf("%d requests, %v: the file's run must end with the problem agreement_denied", asked.Load(), err)
	}
}

func TestNoDocumentIsAskedForWhereTheVendorHasNone(t *testing.T) {
	w, s, _ := attaching(t, attachable, text)
	var elsewhere atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(srv.Close)
	lakeside := &s.Config.Tenants[0]
	s.Config.Profile(lakeside).FileOrigins = []string{"https://*.store.example"}
	client, err := s.Connect(lakeside, nil)
	if err != nil {
		t.Fatal(err)
	}
	fetch := s.fetchFrom(client, lakeside, w.Export, bulkdata.TokenForbidden)
	_, err = fetch(t.Context(), attachment.Request{URL: srv.URL + "/1"})
	if _, ok := errors.AsType[*bulkdata.OriginError](err); !ok || elsewhere.Load() > 0 {
		t.Errorf("%d requests, %v", elsewhere.Load(), err)
	}
	answer, err := fetch(t.Context(), attachment.Request{URL: "Binary/1"})
	if err != nil {
		t.Fatalf("a document of the practice's own server: %v", err)
	}
	_ = answer.Body.Close()
}

func TestADocumentOnADeadHostHoldsUpNoOther(t *testing.T) {
	t.Attr("fault", "network: documents stand on a host that is gone for good -> each is recorded as failed, the export goes on")
	practice := &config.Tenant{FHIRBaseURL: "https://ehr.example/fhir"}
	for origin, waits := range map[string]bool{"https://ehr.example": true, "https://gone.example": false} {
		err := aboutOne(practice, &bulkdata.NotSentError{Op: bulkdata.OpAttachment, Err: away(origin, time.Now().Add(time.Minute))})
		if end := endsAttaching(err); (end != nil) != waits || !bulkdata.Temporary(err) {
			t.Errorf("%s is away: %v, which ends the run with %v", origin, err, end)
		}
	}
}

func TestDocumentsWaitWhenTheServerAsksForIt(t *testing.T) {
	w, s, asked := attaching(t, attachable, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	before := time.Now()
	_, err := s.Run(t.Context(), w)
	later, ok := errors.AsType[*Later](err)
	if !ok || later.Until.Sub(before) < 89*time.Second || asked.Load() != 1 {
		t.Errorf("after %d requests the step gave %v", asked.Load(), err)
	}
}

// One document that cannot be had fails neither its resource nor the export.
func TestTheLastTryRecordsWhatTheServerNeverGave(t *testing.T) {
	t.Attr("shows", "BD-154")
	w, s, asked := attaching(t, attachable, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	for attempt := range int64(2) {
		w.Lease.Attempt = attempt
		if _, err := s.Run(t.Context(), w); !bulkdata.Temporary(err) {
			t.Errorf("try %d gave %v, want weather", attempt, err)
		}
		retake(t, s, &w)
	}
	w.Lease.Attempt = 2
	o, err := s.Run(t.Context(), w)
	if diff := cmp.Diff(map[string]int64{"failed": 1, "inline": 1}, outcomesOf(t, o, err)); diff != "" || asked.Load() != 3 {
		t.Errorf("%d requests, %s", asked.Load(), diff)
	}
}

func TestTheTokenForDocumentsIsOfTheTypesThatTheVendorHas(t *testing.T) {
	_, s, _ := attaching(t, attachable, text)
	lakeside := &s.Config.Tenants[0]
	x := store.Export{Intent: store.Intent{Types: []string{"Patient"}}}
	if diff := cmp.Diff([]string{"Binary", "Patient"}, s.attachTypes(lakeside, x)); diff != "" {
		t.Error(diff)
	}
	s.Config.Profile(lakeside).Types = []string{"Patient"}
	if diff := cmp.Diff([]string{"Patient"}, s.attachTypes(lakeside, x)); diff != "" {
		t.Error(diff)
	}
}

// A clock of the server's that is ahead must not make a changed document a
// known one.
func TestDocumentsAreKnownAsOfTheKickoffAtMost(t *testing.T) {
	sent := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for said, want := range map[string]time.Time{
		"2026-03-01T11:00:00Z": sent.Add(-time.Hour), "2026-03-01T13:00:00Z": sent, "": {}, "soon": {},
	} {
		if got := asOf(store.Export{TransactionTime: said, KickoffSentAt: sent}); !got.Equal(want) {
			t.Errorf("%q: as of %v, want %v", said, got, want)
		}
	}
	if got := asOf(store.Export{TransactionTime: "2026-03-01T13:00:00Z"}); !got.Equal(sent.Add(time.Hour)) { // of a replay
		t.Errorf("without a kick-off: %v", got)
	}
}
