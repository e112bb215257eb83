package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// kept gives a tracer and what it told, once it is closed.
func kept(t *testing.T, percent int) (*Tracer, func() []tracetest.SpanStub) {
	t.Helper()
	to := &held{InMemoryExporter: tracetest.NewInMemoryExporter()}
	tracer := newTracer(to, Options{Traces: config.Traces{Percent: percent}, Version: "test"})
	return tracer, func() []tracetest.SpanStub {
		if err := tracer.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		return to.told
	}
}

// held keeps what an exporter in memory forgets when it ends.
type held struct {
	*tracetest.InMemoryExporter
	told []tracetest.SpanStub
}

func (h *held) Shutdown(ctx context.Context) error {
	h.told = h.GetSpans()
	return h.InMemoryExporter.Shutdown(ctx)
}

func TestWithoutACollectorNothingIsTold(t *testing.T) {
	t.Parallel()
	tracer, err := New(t.Context(), Options{Log: slog.New(slog.DiscardHandler)})
	if tracer != nil || err != nil {
		t.Fatal(tracer, err)
	}
	ctx, end := tracer.Step(t.Context(), Step{Kind: "poll"})
	end(Result{})
	if ctx != t.Context() {
		t.Error("a context is made for nothing")
	}
	tracer.Ended(t.Context(), Export{})
	if tracer.Around(http.DefaultTransport) != http.DefaultTransport || tracer.Close(t.Context()) != nil {
		t.Error("something stands around requests")
	}
}

func TestTheSameExportsAreToldInEveryProcess(t *testing.T) {
	t.Parallel()
	var told [2]map[string]int
	for i := range told {
		tracer, spans := kept(t, 50)
		for n := range 400 {
			id := fmt.Sprint("x", n)
			_, end := tracer.Step(t.Context(), Step{Tenant: "t", Export: id, Kind: "poll"})
			end(Result{Outcome: "done"})
			tracer.Ended(t.Context(), Export{Tenant: "t", ID: id, RequestedAt: time.Unix(1, 0), SettledAt: time.Unix(2, 0)})
		}
		told[i] = map[string]int{}
		for _, s := range spans() {
			told[i][s.SpanContext.TraceID().String()]++
		}
	}
	if diff := cmp.Diff(told[0], told[1]); diff != "" {
		t.Error(diff)
	}
	if n := len(told[0]); n < 140 || n > 260 {
		t.Errorf("%d of 400 are told", n)
	}
	for id, n := range told[0] {
		if n != 2 {
			t.Errorf("trace %s has %d spans: a step without its export, or the other way round", id, n)
		}
	}
}

type way func(*http.Request) (*http.Response, error)

func (w way) RoundTrip(r *http.Request) (*http.Response, error) { return w(r) }

func TestARequestIsToldUntilItsAnswerIsRead(t *testing.T) {
	t.Parallel()
	tracer, spans := kept(t, 100)
	answer := func(status int, body io.Reader) way {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(body)}, nil
		}
	}
	ctx, end := tracer.Step(t.Context(), Step{Tenant: "t", Export: "x", Kind: "download", Attempt: 2})
	for _, next := range []way{
		answer(200, strings.NewReader("four")), answer(503, strings.NewReader("")), answer(200, io.MultiReader(strings.NewReader("ab"), broken{})),
		func(*http.Request) (*http.Response, error) { return nil, errors.New("dial secret.example") },
	} {
		r, err := http.NewRequestWithContext(ctx, "GET", "https://secret.example/Group/secret/f.ndjson?token=secret", nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := tracer.Around(next).RoundTrip(r)
		if err != nil {
			continue
		}
		_, _ = io.ReadAll(a.Body)
		a.Body.Close()
	}
	end(Result{Outcome: "problem", Code: "download_failed", Files: 1})
	var got []string
	for _, s := range spans() {
		var line strings.Builder
		line.WriteString(s.Name + " " + s.Status.Code.String())
		for _, a := range s.Attributes {
			if k := string(a.Key); k == "http.response.status_code" || k == "http.response.body.size" || k == "error.type" || k == "bulkhead.problem" || k == "http.request.resend_count" {
				line.WriteString(" " + a.Value.String())
			}
		}
		got = append(got, line.String())
		if text := fmt.Sprintf("%+v", s); strings.Contains(text, "secret") {
			t.Errorf("told: %s", text)
		}
	}
	want := []string{
		"GET file Unset 2 200 4", "GET file Error 2 503 0", "GET file Error 2 200 broken_body 2", "GET file Error 2 no_answer", "download Error download_failed",
	}
	// The size is told before or after what broke: compare without order within a line.
	for i := range got {
		got[i] = strings.Replace(got[i], "200 2 broken_body", "200 broken_body 2", 1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRequestsOfNoStepAreNotTold(t *testing.T) {
	t.Parallel()
	tracer, spans := kept(t, 100)
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://ehr.example/metadata", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tracer.Around(way(func(*http.Request) (*http.Response, error) { return &http.Response{Body: http.NoBody}, nil })).RoundTrip(r); err != nil {
		t.Fatal(err)
	}
	if n := len(spans()); n != 0 {
		t.Errorf("%d spans", n)
	}
}

func TestRoutesSayWhatAndNotWhere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ step, method, path, kind, want string }{
		{"kickoff", "GET", "/fhir/r4/ABC/Group/8a5c/$export", "", "Group/{id}/$export"},
		{"kickoff", "GET", "/fhir/Patient/$export", "", "Patient/$export"},
		{"kickoff", "POST", "/fhir/$export", "application/fhir+json", "$export"},
		{"kickoff", "POST", "/oauth2/token", "application/x-www-form-urlencoded", "token"},
		{"kickoff", "GET", "/fhir/.well-known/smart-configuration", "", ".well-known/smart-configuration"},
		{"kickoff", "GET", "/fhir/metadata", "", "metadata"},
		{"poll", "GET", "/job/1234", "", "status"},
		{"release", "DELETE", "/job/1234", "", "status"},
		{"download", "GET", "/files/anna-miller.ndjson", "", "file"},
		{"gather", "GET", "/f/1", "", "file"},
		{"attach", "GET", "/Binary/1", "", "document"},
		{"kickoff", "GET", "/elsewhere/anna", "", "other"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "https://ehr.example"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", c.kind)
		if got := routeOf(c.step, r); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
		}
	}
}

var _ sdk.SpanExporter = (*held)(nil)
