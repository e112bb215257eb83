package trace

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
)

// Options are what a Tracer is made of. All fields are required.
type Options struct {
	Traces  config.Traces
	Version string            // what the build calls itself; may be empty
	Way     http.RoundTripper // to the collector
	Log     *slog.Logger
}

// A Tracer tells of exports. A nil one tells nothing. It may be used
// concurrently; it has goroutines of the library until Close.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

const (
	sendEvery = 5 * time.Second
	queueMost = 16 << 10 // spans that wait; more are dropped
	patience  = 10 * time.Second
)

// New makes a tracer; nil where no collector is configured. Nothing is sent
// before there is something to tell. The error is a problem of the
// configuration.
func New(ctx context.Context, o Options) (*Tracer, error) {
	if o.Traces.Endpoint == "" {
		return nil, nil //nolint:nilnil // nil is one that tells nothing
	}
	headers, err := o.Traces.Headers()
	if err != nil {
		return nil, err
	}
	collector, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(strings.TrimSuffix(o.Traces.Endpoint, "/")+"/v1/traces"),
		otlptracehttp.WithHeaders(headers), otlptracehttp.WithTimeout(patience), otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithHTTPClient(&http.Client{Transport: o.Way, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}),
	)
	if err != nil {
		return nil, err
	}
	return newTracer(&quiet{next: collector, log: o.Log}, o), nil
}

func newTracer(to sdk.SpanExporter, o Options) *Tracer {
	p := sdk.NewTracerProvider(
		sdk.WithBatcher(to, sdk.WithBatchTimeout(sendEvery), sdk.WithMaxQueueSize(queueMost), sdk.WithExportTimeout(3*patience)),
		sdk.WithSampler(sdk.TraceIDRatioBased(float64(o.Traces.Percent)/100)), // by the export's id: the same in every process
		sdk.WithIDGenerator(ids{}),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "bulkhead"), attribute.String("service.version", o.Version))),
	)
	return &Tracer{provider: p, tracer: p.Tracer("github.com/bulkhead-fhir/bulkhead")}
}

// Close sends what was told until ctx ends, and ends the tracer.
func (t *Tracer) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// A Step is a step of an export that begins.
type Step struct {
	Tenant, Export string
	Kind           string
	Attempt        int64 // failures in a row before it
}

// A Result is what came of a step.
type Result struct {
	Outcome string // done, later, problem, weather
	Code    string // of the problem; empty for none
	Files   int64
	Bytes   int64
	Lines   int64
}

// Step begins the span of a step; requests by the context that it gives are in
// it. end ends it, once.
func (t *Tracer) Step(ctx context.Context, s Step) (in context.Context, end func(Result)) {
	if t == nil {
		return ctx, func(Result) {}
	}
	id, root := idsOf(s.Tenant, s.Export)
	whole := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: root, TraceFlags: trace.FlagsSampled, Remote: true})
	in, span := t.tracer.Start(trace.ContextWithRemoteSpanContext(ctx, whole), s.Kind, trace.WithAttributes(
		attribute.String("bulkhead.tenant", s.Tenant), attribute.String("bulkhead.export", s.Export),
		attribute.String("bulkhead.step", s.Kind), attribute.Int64("bulkhead.attempt", s.Attempt),
	))
	return context.WithValue(in, stepKey{}, s), func(r Result) {
		span.SetAttributes(attribute.String("bulkhead.outcome", r.Outcome))
		for name, n := range map[string]int64{"bulkhead.files": r.Files, "bulkhead.bytes": r.Bytes, "bulkhead.lines": r.Lines} {
			if n > 0 {
				span.SetAttributes(attribute.Int64(name, n))
			}
		}
		fail(span, r.Code, r.Outcome == "weather")
		span.End()
	}
}

type stepKey struct{}

// fail marks a span as failed, by the code of a problem, or without one.
func fail(span trace.Span, code string, anyway bool) {
	if code != "" {
		span.SetAttributes(attribute.String("bulkhead.problem", code))
	}
	if code != "" || anyway {
		span.SetStatus(codes.Error, code)
	}
}

// An Export is one that has come to rest.
type Export struct {
	Tenant, ID             string
	Mode, Purpose          string
	State                  string
	Code                   string // of its problem
	Retries, Polls         int64
	RequestedAt, SettledAt time.Time
}

// Ended tells the span of a whole export. One that is resumed is told again,
// longer, under the same id.
func (t *Tracer) Ended(ctx context.Context, x Export) {
	if t == nil {
		return
	}
	id, root := idsOf(x.Tenant, x.ID)
	ctx = context.WithValue(ctx, rootKey{}, fixed{id, root})
	_, span := t.tracer.Start(ctx, "export", trace.WithNewRoot(), trace.WithTimestamp(x.RequestedAt), trace.WithAttributes(
		attribute.String("bulkhead.tenant", x.Tenant), attribute.String("bulkhead.export", x.ID), attribute.String("bulkhead.mode", x.Mode),
		attribute.String("bulkhead.purpose", x.Purpose), attribute.String("bulkhead.state", x.State),
		attribute.Int64("bulkhead.retries", x.Retries), attribute.Int64("bulkhead.polls", x.Polls),
	))
	fail(span, x.Code, false)
	span.End(trace.WithTimestamp(x.SettledAt))
}

// idsOf gives the ids of an export's trace and of its root.
func idsOf(tenant, export string) (id trace.TraceID, root trace.SpanID) {
	sum := sha256.Sum256([]byte("bulkhead export\n" + tenant + "\n" + export))
	return trace.TraceID(sum[:16]), trace.SpanID(sum[16:24])
}

type rootKey struct{}

type fixed struct {
	id   trace.TraceID
	root trace.SpanID
}

// ids makes the ids of spans: those of roots are known.
type ids struct{}

// NewIDs gives the ids of a root.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if known, ok := ctx.Value(rootKey{}).(fixed); ok {
		return known.id, known.root
	}
	var id trace.TraceID
	rand.Read(id[:]) //nolint:errcheck // it never fails
	return id, ids{}.NewSpanID(ctx, id)
}

// NewSpanID gives the id of a span that has a parent.
func (ids) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	rand.Read(id[:]) //nolint:errcheck // it never fails
	return id
}
