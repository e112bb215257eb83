package attachment

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/bulkdata"
	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func hash1(s string) string {
	sum := sha1.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func hash256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestADocumentInItsResourceIsDecodedAndDescribed(t *testing.T) {
	t.Attr("shows", "BD-151 N8")
	const text = "Felt better.\n"
	b := newBench(t,
		note("d1", `"contentType":"text/plain; charset=utf-8","title":"Visit","size":13,"hash":"`+hash1(text)+`","data":"`+encoded(text)+`"`),
		`{"resourceType":"Binary","id":"b1","contentType":"application/pdf","data":"`+encoded("%PDF")+`"}`)
	s, rows := b.run()
	export := b.opts.Lease.Export
	want := []map[string]any{{
		"tenant_id": "lakeside", "resource_type": "DocumentReference", "resource_key": "DocumentReference/d1", "path": "content[0].attachment",
		"position": int32(0), "outcome": "inline", "content_type": "text/plain", "title": "Visit", "declared_content_type": "text/plain; charset=utf-8",
		"declared_size": int64(13), "declared_sha1": fmt.Sprintf("%x", sha1.Sum([]byte(text))), "sha1_matches": true, "size": int64(13),
		"sha256": hash256(text), "location": "attachments/lakeside/" + export + "/" + outputFile + "/1-0", "stored_by_export": export,
		"source_file": export + "/" + outputFile, "source_line": int64(1),
	}, {
		"tenant_id": "lakeside", "resource_type": "Binary", "resource_key": "Binary/b1", "path": "$this",
		"position": int32(0), "outcome": "inline", "content_type": "application/pdf", "declared_content_type": "application/pdf", "size": int64(4),
		"sha256": hash256("%PDF"), "location": "attachments/lakeside/" + export + "/" + outputFile + "/2-0", "stored_by_export": export,
		"source_file": export + "/" + outputFile, "source_line": int64(2),
	}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	if got := b.content(rows[0]); got != text {
		t.Errorf("in storage: %q", got)
	}
	file := store.AttachedFile{File: outputFile, Found: 2, Kept: 2, Bytes: 17, Outcomes: map[string]int64{"inline": 2}}
	if diff := cmp.Diff(file, s.AttachedFile); diff != "" {
		t.Error(diff)
	}
	if len(b.asked()) > 0 {
		t.Errorf("requests: %q", b.asked())
	}
}

func TestADocumentWithAnAddressIsFetched(t *testing.T) {
	t.Attr("shows", "BD-151 BD-152 BD-154 N8")
	b := newBench(t,
		note("relative", `"contentType":"application/pdf","url":"Binary/1","hash":"`+hash1("%PDF-1")+`"`),
		note("absolute", `"contentType":"application/pdf","url":"BASE/files/2"`),
		note("as-resource", `"contentType":"application/pdf","url":"Binary/3","hash":"`+hash1("other")+`"`),
		note("unknown-type", `"url":"Binary/4"`),
		note("rooted", `"contentType":"text/html","url":"/files/5"`),
		`{"resourceType":"Binary","id":"6","contentType":"application/pdf"}`,
	)
	b.lines = strings.ReplaceAll(b.lines, "BASE", b.server.URL+"/fhir")
	b.gives("Binary/1", "application/pdf", "%PDF-1")
	b.gives("files/2", "application/octet-stream", "%PDF-2")
	b.gives("Binary/3", "application/fhir+json", `{"resourceType":"Binary","id":"3","meta":{"versionId":"1"},"contentType":"application/pdf","data":"`+encoded("%PDF-3")+`"}`)
	b.gives("Binary/4", "text/plain; charset=utf-8", "four")
	b.gives("Binary/6", "application/pdf", "%PDF-6")
	b.on["/files/5"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<p>")
	}
	_, rows := b.run()
	want := []struct {
		key, kind, content string
		matches            any
	}{
		{"relative", "application/pdf", "%PDF-1", true},
		{"absolute", "application/pdf", "%PDF-2", nil},
		{"as-resource", "application/pdf", "%PDF-3", false},
		{"unknown-type", "text/plain", "four", nil},
		{"rooted", "text/html", "<p>", nil},
		{"6", "application/pdf", "%PDF-6", nil},
	}
	for i, w := range want {
		r := rows[i]
		if !strings.HasSuffix(r["resource_key"].(string), "/"+w.key) || r["outcome"] != "stored" || r["content_type"] != w.kind || r["sha1_matches"] != w.matches {
			t.Errorf("row %d: %v, want %v", i, r, w)
			continue
		}
		if got := b.content(r); got != w.content || r["size"] != int64(len(got)) || r["sha256"] != hash256(got) {
			t.Errorf("%s: %q in storage, row %v", w.key, got, r)
		}
	}
}

func TestADocumentIsAskedForByItsOwnType(t *testing.T) {
	b := newBench(t, note("d", `"contentType":"application/pdf","url":"Binary/1"`), note("e", `"url":"Binary/2"`))
	accepts := map[string]string{}
	for _, path := range []string{"1", "2"} {
		b.on["/fhir/Binary/"+path] = func(w http.ResponseWriter, r *http.Request) {
			accepts[path] = r.Header.Get("Accept")
			w.Header().Set("Content-Type", "application/pdf")
		}
	}
	b.run()
	if diff := cmp.Diff(map[string]string{"1": "application/pdf, */*;q=0.1", "2": "*/*"}, accepts); diff != "" {
		t.Error(diff)
	}
}

func TestAllThatAnAttachmentMayLackIsTolerated(t *testing.T) {
	t.Attr("shows", "BD-152")
	b := newBench(t,
		note("url", `"contentType":"text/plain","url":"Binary/1"`),
		note("data", `"contentType":"text/plain","data":"aGk="`),
		note("both", `"contentType":"text/plain","data":"aGk=","url":"Binary/never"`),
		note("neither", `"contentType":"text/plain"`),
		note("nothing", ``),
		note("data-untyped", `"data":"aGk="`),
		note("escaped", `"contentType":"text/plain","data":"aG\u006b\u003D\r\n"`),
		note("broken", `"contentType":"text/plain","data":"aGk*"`),
		note("empty", `"contentType":"text/plain","data":""`),
		note("odd", `"contentType":7,"url":[],"data":{},"size":-1,"hash":"x"`),
		`{"resourceType":"DocumentReference","id":"no-list","content":{"attachment":{"contentType":"text/plain","data":"aGk="}}}`,
		`{"resourceType":"DocumentReference","id":"null","content":[null,{"attachment":null}]}`,
		`{"resourceType":"DocumentReference","id":"none"}`,
		`{"resourceType":"DocumentReference"}`,
	)
	b.gives("Binary/1", "text/plain", "one")
	s, rows := b.run()
	want := map[string]string{
		"DocumentReference/url content[0].attachment":          "stored",
		"DocumentReference/data content[0].attachment":         "inline",
		"DocumentReference/both content[0].attachment":         "inline",
		"DocumentReference/neither content[0].attachment":      "absent",
		"DocumentReference/nothing content[0].attachment":      "absent",
		"DocumentReference/data-untyped content[0].attachment": "type_not_allowed",
		"DocumentReference/escaped content[0].attachment":      "inline",
		"DocumentReference/broken content[0].attachment":       "invalid",
		"DocumentReference/empty content[0].attachment":        "inline",
		"DocumentReference/odd content[0].attachment":          "absent",
		"DocumentReference/no-list content.attachment":         "inline",
	}
	if diff := cmp.Diff(want, outcomes(rows)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"GET /fhir/Binary/1"}, b.asked()); diff != "" {
		t.Errorf("requests: %s", diff)
	}
	if s.Found != 11 || s.Kept != 6 || len(b.stored()) != 6 {
		t.Errorf("summary %+v, %d in storage", s, len(b.stored()))
	}
}

func TestTheBudgetIsTheExports(t *testing.T) {
	b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`), note("b", `"contentType":"text/plain","url":"Binary/2"`),
		note("c", `"contentType":"text/plain","url":"Binary/3"`), note("d", `"contentType":"text/plain","data":"aGk="`))
	for _, path := range []string{"Binary/1", "Binary/2", "Binary/3"} {
		b.gives(path, "text/plain", "12345")
	}
	b.opts.Rules.BudgetRequests, b.opts.AsOf = 2, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	_, rows := b.run()
	want := map[string]string{
		"DocumentReference/a content[0].attachment": "stored", "DocumentReference/b content[0].attachment": "stored",
		"DocumentReference/c content[0].attachment": "over_budget", "DocumentReference/d content[0].attachment": "inline",
	}
	if diff := cmp.Diff(want, outcomes(rows)); diff != "" {
		t.Error(diff)
	}
	b.opts.Lease = b.lease() // the next export has its own, and what is here stays here
	_, rows = b.run()
	if rows[2]["outcome"] != "stored" {
		t.Errorf("the next export: %v", rows[2])
	}
}

func TestASecondRunFetchesNothingTwice(t *testing.T) {
	t.Attr("shows", "BD-154")
	b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`), note("b", `"contentType":"text/plain","url":"Binary/2"`),
		note("c", `"contentType":"text/plain","data":"aGk="`), note("d", `"contentType":"text/plain","url":"Binary/4"`))
	b.gives("Binary/1", "text/plain", "one")
	b.gives("Binary/4", "text/plain", "four")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the process ends")
	b.on["/fhir/Binary/2"] = func(http.ResponseWriter, *http.Request) { cancel(stop); panic(http.ErrAbortHandler) }
	if _, err := Run(ctx, b.opts); !errors.Is(err, stop) {
		t.Fatalf("Run = %v, want its context's cause", err)
	}
	b.gives("Binary/2", "text/plain", "two")
	_, first := b.run()
	for range 2 {
		if _, again := b.run(); cmp.Diff(first, again) != "" {
			t.Error(cmp.Diff(first, again))
		}
	}
	want := []string{"GET /fhir/Binary/1", "GET /fhir/Binary/2", "GET /fhir/Binary/2", "GET /fhir/Binary/4"}
	if diff := cmp.Diff(want, b.asked()); diff != "" {
		t.Errorf("requests: %s", diff)
	}
	if len(first) != 4 || len(b.stored()) != 4 {
		t.Errorf("%d rows, in storage: %v", len(first), b.stored())
	}
}

