package scenario_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// spansOf decodes what a collector got: every span, and all of it as it came.
func spansOf(t *testing.T, posts []posted) (spans []*otlp.Span, all []byte) {
	t.Helper()
	for _, p := range posts {
		body := p.body
		if p.header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, body...)
		var m coltrace.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		for _, r := range m.ResourceSpans {
			for _, s := range r.ScopeSpans {
				spans = append(spans, s.Spans...)
			}
		}
	}
	return spans, all
}

func attribute(s *otlp.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

func TestAnExportIsOneTraceAndSaysNothingOfAnybody(t *testing.T) {
	t.Attr("fault", "canary: a collector of traces gets the spans of exports that succeed and fail, over a restart -> one tree for each, without addresses, paths, queries, names or tokens")
	spec := scenario.Spec{Tenant: scenario.Tenant{Preset: "ecw", Knobs: func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 30*time.Minute, 5*time.Minute }}}
	spec.Config = "traces: {endpoint: 'http://localhost:4318', headers_file: " + secretFile(t, "Authorization: Bearer of-the-collector\n") + "}"
	scenario.Run(t, spec, func(w *scenario.World) {
		collector := listens(w, "localhost:4318")
		x := w.Await(w.Request(w.Tenant().ID, wishOf("test")), life.Polling)
		w.Pass(7 * time.Minute)
		w.Restart() // the rest is told by another process
		x = w.Want(w.Settle(x), life.Completed)
		w.Pass(time.Minute)
		posts := collector.take()
		if len(posts) == 0 || posts[0].path != "/v1/traces" || posts[0].header.Get("Authorization") != "Bearer of-the-collector" {
			t.Fatalf("%d posts", len(posts))
		}
		spans, all := spansOf(t, posts)
		tree(t, x.ID, spans)
		for _, word := range []string{scenario.Canary, "ehr.test", "https://", "/fhir", "_type", "_since", "Bearer", "eyJ", scenario.Group, x.StatusURL} {
			if bytes.Contains(bytes.ToLower(all), []byte(strings.ToLower(word))) {
				t.Errorf("%q is told", word)
			}
		}
	})
}

// tree looks whether the spans of an export are one tree: the export, its
// steps, their requests.
func tree(t *testing.T, export string, spans []*otlp.Span) {
	t.Helper()
	byID, kinds := map[string]*otlp.Span{}, map[string]int{}
	var root *otlp.Span
	for _, s := range spans {
		if attribute(s, "bulkhead.export") != export {
			t.Errorf("span %s is of another export", s.Name)
		}
		byID[string(s.SpanId)] = s
		if len(s.ParentSpanId) == 0 {
			if root != nil {
				t.Error("two roots")
			}
			root = s
		}
	}
	if root == nil || root.Name != "export" || attribute(root, "bulkhead.state") != "completed" {
		t.Fatalf("root = %v", root)
	}
	for _, s := range spans {
		if string(s.TraceId) != string(root.TraceId) || s != root && byID[string(s.ParentSpanId)] == nil {
			t.Errorf("span %s stands outside of the tree", s.Name)
			continue
		}
		if s.StartTimeUnixNano < root.StartTimeUnixNano || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("span %s is of another time", s.Name)
		}
		if s.Kind == otlp.Span_SPAN_KIND_CLIENT {
			if parent := byID[string(s.ParentSpanId)]; attribute(parent, "bulkhead.step") == "" {
				t.Errorf("request %s is of no step", s.Name)
			}
		}
		kinds[s.Name]++
	}
	for name, least := range map[string]int{
		"kickoff": 1, "poll": 3, "download": 1, "ingest": 1, "publish": 1, "POST token": 1, "GET Group/{id}/$export": 1, "GET status": 3, "GET file": 4,
	} {
		if kinds[name] < least {
			t.Errorf("%d spans %s, want %d; there are %v", kinds[name], name, least, kinds)
		}
	}
	if slices.ContainsFunc(spans, func(s *otlp.Span) bool { return s.Name == "GET other" }) {
		t.Errorf("a request has no name: %v", kinds)
	}
}

func TestACollectorThatIsDownCostsAnExportNothing(t *testing.T) {
	t.Attr("fault", "network: the collector of traces is down, or refuses -> exports go on, the log says so without its address")
	spec := with(func(*sandbox.Knobs) {})
	spec.Config = "traces: {endpoint: 'http://localhost:4318/secret-path'}"
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		collector := listens(w, "localhost:4318")
		collector.answer(403)
		began := time.Now()
		w.Want(w.Full(), life.Completed)
		w.Restart()
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		if log := w.Log(); !strings.Contains(log, "traces do not reach their collector") || strings.Contains(log, "secret-path") {
			t.Error("the log does not say so, or says where the collector is")
		}
	})
}
