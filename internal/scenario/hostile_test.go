package scenario_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// beside gives a world of a practice and its neighbour, whose server is as it
// should be.
func beside(knobs func(*sandbox.Knobs)) scenario.Spec {
	spec := with(func(k *sandbox.Knobs) {
		k.Takes = 0
		if knobs != nil {
			knobs(k)
		}
	})
	spec.Patients, spec.LeavesFiles = 3, true
	spec.More = []scenario.Tenant{{ID: "neighbour", Patients: 3, Knobs: func(k *sandbox.Knobs) { k.Takes = 0 }}}
	return spec
}

// unnoticed exports both practices at once, the neighbour as if it were alone,
// and gives the hostile one's export.
func unnoticed(w *scenario.World) *scenario.Export {
	w.T().Helper()
	x, y := w.Request("lakeside", export.Wish{Full: true}), w.Request("neighbour", export.Wish{Full: true})
	began := time.Now()
	w.Want(w.Settle(y), life.Completed)
	if took := time.Since(began); took > time.Minute {
		w.T().Errorf("the neighbour's export took %v", took)
	}
	if n := len(w.Rows("patient", "neighbour")); n != 3 {
		w.T().Errorf("%d patients of the neighbour's, want 3", n)
	}
	return w.Settle(x)
}

// fails wants the export to have failed with the problem, and nothing of it published.
func fails(w *scenario.World, x *scenario.Export, code problem.Code) {
	w.T().Helper()
	w.Want(x, life.Failed)
	if p := w.Problem(x); p == nil || p.Code != code {
		w.T().Errorf("problem %v, want %s: %s", p, code, x)
	}
	if n := len(w.Rows("patient")); n > 0 {
		w.T().Errorf("%d patients of a hostile server are published", n)
	}
}

// An act answers one request; false leaves it to the usual answer.
type act func(q sandbox.Request, w http.ResponseWriter, r *http.Request, usual func() *httptest.ResponseRecorder) bool

// plays lets the hostile practice answer requests of a kind by act.
func plays(w *scenario.World, on sandbox.Kind, do act) {
	w.Play(func(q sandbox.Request, a http.ResponseWriter, r *http.Request, usual func() *httptest.ResponseRecorder) bool {
		return q.Practice == "LAKESIDE" && q.Kind == on && do(q, a, r, usual)
	})
}

// manifest edits the manifests of the hostile practice.
func manifest(edit func(m map[string]any)) act {
	return func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, usual func() *httptest.ResponseRecorder) bool {
		kept := usual()
		var m map[string]any
		if err := json.Unmarshal(kept.Body.Bytes(), &m); err != nil {
			panic(err) // it is the sandbox's own
		}
		edit(m)
		text, err := json.Marshal(m)
		if err != nil {
			panic(err)
		}
		maps.Copy(w.Header(), kept.Header())
		w.WriteHeader(kept.Code)
		w.Write(text)
		return true
	}
}