func TestADocumentIsFetchedOnceForAllThatPointToIt(t *testing.T) {
	report := `{"resourceType":"DiagnosticReport","id":"r1","presentedForm":[{"contentType":"text/plain","url":"Binary/1","title":"another"}]}`
	b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`), report)
	b.gives("Binary/1", "text/plain", "one")
	_, rows := b.run()
	if len(rows) != 2 || rows[0]["location"] != rows[1]["location"] || len(b.asked()) != 1 {
		t.Errorf("%d requests, rows %v", len(b.asked()), rows)
	}
}

func TestABinaryThatTheExportBroughtIsNotAskedFor(t *testing.T) {
	t.Attr("shows", "BD-151 N8")
	b := newBench(t, `{"resourceType":"Binary","id":"1","contentType":"text/plain","data":"`+encoded("one")+`"}`,
		`{"resourceType":"Binary","id":"2","contentType":"video/mp4","data":"`+encoded("two")+`"}`)
	b.opts.Base = b.server.URL + "/fhir"
	_, brought := b.run()
	b.lines = note("relative", `"contentType":"text/plain","url":"Binary/1"`) + "\n" +
		note("absolute", `"contentType":"text/plain","url":"`+b.opts.Base+`/Binary/1"`) + "\n" +
		note("hashed", `"contentType":"text/plain","url":"Binary/1","hash":"`+hash1("one")+`"`) + "\n" +
		note("not-kept", `"contentType":"text/plain","url":"Binary/2"`) + "\n" +
		note("elsewhere", `"contentType":"text/plain","url":"Binary/3"`) + "\n"
	b.gives("Binary/2", "text/plain", "two")
	b.gives("Binary/3", "text/plain", "three")
	_, rows := b.run()
	for i, r := range rows {
		if r["outcome"] != "stored" || (r["location"] == brought[0]["location"]) != (i < 3) {
			t.Errorf("row %v", r)
		}
	}
	if rows[2]["sha1_matches"] != true {
		t.Errorf("row %v", rows[2])
	}
	if diff := cmp.Diff([]string{"GET /fhir/Binary/2", "GET /fhir/Binary/3"}, b.asked()); diff != "" {
		t.Errorf("requests: %s", diff)
	}
}

func TestALaterExportFetchesWhatMayHaveChanged(t *testing.T) {
	b := newBench(t, note("hashed", `"contentType":"text/plain","url":"Binary/1?sig=1","hash":"`+hash1("one")+`"`),
		note("old", `"contentType":"text/plain","url":"Binary/2"`), note("missing", `"contentType":"text/plain","url":"Binary/3"`),
		note("lying", `"contentType":"text/plain","url":"Binary/4","hash":"`+hash1("none")+`"`))
	for path, text := range map[string]string{"Binary/1": "one", "Binary/2": "two", "Binary/4": "four"} {
		b.gives(path, "text/plain", text)
	}
	b.opts.AsOf = time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	s, first := b.run()
	if diff := cmp.Diff([]string{Digest([]byte("DocumentReference/missing"))}, s.Pending); diff != "" {
		t.Errorf("resources that wait for a document: %s", diff)
	}
	later := func(lines string) []string {
		b.lines, b.opts.Lease, b.asks = lines, b.lease(), nil
		b.opts.AsOf = b.opts.AsOf.AddDate(0, 0, 7)
		_, rows := b.run()
		if rows[0]["location"] != first[0]["location"] || rows[0]["stored_by_export"] != first[0]["stored_by_export"] {
			t.Errorf("what is known to be the same is stored anew: %v", rows[0])
		}
		return b.asked()
	}
	if diff := cmp.Diff([]string{"GET /fhir/Binary/3", "GET /fhir/Binary/4"}, later(strings.Replace(b.lines, "sig=1", "sig=2", 1))); diff != "" {
		t.Errorf("unchanged resources: %s", diff)
	}
	changed := strings.ReplaceAll(b.lines, "2026-01-02", "2026-01-05")
	if diff := cmp.Diff([]string{"GET /fhir/Binary/2", "GET /fhir/Binary/3", "GET /fhir/Binary/4"}, later(changed)); diff != "" {
		t.Errorf("changed resources: %s", diff)
	}
}

func TestRefusedLinesHaveNoDocuments(t *testing.T) {
	b := newBench(t, note("a", `"contentType":"text/plain","url":"Binary/1"`), note("b", `"contentType":"text/plain","data":"aGk="`),
		note("long", `"contentType":"text/plain","data":"`+strings.Repeat("A", 4000)+`"`), "{", "", note("c", `"contentType":"text/plain","data":"aGk="`))
	b.opts.Refused, b.opts.MaxLine = &quarantine.Numbers{}, 2000
	b.opts.Refused.Add(1)
	_, rows := b.run()
	want := map[string]string{"DocumentReference/b content[0].attachment": "inline", "DocumentReference/c content[0].attachment": "inline"}
	if diff := cmp.Diff(want, outcomes(rows)); diff != "" || rows[1]["source_line"] != int64(6) {
		t.Errorf("%s, rows %v", diff, rows)
	}
}

func TestAFileWithoutDocumentsHasNoPart(t *testing.T) {
	b := newBench(t, note("a", `"contentType":"text/plain","data":"aGk="`))
	b.run()
	b.lines = `{"resourceType":"DocumentReference","id":"a"}` + "\n"
	if s, _ := b.run(); len(s.Parts) != 0 || s.Found != 0 {
		t.Errorf("summary %+v", s)
	}
	for e, err := range b.files.List(t.Context(), "staged", b.opts.Lease.Export) {
		t.Errorf("the part of an earlier run is still there: %v, %v", e, err)
	}
}

// A document is never held in memory, however it comes.
func TestALargeDocumentIsAStream(t *testing.T) {
	const size = 24 << 20
	b := newBench(t, note("raw", `"contentType":"application/pdf","url":"raw"`), note("resource", `"contentType":"application/pdf","url":"resource"`))
	b.opts.Rules.MaxBytes, b.opts.Rules.BudgetBytes = 2*size, 4*size
	chunk := bytes.Repeat([]byte("abc"), 16<<10)
	b.on["/fhir/raw"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/pdf")
		for range size / len(chunk) {
			_, _ = w.Write(chunk)
		}
	}
	b.on["/fhir/resource"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		_, _ = io.WriteString(w, `{"resourceType":"Binary","data":"`)
		text := []byte(base64.StdEncoding.EncodeToString(chunk))
		for range size / len(chunk) {
			_, _ = w.Write(text)
		}
		_, _ = io.WriteString(w, `","contentType":"application/pdf"}`)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, rows := b.run()
	runtime.ReadMemStats(&after)
	if s.Kept != 2 || rows[0]["size"] != int64(size) || rows[0]["sha256"] != rows[1]["sha256"] {
		t.Fatalf("rows %v", rows)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > size {
		t.Errorf("%d MiB were allocated for two documents of %d MiB", used>>20, size>>20)
	}
}

func TestErrorsTellNothingOfADocument(t *testing.T) {
	const canary = "zebrawood"
	b := newBench(t, note("d", `"contentType":"text/plain","title":"`+canary+`","url":"Binary/1?sig=`+canary+`"`))
	b.on["/fhir/Binary/1"] = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "sig="+canary {
			t.Errorf("the query was lost: %s", r.URL)
		}
		http.Error(w, canary, http.StatusServiceUnavailable)
	}
	b.opts.Fetch = b.fetch(bulkdata.TokenRequired)
	_, err := Run(t.Context(), b.opts)
	if err == nil || strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "secret-token") {
		t.Errorf("error: %v", err)
	}
	b.opts.Last = true
	b.run()
	var said string
	if err := b.ledger.DB().QueryRow(`SELECT group_concat(identity || outcome || reason || location) FROM attachment`).Scan(&said); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, "failed") || strings.Contains(said, canary) {
		t.Errorf("the ledger says %q", said)
	}
}

var _ http.Handler = (*bench)(nil)
