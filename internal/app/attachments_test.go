package app_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
)

// An archive is a server that exports some files as they are and serves
// documents.
type archive struct {
	*httptest.Server

	mu    sync.Mutex
	files map[string]string // NDJSON by type
	docs  map[string]string // content by path below the FHIR base
	asked map[string]int    // requests of documents
	flaky map[string]int    // how often a document is answered 503 first
}

func newArchive(t *testing.T) *archive {
	a := &archive{files: map[string]string{}, docs: map[string]string{}, asked: map[string]int{}, flaky: map[string]int{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

// ServeHTTP answers as a server that needs no authorization.
func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/fhir/")
	switch {
	case path == "$export":
		w.Header().Set("Content-Location", a.URL+"/fhir/status")
		w.WriteHeader(http.StatusAccepted)
	case path == "status" && r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusAccepted)
	case path == "status":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, a.manifest())
	case strings.HasPrefix(path, "files/"):
		w.Header().Set("Content-Type", "application/fhir+ndjson")
		_, _ = io.WriteString(w, a.files[strings.TrimPrefix(path, "files/")])
	default:
		a.document(w, path)
	}
}

func (a *archive) manifest() string {
	var output []string
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		output = append(output, fmt.Sprintf(`{"type":%q,"url":"%s/fhir/files/%s"}`, name, a.URL, name))
	}
	return `{"transactionTime":"2026-03-01T00:00:00Z","request":"` + a.URL + `/fhir/$export","requiresAccessToken":false,"output":[` +
		strings.Join(output, ",") + `],"error":[]}`
}

func (a *archive) document(w http.ResponseWriter, path string) {
	if path != "metadata" {
		a.asked[path]++
	}
	if a.flaky[path] > 0 {
		a.flaky[path]--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	text, ok := a.docs[path]
	if !ok {
		w.Header().Set("Content-Type", "application/fhir+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}`)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, text)
}

func (a *archive) requests() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = map[string]int{}
	return asked
}

// newReader starts a bulkhead that looks after the archive's practice.
func newReader(t *testing.T, a *archive, attachments string, log io.Writer) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	profile := config.Profiles()["standard"]
	profile.Poll = config.PollRule{Default: config.Duration(20 * time.Millisecond), Floor: config.Duration(10 * time.Millisecond), Ceiling: config.Duration(time.Second)}
	quick, err := profile.YAML()
	if err != nil {
		t.Fatal(err)
	}
	yaml := fmt.Sprintf(`
folder: state
profiles: profiles
limits: {retry: {first_wait: 5ms, longest_wait: 20ms, attempts: 6}}
tenants:
  - id: lakeside
    open: true
    allow_http: true
    level: system
    fhir_base_url: %s/fhir
    types: [DocumentReference, DiagnosticReport, Binary]
    attachments: {%s}
    agreement: {reference: A, status: active, effective_from: 2020-01-01, types: ['*'], groups: ['*'], sinks: ['*'], attachments: true}
`, a.URL, attachments)
	if err := errors.Join(os.Mkdir(filepath.Join(h.dir, "profiles"), 0o700),
		os.WriteFile(filepath.Join(h.dir, "profiles", "standard.yaml"), quick, 0o600),
		os.WriteFile(filepath.Join(h.dir, "bulkhead.yaml"), []byte(yaml), 0o600)); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(filepath.Join(h.dir, "bulkhead.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if h.App, err = app.Open(t.Context(), cfg, app.Options{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}); err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := h.Close(ended); err != nil {
			t.Error(err)
		}
	})
	return h
}

// documents gives the rows of the table of documents, by resource and path.
func (h *house) documents() map[string]string {
	h.t.Helper()
	got := map[string]string{}
	for _, row := range h.query(`SELECT resource_key || ' ' || path, outcome || coalesce(' ' || location, '') FROM attachment WHERE tenant_id = 'lakeside'`) {
		key, text := fmt.Sprint(row[0]), fmt.Sprint(row[1])
		outcome, location, stored := strings.Cut(text, " ")
		if stored {
			content, err := os.ReadFile(filepath.Join(h.dir, "state", "files", location))
			if err != nil {
				h.t.Error(err)
			}
			outcome += " " + string(content)
		}
		got[key] = outcome
	}
	return got
}

func reference(id, attachment string) string {
	return `{"resourceType":"DocumentReference","id":"` + id + `","meta":{"lastUpdated":"2026-02-01T00:00:00Z"},"status":"current","content":[{"attachment":{` + attachment + `}}]}` + "\n"
}

