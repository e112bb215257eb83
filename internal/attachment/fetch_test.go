package attachment

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestTheTokenGoesAlongOnlyWhereTheManifestSaysSo(t *testing.T) {
	t.Attr("shows", "BD-153 BS-102 BS-103")
	for access, want := range map[bulkdata.AccessRule]string{
		bulkdata.TokenRequired: "GET /fhir/Binary/1 Bearer secret-token", bulkdata.TokenForbidden: "GET /fhir/Binary/1",
	} {
		b := newBench(t, note("d", `"contentType":"text/plain","url":"Binary/1"`))
		b.gives("Binary/1", "text/plain", "x")
		b.opts.Fetch = b.fetch(access)
		b.run()
		if diff := cmp.Diff([]string{want}, b.asked()); diff != "" {
			t.Errorf("requiresAccessToken %v: %s", access, diff)
		}
	}
}

func TestNoTokenGoesToAForeignHost(t *testing.T) {
	t.Attr("shows", "BD-150 BS-104")
	foreign := newBench(t)
	foreign.gives("note", "text/plain", "from elsewhere")
	for access, want := range map[bulkdata.AccessRule]struct {
		outcome string
		asked   []string
	}{
		bulkdata.TokenRequired:  {"refused", nil},
		bulkdata.TokenForbidden: {"stored", []string{"GET /fhir/note"}},
	} {
		b := newBench(t, note("d", `"contentType":"text/plain","url":"`+foreign.server.URL+`/fhir/note"`))
		b.opts.Fetch = b.fetch(access)
		foreign.asks = nil
		_, rows := b.run()
		if rows[0]["outcome"] != want.outcome {
			t.Errorf("requiresAccessToken %v: %v", access, rows[0])
		}
		if diff := cmp.Diff(want.asked, foreign.asked()); diff != "" {
			t.Errorf("requiresAccessToken %v: the foreign host was asked: %s", access, diff)
		}
	}
}

