package scenario_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// chain answers every poll by another page of a manifest that never ends, with
// so many files.
func chain(files int) act {
	page := 0
	return func(_ sandbox.Request, w http.ResponseWriter, r *http.Request, _ func() *httptest.ResponseRecorder) bool {
		page++
		here := "https://fhir.ehr.test" + r.URL.Path
		var items []string
		for i := range files {
			items = append(items, fmt.Sprintf(`{"type":"Patient","url":"%s/file-%d-%d"}`, here, page, i))
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"transactionTime":"2026-03-02T12:00:00Z","request":"r","requiresAccessToken":true,"error":[],"output":[%s],"link":[{"relation":"next","url":"%s?page=%d"}]}`,
			strings.Join(items, ","), here, page+1)
		return true
	}
}

func TestAChainOfPagesThatNeverEndsIsLeft(t *testing.T) {
	const most = 120
	for _, c := range []struct {
		name  string
		files int // of a page
		pages int // that are asked for
		says  string
	}{
		{"without files", 0, most, "the manifest has more than 120 pages"},
		{"with a file each", 1, most, "the manifest has more than 120 pages"},
		{"with fifty files each", 50, 3, "the manifest names more than 120 files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Attr("fault", "hostile: a chain of manifest pages that never ends, "+c.name+" -> failed with manifest_invalid after as many pages or files as limits.files_per_export, and never more than 10,000 pages; other practices do not notice")
			spec := beside(nil)
			spec.Config = fmt.Sprintf("limits: {files_per_export: %d}", most)
			hostile(t, spec, func(w *scenario.World) {
				plays(w, sandbox.KindPoll, chain(c.files))
				began := time.Now()
				x := unnoticed(w)
				fails(w, x, problem.ManifestInvalid)
				if p := w.Problem(x); p == nil || p.Summary != c.says {
					t.Errorf("problem %v, want %q", p, c.says)
				}
				if n := w.Count(sandbox.KindPoll); n != c.pages {
					t.Errorf("%d pages were asked for, want %d", n, c.pages)
				}
				if n := w.Count(sandbox.KindFile); n != 0 {
					t.Errorf("%d files were asked for", n)
				}
				if took := time.Since(began); took > time.Duration(c.pages+60)*time.Second {
					t.Errorf("%d pages took %v", c.pages, took)
				}
				for table, bound := range map[string]int{"manifest_page": most, "output_file": most + 10, "event": 5*most + 50, "export_log": 2*most + 50, "step": most + 50} {
					if n := w.CountRows(table); n > bound {
						t.Errorf("%d rows of %s, want at most %d", n, table, bound)
					}
				}
			})
		})
	}
}