func TestDocumentsArePublishedAsAChildTable(t *testing.T) {
	t.Attr("shows", "BD-151 BD-152 BD-154 N8")
	const canary = "zebrawood"
	a := newArchive(t)
	inline := base64.StdEncoding.EncodeToString([]byte("inline"))
	a.files["DocumentReference"] = reference("fetched", `"contentType":"text/plain","title":"`+canary+`","url":"Binary/1?sig=`+canary+`"`) +
		reference("missing", `"contentType":"text/plain","url":"Binary/2"`) +
		reference("inside", `"contentType":"text/plain","data":"`+inline+`"`) +
		reference("video", `"contentType":"video/mp4","url":"Binary/3"`) +
		reference("bare", ``) + "{\n" +
		reference("flaky", `"contentType":"text/plain","url":"Binary/4"`)
	a.files["DiagnosticReport"] = `{"resourceType":"DiagnosticReport","id":"r","status":"final","presentedForm":[{"contentType":"text/plain","url":"Binary/1?sig=` + canary + `"}]}` + "\n"
	a.files["Binary"] = `{"resourceType":"Binary","id":"9","contentType":"text/plain","data":"` + inline + `"}` + "\n"
	a.docs["Binary/1"], a.docs["Binary/4"], a.flaky["Binary/4"] = "one", "four", 2
	var log syncBuffer
	h := newReader(t, a, "fetch: true", &log)
	x := h.export("lakeside", export.Wish{})
	want := map[string]string{
		"DocumentReference/fetched content[0].attachment": "stored one",
		"DocumentReference/missing content[0].attachment": "not_found",
		"DocumentReference/inside content[0].attachment":  "inline inline",
		"DocumentReference/video content[0].attachment":   "type_not_allowed",
		"DocumentReference/bare content[0].attachment":    "absent",
		"DocumentReference/flaky content[0].attachment":   "stored four",
		"DiagnosticReport/r presentedForm[0]":             "stored one",
		"Binary/9 $this":                                  "inline inline",
	}
	if diff := cmp.Diff(want, h.documents()); diff != "" {
		t.Error(diff)
	}
	if rows := h.query(`SELECT count(*) FROM document_reference`); fmt.Sprint(rows[0][0]) != "6" {
		t.Errorf("%v document references are in their table, want all 6", rows[0][0])
	}
	if n := rowsIn(t, filepath.Join(h.dir, "state", "parquet", "*", "current", "attachment.parquet")); n != 8 {
		t.Errorf("the Parquet table has %d rows, want 8", n)
	}
	asked := a.requests()
	if asked["Binary/1"] < 1 || asked["Binary/1"] > 2 || asked["Binary/2"] != 1 || asked["Binary/3"] != 0 || asked["Binary/4"] != 3 {
		t.Errorf("requests: %v", asked)
	}
	timeline, err := h.Store.In("lakeside").Timeline(t.Context(), x.ID)
	if err != nil || len(timeline) == 0 {
		t.Fatal(err)
	}
	for _, text := range []string{log.String(), dump(t, h.App)} {
		if len(text) < 200 || strings.Contains(text, canary) {
			t.Errorf("a title or a query is in the log or the ledger, or they are empty: %.200s", text)
		}
	}
}

func TestTheNextFullExportAsksForWhatIsNotHere(t *testing.T) {
	a := newArchive(t)
	a.files["DocumentReference"] = reference("a", `"contentType":"text/plain","url":"Binary/1"`) +
		reference("b", `"contentType":"text/plain","url":"Binary/2"`) + reference("c", `"contentType":"text/plain","url":"Binary/3"`)
	a.docs["Binary/1"], a.docs["Binary/2"] = "one", "two"
	h := newReader(t, a, "fetch: true, budget_requests: 1", io.Discard)
	rows := func(a, b, c string) map[string]string {
		return map[string]string{
			"DocumentReference/a content[0].attachment": a, "DocumentReference/b content[0].attachment": b, "DocumentReference/c content[0].attachment": c,
		}
	}
	for i, want := range []map[string]string{
		rows("stored one", "over_budget", "over_budget"), rows("stored one", "stored two", "over_budget"), rows("stored one", "stored two", "not_found"),
	} {
		h.export("lakeside", export.Wish{Full: true})
		if diff := cmp.Diff(want, h.documents()); diff != "" {
			t.Errorf("export %d: %s", i, diff)
		}
	}
	a.mu.Lock()
	a.docs["Binary/3"] = "three"
	a.mu.Unlock()
	h.export("lakeside", export.Wish{Full: true})
	if diff := cmp.Diff(rows("stored one", "stored two", "stored three"), h.documents()); diff != "" {
		t.Error(diff)
	}
	h.export("lakeside", export.Wish{Full: true})
	if diff := cmp.Diff(map[string]int{"Binary/1": 1, "Binary/2": 1, "Binary/3": 2}, a.requests()); diff != "" {
		t.Errorf("requests: %s", diff)
	}
}

func TestDocumentsAreLeftAloneUnlessTheyAreWanted(t *testing.T) {
	a := newArchive(t)
	a.files["DocumentReference"] = reference("a", `"contentType":"text/plain","url":"Binary/1"`)
	h := newReader(t, a, "fetch: false", io.Discard)
	h.export("lakeside", export.Wish{})
	if asked := a.requests(); len(asked) > 0 {
		t.Errorf("requests: %v", asked)
	}
	if rows := h.query(`SELECT table_name FROM information_schema.tables WHERE table_name = 'attachment'`); len(rows) > 0 {
		t.Error("there is a table of documents that nobody wants")
	}
}

// A syncBuffer may be written by several goroutines.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the text.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String gives the text.
func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
