package scenario_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

func TestFilesThatAreMoreThanTheySeemAreRefused(t *testing.T) {
	bomb := func(level int, text string, megabytes int) act {
		return func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
			w.Header().Set("Content-Encoding", "gzip")
			z, err := gzip.NewWriterLevel(w, level)
			if err != nil {
				panic(err)
			}
			io.WriteString(z, patient)
			block := []byte(strings.Repeat(text, (1<<20)/len(text)))
			for range megabytes {
				if _, err := z.Write(block); err != nil {
					return true
				}
			}
			z.Close()
			return true
		}
	}
	body := func(header http.Header, write func(w io.Writer)) act {
		return func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
			maps.Copy(w.Header(), header)
			write(w)
			return true
		}
	}
	squeezed := func(w io.Writer) {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err)
		}
		io.WriteString(z, strings.Repeat(patient, 100_000))
		z.Close()
	}
	headers := func(_ sandbox.Request, w http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n"); err == nil {
			endless(conn, "X-Long: "+strings.Repeat("x", 4000)+"\r\n")
		}
		panic(http.ErrAbortHandler)
	}
	ndjson := http.Header{"Content-Type": {"application/fhir+ndjson"}}
	for _, c := range []struct {
		name, fault string
		do          act
		why         string // a part of the problem
	}{
		{"gzip bomb", "gzip bomb of a thousand times its size", bomb(gzip.BestCompression, " ", 60), "expands beyond"},
		{"modest gzip bomb", "gzip that grows beyond limits.file_bytes", bomb(gzip.BestSpeed, patient+strings.Repeat("x", 71), 50), "larger than the limit"},
		{"zstd announced", "zstd that nobody asked for", body(http.Header{"Content-Encoding": {"zstd"}}, squeezed), "was not asked for"},
		{"zstd unannounced", "zstd that is not announced", body(ndjson, squeezed), "is binary"},
		{"endless line", "a line without end", body(ndjson, func(w io.Writer) {
			io.WriteString(w, `{"resourceType":"Patient","id":"`)
			endless(w, "x")
		}), "larger than the limit"},
		{"endless lines", "lines without end, no Content-Length", body(ndjson, func(w io.Writer) { endless(w, patient) }), "larger than the limit"},
		{"endless headers", "headers without end", headers, "could not be downloaded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Attr("fault", "hostile: "+c.fault+" -> failed with download_failed, in bounded memory and disk")
			spec := beside(nil)
			spec.Config = "limits: {file_bytes: 40MiB, retry: {attempts: 2}}"
			spec.Types = []string{"Patient"}
			hostile(t, spec, func(w *scenario.World) {
				plays(w, sandbox.KindFile, c.do)
				x := unnoticed(w)
				fails(w, x, problem.DownloadFailed)
				if raw := w.Raw(x); len(raw) > 0 {
					t.Errorf("%d files are kept", len(raw))
				}
				if p := w.Problem(x); !strings.Contains(p.Summary, c.why) {
					t.Errorf("problem %v, want %q", p, c.why)
				}
			})
		})
	}
}

func TestLinesThatAreTooLongOrTooDeepAreRefusedAlone(t *testing.T) {
	t.Attr("fault", "hostile: a line longer than limits.line_bytes -> quarantined, the rest complete")
	t.Attr("fault", "hostile: a line nested 100,000 deep -> quarantined, the rest complete")
	spec := beside(nil)
	spec.Config, spec.Types = "limits: {line_bytes: 1MiB}", []string{"Patient"}
	hostile(t, spec, func(w *scenario.World) {
		plays(w, sandbox.KindFile, func(_ sandbox.Request, a http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
			io.WriteString(a, patient)
			io.WriteString(a, `{"resourceType":"Patient","id":"long","language":"`+strings.Repeat("x", 2<<20)+`"}`+"\n")
			io.WriteString(a, `{"resourceType":"Patient","id":"deep","a":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"}\n")
			return true
		})
		x := w.Want(unnoticed(w), life.Completed)
		reasons := map[string]int{}
		for _, refused := range w.Quarantine(x) {
			reasons[string(refused.Reason)]++
		}
		if len(reasons) != 2 || len(w.Rows("patient")) != 1 {
			t.Errorf("refused %v, %d rows", reasons, len(w.Rows("patient")))
		}
	})
}

func TestAManifestOfAMillionFilesIsRefused(t *testing.T) {
	t.Attr("fault", "hostile: a manifest of a million files -> failed with manifest_invalid, in bounded memory")
	t.Attr("fault", "hostile: a manifest of more files than limits.files_per_export -> failed with manifest_invalid")
	for name, c := range map[string]struct {
		files  int
		config string
	}{"by its length": {1_000_000, ""}, "by its number": {1001, "limits: {files_per_export: 1000}"}} {
		t.Run(name, func(t *testing.T) {
			spec := beside(nil)
			spec.Config = c.config
			hostile(t, spec, func(w *scenario.World) {
				plays(w, sandbox.KindPoll, func(_ sandbox.Request, a http.ResponseWriter, _ *http.Request, _ func() *httptest.ResponseRecorder) bool {
					a.Header().Set("Content-Type", "application/json")
					io.WriteString(a, `{"transactionTime":"2026-03-02T12:00:00Z","request":"r","requiresAccessToken":true,"error":[],"output":[`)
					item := []byte(`{"type":"Patient","url":"https://fhir.ehr.test/r4/LAKESIDE/file/of/many"},`)
					for range c.files {
						if _, err := a.Write(item); err != nil {
							return true
						}
					}
					io.WriteString(a, `{"type":"Patient","url":"https://fhir.ehr.test/r4/LAKESIDE/the/last"}]}`)
					return true
				})
				x := unnoticed(w)
				fails(w, x, problem.ManifestInvalid)
				if len(x.Files) > 0 {
					t.Errorf("%d files are in the ledger", len(x.Files))
				}
			})
		})
	}
}

func TestAServerThatSendsAByteASecondIsGivenUp(t *testing.T) {
	t.Attr("fault", "hostile: slow-loris, a byte a second of a body -> failed with download_failed; other practices do not notice")
	spec := beside(func(k *sandbox.Knobs) {
		k.Ranges = false
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Do: sandbox.ActionStall, AtByte: 1, Pace: time.Second}}
	})
	spec.Config = "limits: {exports: 2, retry: {attempts: 1}}"
	hostile(t, spec, func(w *scenario.World) {
		began := time.Now()
		fails(w, unnoticed(w), problem.DownloadFailed)
		if took := time.Since(began); took > 30*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}