// endless writes text again and again until nobody takes it.
func endless(w io.Writer, text string) {
	for block := []byte(strings.Repeat(text, 1+(32<<10)/len(text))); ; {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

const patient = `{"resourceType":"Patient","id":"p1"}` + "\n"

func TestLinksToPlacesWhereNoFileIsAreNotFollowed(t *testing.T) {
	t.Attr("fault", "hostile: file URLs with file:, ftp:, data:, gopher: and http:, with a password, without a host -> failed with download_failed, nothing requested")
	t.Attr("fault", "hostile: file URLs to loopback, link-local (169.254.169.254), unspecified and multicast addresses -> failed with download_failed, nothing sent")
	t.Attr("fault", "hostile: path traversal in file URLs -> failed with download_failed, nothing written")
	urls := []string{
		"file:///etc/passwd", "ftp://ftp.ehr.test/x", "data:application/fhir+ndjson,%7B%7D", "gopher://x/1", "http://fhir.ehr.test/r4/LAKESIDE/x",
		"https://me:secret@fhir.ehr.test/x", "https:///x", "https://127.0.0.1/x", "https://localhost/x", "https://a.localhost/x", "https://[::1]/x",
		"https://[::ffff:127.0.0.1]/x", "https://169.254.169.254/latest/meta-data/", "https://[fe80::1]/x", "https://0.0.0.0/x", "https://224.0.0.1/x",
	}
	above := []string{
		"https://fhir.ehr.test/r4/LAKESIDE/../../../../etc/passwd", "https://fhir.ehr.test/r4/LAKESIDE/%2e%2e/%2e%2e/etc/passwd", "../../../../../etc/passwd",
	}
	for _, token := range []bool{true, false} {
		if !token {
			urls = append(urls, above...) // on the server's own origin, where the sandbox wants no token but the standard lets it go
		}
		hostile(t, beside(nil), func(w *scenario.World) {
			for i, u := range urls {
				plays(w, sandbox.KindPoll, manifest(func(m map[string]any) {
					m["output"], m["requiresAccessToken"] = []any{map[string]any{"type": "Patient", "url": u}}, token
				}))
				x := w.Full
				if i == 0 {
					x = func() *scenario.Export { return unnoticed(w) }
				}
				fails(w, x(), problem.DownloadFailed)
			}
			for _, host := range []string{"127.0.0.1", "localhost", "a.localhost", "::1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "ftp.ehr.test", ""} {
				if n := w.Net.Dialled(host); n > 0 {
					t.Errorf("%q was dialled", host)
				}
			}
		})
	}
}

func TestNamesOfTheServersReachNoPath(t *testing.T) {
	t.Attr("fault", "hostile: path traversal in the types of a manifest -> failed with manifest_invalid, nothing written")
	hostile(t, beside(nil), func(w *scenario.World) {
		for _, name := range []string{"../../../../evil", "Patient/../../evil", `..\..\evil`, "Patient\x00evil", "/evil", ".", "C:evil", strings.Repeat("evil", 500)} {
			plays(w, sandbox.KindPoll, manifest(func(m map[string]any) {
				for _, item := range m["output"].([]any) {
					item.(map[string]any)["type"] = name
				}
			}))
			fails(w, w.Full(), problem.ManifestInvalid)
		}
		w.Want(unnoticedAfter(w), life.Completed)
	})
}

// unnoticedAfter lets the hostile practice become a good one.
func unnoticedAfter(w *scenario.World) *scenario.Export {
	w.Play(nil)
	return unnoticed(w)
}

func TestNamesInHeadersAndResourcesReachNoPath(t *testing.T) {
	t.Attr("fault", "hostile: path traversal in Content-Disposition, in ids, and in names of documents -> kept as text, nothing written elsewhere")
	const evil = "../../../../evil"
	spec := beside(nil)
	spec.Types = []string{"DocumentReference", "Patient"}
	spec.Tenant.Config = "attachments: {fetch: true}\nagreement: {attachments: true}"
	hostile(t, spec, func(w *scenario.World) {
		plays(w, sandbox.KindFile, func(q sandbox.Request, a http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
			a.Header().Set("Content-Type", "application/fhir+ndjson")
			a.Header().Set("Content-Disposition", `attachment; filename="`+evil+`"; filename*=UTF-8''..%2F..%2Fevil`)
			kind, _, _ := strings.Cut(q.File, "-")
			fmt.Fprintf(a, `{"resourceType":%q,"id":%q,"content":[{"attachment":{"title":%[2]q,"contentType":%[2]q,"data":"aGVsbG8="}},`+
				`{"attachment":{"title":%[2]q,"contentType":"text/plain","url":%[2]q}},{"attachment":{"url":"file:///etc/passwd"}},{"attachment":{"url":"https://169.254.169.254/x"}}]}`+"\n", kind, evil)
			return true
		})
		x := unnoticed(w)
		w.Want(x, life.Completed)
		for name := range w.Raw(x) {
			if strings.Contains(name, "evil") {
				t.Errorf("the server named a file of ours: %s", name)
			}
		}
		if _, err := os.Stat(w.State() + "/" + evil); err == nil {
			t.Error("something was written where the server said")
		}
		if got := documents(w); got["stored"] > 0 {
			t.Errorf("documents %v", got)
		}
	})
}

func TestANameThatBeginsToLeadToThisMachineIsNotFollowed(t *testing.T) {
	t.Attr("fault", "hostile: DNS rebinding: a name that led to a server leads to this machine -> failed with download_failed, nothing sent; resumed when it leads to the server again, complete")
	for _, addr := range []string{"127.0.0.1:443", "[::1]:443", "169.254.169.254:443", "0.0.0.0:443", "[::ffff:127.0.0.1]:443"} {
		p := odd(func(k *sandbox.Knobs) { k.Access, k.Takes = sandbox.AccessPresigned, 0 })
		scenario.Run(t, p.Spec, func(w *scenario.World) {
			w.Net.Resolve("storage.ehr.test", addr)
			x := w.Export()
			wantProblem(w, x, problem.DownloadFailed)
			if n := w.Count(sandbox.KindStorage); n != 0 {
				t.Errorf("%s: %d requests", addr, n)
			}
			w.Net.Resolve("storage.ehr.test", "10.20.30.40:443")
			p.complete(w, w.Want(w.Resume(x), life.Completed))
		})
	}
}
