package attachment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"golang.org/x/oauth2"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const outputFile = "0-output-0-DocumentReference"

// A bench is a practice with one ingested output file and its server.
type bench struct {
	t      *testing.T
	ledger *store.Store
	files  *blob.Scope
	server *httptest.Server
	lines  string
	opts   Options

	mu   sync.Mutex
	asks []string // "GET /path token", in order
	on   map[string]http.HandlerFunc
}

func newBench(t *testing.T, lines ...string) *bench {
	t.Helper()
	b := &bench{t: t, on: map[string]http.HandlerFunc{}}
	b.server = httptest.NewServer(b)
	t.Cleanup(b.server.Close)
	b.lines = strings.Join(lines, "\n") + "\n"
	b.open()
	return b
}

// ServeHTTP answers as the test says.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.asks = append(b.asks, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")))
	handler := b.on[r.URL.Path]
	b.mu.Unlock()
	if handler == nil {
		http.Error(w, `{"resourceType":"OperationOutcome"}`, http.StatusNotFound)
		return
	}
	handler(w, r)
}

func (b *bench) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asks
}

// gives makes the server give content at a path below the FHIR base.
func (b *bench) gives(path, contentType, content string) {
	b.on["/fhir/"+path] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, content)
	}
}

func (b *bench) answers(path string, statuses ...int) {
	n := 0
	b.on["/fhir/"+path] = func(w http.ResponseWriter, _ *http.Request) {
		status := statuses[min(n, len(statuses)-1)]
		n++
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "content")
	}
}

func (b *bench) open() {
	t := b.t
	var err error
	dir := t.TempDir()
	if b.ledger, err = store.Open(t.Context(), filepath.Join(dir, "ledger.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.ledger.Close() })
	files, err := blob.OpenLocal(filepath.Join(dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	if b.files, err = files.Tenant("lakeside"); err != nil {
		t.Fatal(err)
	}
	if err := b.ledger.PutTenants(t.Context(), []store.Tenant{{ID: "lakeside"}}); err != nil {
		t.Fatal(err)
	}
	b.opts = Options{
		Scope: b.files, Ledger: b.ledger.In("lakeside"), Lease: b.lease(),
		Rules: Rules{Permitted: true, ContentTypes: []string{"application/pdf", "text/*"}, MaxBytes: 1000, BudgetBytes: 1 << 20, BudgetRequests: 100},
		Open:  func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(b.lines)), nil },
		Ends:  func(error) error { return nil },
		Fetch: b.fetch(bulkdata.TokenForbidden),
	}
}

// lease begins an export and takes a step of it.
func (b *bench) lease() store.Lease {
	b.t.Helper()
	var x store.Export
	err := b.ledger.In("lakeside").Do(b.t.Context(), func(tx *store.Tx) error {
		id, err := tx.Request(store.Intent{Stream: "s", Endpoint: "e", Level: "system", Types: []string{"DocumentReference"}, Mode: "full", Sinks: []string{"tables"}})
		if err != nil {
			return err
		}
		if x, err = tx.Export(id); err != nil {
			return err
		}
		return tx.AddStep(id, "attach", outputFile, tx.Now())
	})
	if err != nil {
		b.t.Fatal(err)
	}
	var step int64
	if err := b.ledger.DB().QueryRow(`SELECT max(step_id) FROM step WHERE export_id = ?`, x.ID).Scan(&step); err != nil {
		b.t.Fatal(err)
	}
	lease, _, ok, err := b.ledger.Take(b.t.Context(), store.StepRef{ID: step, Tenant: "lakeside", Export: x.ID, Kind: "attach"}, "test")
	if err != nil || !ok {
		b.t.Fatal(ok, err)
	}
	return lease
}

// fetch asks the server by the Bulk Data client, with a token where access
// says so.
func (b *bench) fetch(access bulkdata.AccessRule) func(context.Context, Request) (*Answer, error) {
	client, err := bulkdata.New(bulkdata.Config{
		BaseURL: b.server.URL + "/fhir", HTTPClient: b.server.Client(), Tokens: staticToken{}, Tolerances: bulkdata.Tolerances{LoopbackHTTP: true},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return func(ctx context.Context, r Request) (*Answer, error) {
		body, err := client.OpenAttachment(ctx, bulkdata.Attachment{URL: r.URL, Access: access, Accept: r.Accept}, bulkdata.OpenOptions{})
		if err != nil {
			return nil, err
		}
		return &Answer{ContentType: body.ContentType, Length: body.Length, Body: body}, nil
	}
}

// run runs the step and gives its rows.
func (b *bench) run() (Summary, []map[string]any) {
	b.t.Helper()
	s, err := Run(b.t.Context(), b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	return s, b.rows(s)
}

// rows reads the staged rows; nulls are left out.
func (b *bench) rows(s Summary) (all []map[string]any) {
	b.t.Helper()
	for _, p := range s.Parts {
		path, release, err := b.files.LocalPath(b.t.Context(), blob.Key(p.Key))
		if err != nil {
			b.t.Fatal(err)
		}
		r, err := file.OpenParquetFile(path, false)
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, rowsOf(b.t, r)...)
		_ = r.Close()
		release()
		if r.NumRows() != p.Rows {
			b.t.Errorf("part %s has %d rows, want %d", p.Key, r.NumRows(), p.Rows)
		}
	}
	return all
}

func rowsOf(t *testing.T, r *file.Reader) (all []map[string]any) {
	t.Helper()
	reader, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	read, err := reader.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer read.Release()
	batches := array.NewTableReader(read, 0)
	defer batches.Release()
	for batches.Next() {
		batch := batches.RecordBatch()
		for i := range int(batch.NumRows()) {
			row := map[string]any{}
			for c, field := range batch.Schema().Fields() {
				if column := batch.Column(c); column.IsValid(i) {
					row[field.Name] = column.GetOneForMarshal(i)
				}
			}
			all = append(all, row)
		}
	}
	return all
}

// outcomes gives each row's outcome by its resource and path.
func outcomes(rows []map[string]any) map[string]string {
	got := map[string]string{}
	for _, r := range rows {
		got[fmt.Sprint(r["resource_key"], " ", r["path"])] = fmt.Sprint(r["outcome"])
	}
	return got
}

// content reads what a row says is in storage.
func (b *bench) content(row map[string]any) string {
	b.t.Helper()
	location, _ := row["location"].(string)
	r, err := b.files.Open(b.t.Context(), blob.Key(location))
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// stored lists the documents in storage.
func (b *bench) stored() map[string]int64 {
	b.t.Helper()
	all := map[string]int64{}
	for e, err := range b.files.List(b.t.Context(), blob.Attachments, b.opts.Lease.Export) {
		if err != nil {
			b.t.Fatal(err)
		}
		all[string(e.Key)] = e.Stored
	}
	return maps.Clone(all)
}

// note is a DocumentReference with one attachment of those members.
func note(id, members string) string {
	return `{"resourceType":"DocumentReference","id":"` + id + `","meta":{"lastUpdated":"2026-01-02T00:00:00Z"},"content":[{"attachment":{` + members + `}}]}`
}

type staticToken struct{}

func (staticToken) Token(context.Context) (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: "secret-token", TokenType: "Bearer"}, nil
}
