package trace

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Around gives a way that tells a span of each request of a step, until its
// answer is read. Requests of no step are not told.
func (t *Tracer) Around(next http.RoundTripper) http.RoundTripper {
	if t == nil {
		return next
	}
	return traced{t, next}
}

type traced struct {
	tracer *Tracer
	next   http.RoundTripper
}

// RoundTrip sends the request.
func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	s, ok := r.Context().Value(stepKey{}).(Step)
	if !ok {
		return t.next.RoundTrip(r)
	}
	what := routeOf(s.Kind, r)
	ctx, span := t.tracer.tracer.Start(r.Context(), r.Method+" "+what, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("bulkhead.tenant", s.Tenant), attribute.String("bulkhead.export", s.Export),
		attribute.String("http.request.method", r.Method), attribute.String("url.template", what),
		attribute.Int64("http.request.resend_count", s.Attempt),
	))
	answer, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		fail(span, "", true)
		span.SetAttributes(attribute.String("error.type", "no_answer"))
		span.End()
		return answer, err
	}
	span.SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
	fail(span, "", answer.StatusCode >= http.StatusBadRequest)
	answer.Body = &counted{body: answer.Body, span: span}
	return answer, nil
}

// routeOf says what a request asks for, without where: paths hold the ids of
// groups and files.
func routeOf(step string, r *http.Request) string {
	p := r.URL.Path
	switch {
	case strings.HasSuffix(p, "/.well-known/smart-configuration"):
		return ".well-known/smart-configuration"
	case strings.HasSuffix(p, "/metadata"):
		return "metadata"
	case strings.HasSuffix(p, "/Patient/$export"):
		return "Patient/$export"
	case strings.HasSuffix(p, "$export") && strings.Contains(p, "/Group/"):
		return "Group/{id}/$export"
	case strings.HasSuffix(p, "$export"):
		return "$export"
	case r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return "token"
	}
	switch step {
	case "poll", "release":
		return "status"
	case "download", "gather":
		return "file"
	case "attach":
		return "document"
	}
	return "other"
}

// counted ends a span when the answer was read, and tells how long it was.
type counted struct {
	body io.ReadCloser
	span trace.Span
	n    atomic.Int64
	once sync.Once
}

// Read reads on.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	c.n.Add(int64(n))
	if err != nil {
		c.end(err != io.EOF)
	}
	return n, err
}

// Close ends the answer.
func (c *counted) Close() error {
	err := c.body.Close()
	c.end(false)
	return err
}

func (c *counted) end(broken bool) {
	c.once.Do(func() {
		c.span.SetAttributes(attribute.Int64("http.response.body.size", c.n.Load()))
		if broken {
			c.span.SetAttributes(attribute.String("error.type", "broken_body"))
			fail(c.span, "", true)
		}
		c.span.End()
	})
}