func TestARowSaysWhyADocumentIsNotInStorage(t *testing.T) {
	t.Attr("shows", "BD-154 N8")
	type setup func(b *bench)
	long := strings.Repeat("x", 2000)
	cases := []struct {
		name, attachment, outcome, reason string
		setup                             setup
		asked                             int
	}{
		{"declared too large", `"contentType":"text/plain","size":5000,"url":"Binary/1"`, "too_large", "it has 5000 bytes", nil, 0},
		{"announced too large", `"contentType":"text/plain","url":"Binary/1"`, "too_large", "more than max_bytes, which is 1000", func(b *bench) {
			b.on["/fhir/Binary/1"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				w.Header().Set("Content-Length", "2000")
				_, _ = io.WriteString(w, long)
			}
		}, 1},
		{"found too large", `"contentType":"text/plain","url":"Binary/1"`, "too_large", "more than max_bytes", func(b *bench) {
			b.on["/fhir/Binary/1"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				for range 200 {
					_, _ = io.WriteString(w, "0123456789")
					w.(http.Flusher).Flush()
				}
			}
		}, 1},
		{"too large inside", `"contentType":"text/plain","data":"` + encoded(long) + `"`, "too_large", "more than max_bytes", nil, 0},
		{"far too large inside", `"contentType":"text/plain","data":"` + encoded(long+long) + `"`, "too_large", "more than max_bytes", nil, 0},
		{"too large as a resource", `"contentType":"text/plain","url":"Binary/1"`, "too_large", "more than max_bytes", func(b *bench) {
			b.gives("Binary/1", "application/fhir+json", `{"data":"`+encoded(long)+`","resourceType":"Binary"}`)
		}, 1},
		{"declared type", `"contentType":"video/mp4","url":"Binary/1"`, "type_not_allowed", "not among content_types", nil, 0},
		{"declared type inside", `"contentType":"video/mp4","data":"aGk="`, "type_not_allowed", "not among content_types", nil, 0},
		{"answered type", `"url":"Binary/1"`, "type_not_allowed", "as answered", func(b *bench) { b.gives("Binary/1", "video/mp4", "x") }, 1},
		{"no type at all", `"url":"Binary/1"`, "type_not_allowed", "as answered", func(b *bench) { b.gives("Binary/1", "application/octet-stream", "x") }, 1},
		{"type of the resource", `"url":"Binary/1"`, "type_not_allowed", "as answered", func(b *bench) {
			b.gives("Binary/1", "application/json", `{"resourceType":"Binary","contentType":"video/mp4","data":"aGk="}`)
		}, 1},
		{"not permitted", `"contentType":"text/plain","url":"Binary/1"`, "not_permitted", "the agreement", func(b *bench) { b.opts.Rules.Permitted = false }, 0},
		{"not permitted inside", `"contentType":"text/plain","data":"aGk="`, "not_permitted", "the agreement", func(b *bench) { b.opts.Rules.Permitted = false }, 0},
		{"not found", `"contentType":"text/plain","url":"Binary/1"`, "not_found", "the server answered 404", nil, 1},
		{"gone", `"contentType":"text/plain","url":"Binary/1"`, "not_found", "the server answered 410", func(b *bench) { b.answers("Binary/1", 410) }, 1},
		{"forbidden", `"contentType":"text/plain","url":"Binary/1"`, "refused", "the server answered 403", func(b *bench) { b.answers("Binary/1", 403) }, 1},
		{"not acceptable", `"contentType":"text/plain","url":"Binary/1"`, "refused", "the server answered 406", func(b *bench) { b.answers("Binary/1", 406) }, 1},
		{"no web address", `"contentType":"text/plain","url":"ftp://files.example/1"`, "refused", "no request may go", nil, 0},
		{"plain http elsewhere", `"contentType":"text/plain","url":"http://files.example/1"`, "refused", "no request may go", nil, 0},
		{"a URN", `"contentType":"text/plain","url":"urn:oid:1.2.3"`, "refused", "no request may go", nil, 0},
		{"a web page", `"contentType":"application/pdf","url":"Binary/1"`, "invalid", "a web page", func(b *bench) { b.gives("Binary/1", "text/html", "<h1>Log in</h1>") }, 1},
		{"another resource", `"contentType":"application/pdf","url":"Binary/1"`, "invalid", "not what was announced", func(b *bench) {
			b.gives("Binary/1", "application/fhir+json", `{"resourceType":"OperationOutcome","issue":[]}`)
		}, 1},
		{"broken base64", `"contentType":"application/pdf","url":"Binary/1"`, "invalid", "not what was announced", func(b *bench) {
			b.gives("Binary/1", "application/fhir+json", `{"resourceType":"Binary","data":"aGk"}`)
		}, 1},
		{"no request left", `"contentType":"text/plain","url":"Binary/1"`, "over_budget", "has spent its budget", func(b *bench) { b.opts.Rules.BudgetRequests = 0 }, 0},
		{"too few bytes left", `"contentType":"text/plain","url":"Binary/1"`, "over_budget", "too small for it", func(b *bench) {
			b.opts.Rules.BudgetBytes = 3
			b.gives("Binary/1", "text/plain", "four")
		}, 1},
	}
	b := newBench(t)
	rules := b.opts.Rules
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b.lines, b.opts.Lease, b.opts.Rules = note("d", c.attachment)+"\n", b.lease(), rules
			b.on, b.asks = map[string]http.HandlerFunc{}, nil
			if c.setup != nil {
				c.setup(b)
			}
			s, rows := b.run()
			reason, _ := rows[0]["reason"].(string)
			if rows[0]["outcome"] != c.outcome || !strings.Contains(reason, c.reason) || rows[0]["location"] != nil || rows[0]["sha256"] != nil {
				t.Errorf("row %v, want %s: %s", rows[0], c.outcome, c.reason)
			}
			if len(b.asked()) != c.asked || len(b.stored()) > 0 || s.Kept > 0 {
				t.Errorf("%d requests, want %d; in storage: %v", len(b.asked()), c.asked, b.stored())
			}
		})
	}
}

func TestARunnerThatLostItsStepFetchesNothing(t *testing.T) {
	b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`))
	b.opts.Lease.Epoch--
	if _, err := Run(t.Context(), b.opts); !errors.Is(err, store.ErrFenced) {
		t.Errorf("Run = %v, want ErrFenced", err)
	}
	if len(b.asked()) > 0 {
		t.Errorf("requests: %q", b.asked())
	}
}

func TestWeatherIsMetAgainOnlyByTheDocumentsThatMetIt(t *testing.T) {
	b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`), note("b", `"contentType":"text/plain","url":"Binary/2"`),
		note("c", `"contentType":"text/plain","url":"Binary/3"`))
	b.answers("Binary/1", 503, 503, 200)
	b.gives("Binary/2", "text/plain", "two")
	b.answers("Binary/3", 503)
	for range 2 {
		_, err := Run(t.Context(), b.opts)
		if status, ok := errors.AsType[*bulkdata.StatusError](err); !ok || status.Status != 503 {
			t.Fatalf("Run = %v, want the server's 503", err)
		}
	}
	b.opts.Last = true
	_, rows := b.run()
	want := map[string]string{
		"DocumentReference/a content[0].attachment": "stored", "DocumentReference/b content[0].attachment": "stored",
		"DocumentReference/c content[0].attachment": "failed",
	}
	if diff := cmp.Diff(want, outcomes(rows)); diff != "" {
		t.Error(diff)
	}
	if got := len(b.asked()); got != 3+1+3 {
		t.Errorf("%d requests, want 7: %q", got, b.asked())
	}
}

