package export

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/blob"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// provenance is longer than what is looked at before a file is taken for one.
var provenance = strings.Repeat(`{"resourceType":"Provenance","id":"p1"}`+"\n", 5000)

// downloadFrom gives the download step of an export with one file, whose URL
// and status URL are at a scripted server.
func downloadFrom(t *testing.T, server *httptest.Server, file string) (Work, *Steps) {
	t.Helper()
	w, s := stepOf(t, Download, lakeside)
	files, err := blob.OpenLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.Close() })
	s.Files = files
	s.Connect = func(*config.Tenant, []string) (*bulkdata.Client, error) {
		return bulkdata.New(bulkdata.Config{BaseURL: server.URL, Tolerances: bulkdata.Tolerances{LoopbackHTTP: true}})
	}
	err = s.Store.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		listing := store.Listing{PageURL: server.URL + "/status", RequiresToken: string(bulkdata.TokenForbidden)}
		if err := tx.SetAccepted(&w.Export, server.URL+"/status", false, time.Now()); err != nil {
			return err
		}
		if err := tx.SetListed(&w.Export, listing); err != nil {
			return err
		}
		if err := tx.ListFiles(&w.Export, 0, []store.File{{
			Name: w.Lease.Subject, Section: "output", ResourceType: "Provenance", URL: server.URL + file, Expected: -1,
		}}); err != nil {
			return err
		}
		if err := tx.StartFiles(&w.Export, []string{w.Lease.Subject}); err != nil {
			return err
		}
		if err := tx.AddStep(w.Export.ID, Download, w.Lease.Subject, time.Now()); err != nil {
			return err
		}
		w.Export, err = tx.Export(w.Export.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	lease, _, ok, err := s.Store.Take(t.Context(), store.StepRef{ID: 1, Tenant: "lakeside"}, "test")
	if err != nil || !ok {
		t.Fatalf("take the step: %v, %v", ok, err)
	}
	w.Lease = lease
	return w, s
}

// inRaw reads the step's file as it is kept.
func inRaw(t *testing.T, s *Steps, w Work) string {
	t.Helper()
	scope, err := s.Files.Tenant("lakeside")
	if err != nil {
		t.Fatal(err)
	}
	key, err := scope.RawKey(w.Export.ID, w.Lease.Subject)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := scope.Open(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	z, err := zstd.NewReader(raw)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestALapsedLinkIsRenewedOnceFromThePageThatNamedTheFile(t *testing.T) {
	t.Attr("shows", "BD-117 M12 D4")
	for name, c := range map[string]struct {
		fresh         string // what the manifest names when it is asked again
		asks, fetches int
		stored        bool
	}{
		"and the fresh link works":           {"/file?sig=2", 1, 2, true},
		"and a fresh link that is no better": {"/file?sig=0", 1, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			asks, fetches := 0, 0
			var server *httptest.Server
			server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/status":
					asks++
					fmt.Fprintf(rw, `{"transactionTime":"2026-01-01T00:00:00Z","request":"x","requiresAccessToken":false,
						"output":[{"type":"Provenance","url":"%s"}],"error":[]}`, server.URL+c.fresh)
				case r.URL.Query().Get("sig") == "2":
					fetches++
					rw.Header().Set("Content-Type", "application/fhir+ndjson")
					io.WriteString(rw, provenance)
				default:
					fetches++
					rw.WriteHeader(http.StatusForbidden)
				}
			}))
			defer server.Close()
			w, s := downloadFrom(t, server, "/file?sig=1")
			outcome, err := s.Run(t.Context(), w)
			if stored := err == nil && len(outcome.(Stored).Files) == 1; stored != c.stored {
				t.Errorf("outcome %+v, %v; stored wanted: %v", outcome, err, c.stored)
			}
			if asks != c.asks || fetches != c.fetches {
				t.Errorf("%d status requests and %d of the file, want %d and %d", asks, fetches, c.asks, c.fetches)
			}
			if c.stored && inRaw(t, s, w) != provenance {
				t.Error("the raw file is not what the server sent")
			}
		})
	}
}

func TestALinkMayHaveLapsedByManyNames(t *testing.T) {
	t.Attr("shows", "M12 D4")
	for status, want := range map[int]bool{400: true, 403: true, 404: true, 410: true, 401: false, 429: false, 500: false} {
		if got := lapsed(&bulkdata.StatusError{Op: bulkdata.OpFile, Status: status}); got != want {
			t.Errorf("%d: lapsed %v", status, got)
		}
	}
}

func TestABrokenTransferGoesOnWhereItStopped(t *testing.T) {
	t.Attr("shows", "BD-134 BS-113")
	const half = 150_000
	for name, c := range map[string]struct {
		etags  []string // of the answers, one after the other
		stored bool
	}{
		"with the rest of the same file":            {[]string{`"a"`, `"a"`}, true},
		"and starts anew when the file has changed": {[]string{`"a"`, `"b"`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				etag := c.etags[min(len(asked), len(c.etags)-1)]
				asked = append(asked, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
				rw.Header().Set("Content-Type", "application/fhir+ndjson")
				rw.Header().Set("ETag", etag)
				rw.Header().Set("Accept-Ranges", "bytes")
				if r.Header.Get("Range") != "" {
					http.ServeContent(rw, r, "", time.Time{}, strings.NewReader(provenance))
					return
				}
				rw.Header().Set("Content-Length", fmt.Sprint(len(provenance)))
				io.WriteString(rw, provenance[:half])
				rw.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}))
			defer server.Close()
			w, s := downloadFrom(t, server, "/file")
			outcome, err := s.Run(t.Context(), w)
			if stored := err == nil && len(outcome.(Stored).Files) == 1; stored != c.stored {
				t.Fatalf("outcome %+v, %v; stored wanted: %v", outcome, err, c.stored)
			}
			if want := fmt.Sprintf(`bytes=%d- "a"`, half); len(asked) != 2 || asked[1] != want {
				t.Errorf("requests %q, the second wanted: %s", asked, want)
			}
			if c.stored {
				if inRaw(t, s, w) != provenance {
					t.Error("the raw file is not what the server has")
				}
				return
			}
			if !bulkdata.Temporary(err) {
				t.Errorf("%v is no weather: the file must be tried again from its start", err)
			}
		})
	}
}

func TestDeletionsOnAnEarlierPageAreReported(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		io.WriteString(rw, `{"transactionTime":"2026-01-01T00:00:00Z","request":"x","requiresAccessToken":false,"output":[],"error":[]}`)
	}))
	defer server.Close()
	w, s := downloadFrom(t, server, "/file")
	w.Lease.Kind, w.Lease.Subject = Poll, ""
	w.Export.Mode, w.Export.Page, w.Export.PageURL, w.Export.NextPollAt = Incremental, 1, server.URL+"/page", time.Time{}
	outcome, err := s.Run(t.Context(), w)
	listed, ok := outcome.(Listed)
	if !ok || err != nil {
		t.Fatalf("outcome %T, %v", outcome, err)
	}
	for _, n := range listed.Notes { // the engine knows all pages, and tells
		if n.Kind == "deletions_not_reported" {
			t.Errorf("the last page alone makes it say: %+v", n)
		}
	}
}