func TestATransferThatEndsEarlyIsWeather(t *testing.T) {
	for _, kind := range []string{"text/plain", "application/fhir+json"} {
		b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`))
		b.on["/fhir/Binary/1"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, `{"resourceType":"Binary","data":"aGkaGkaGk`)
		}
		_, err := Run(t.Context(), b.opts)
		if _, ok := errors.AsType[*bulkdata.TruncatedError](err); !ok {
			t.Errorf("%s: Run = %v, want a TruncatedError", kind, err)
		}
		if len(b.stored()) > 0 {
			t.Errorf("%s: a part of a document is in storage", kind)
		}
	}
}

func TestAServerThatOnlyFailsOrRefusesIsNotAskedForEverything(t *testing.T) {
	var lines []string
	for i := range 50 {
		lines = append(lines, note(fmt.Sprint("d", i), fmt.Sprintf(`"contentType":"text/plain","url":"Binary/%d"`, i)))
	}
	for status, outcome := range map[int]string{503: "failed", 403: "refused"} {
		b := newBench(t, lines...)
		for i := range 50 {
			b.answers(fmt.Sprint("Binary/", i), status)
		}
		if status == 503 {
			if _, err := Run(t.Context(), b.opts); err == nil || len(b.asked()) != patience {
				t.Errorf("%d: %v after %d requests, want an end after %d", status, err, len(b.asked()), patience)
			}
			b.asks = nil
		}
		b.opts.Last = true
		s, _ := b.run()
		if s.Outcomes[outcome] != 50 || len(b.asked()) != patience {
			t.Errorf("%d: %v after %d requests", status, s.Outcomes, len(b.asked()))
		}
	}
}

func TestAnErrorThatEndsTheStepEndsTheRun(t *testing.T) {
	b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`), note("b", `"contentType":"text/plain","url":"Binary/2"`))
	b.answers("Binary/1", 429)
	later := errors.New("not before noon")
	b.opts.Ends = func(err error) error {
		if status, ok := errors.AsType[*bulkdata.StatusError](err); ok && status.Status == 429 {
			return later
		}
		return nil
	}
	if _, err := Run(t.Context(), b.opts); !errors.Is(err, later) || len(b.asked()) != 1 {
		t.Errorf("Run = %v after %d requests", err, len(b.asked()))
	}
}

func TestDocumentsEndBeforeTheDiskIsFull(t *testing.T) {
	t.Attr("fault", "machine: the disk has less than limits.free_bytes left while documents are stored -> the step ends with storage_full; resumed, what is here is not asked for again")
	full := errors.New("only 1 MiB are free")
	for name, lines := range map[string][]string{
		"fetched": {note("a", `"contentType":"text/plain","url":"Binary/1"`), note("b", `"contentType":"text/plain","url":"Binary/2"`)},
		"inline":  {note("a", `"contentType":"text/plain","data":"aGk="`), note("b", `"contentType":"text/plain","data":"aG8="`)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, lines...)
			b.gives("Binary/1", "text/plain", "one")
			b.gives("Binary/2", "text/plain", "two")
			looks := 0
			b.opts.Room = func() error {
				if looks++; looks == 2 {
					return full
				}
				return nil
			}
			if _, err := Run(t.Context(), b.opts); !errors.Is(err, full) || len(b.stored()) != 1 {
				t.Fatalf("%v; %d documents in storage", err, len(b.stored()))
			}
			before := len(b.asked())
			if s, _ := b.run(); s.Kept != 2 {
				t.Errorf("summary %+v", s)
			}
			if again := len(b.asked()) - before; again > 1 {
				t.Errorf("%d requests for one document that is not here", again)
			}
		})
	}
}

func TestTheDiskIsLookedAtWithinALargeDocument(t *testing.T) {
	b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`))
	b.opts.Rules.MaxBytes, b.opts.Rules.BudgetBytes = 1<<40, 1<<40
	chunk := strings.Repeat("x", 1<<20)
	b.on["/fhir/Binary/1"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	full, looks := errors.New("only 1 MiB are free"), 0
	b.opts.Room = func() error {
		if looks++; looks == 2 {
			return full
		}
		return nil
	}
	if _, err := Run(t.Context(), b.opts); !errors.Is(err, full) || len(b.stored()) > 0 {
		t.Errorf("%v; %d documents in storage", err, len(b.stored()))
	}
}
