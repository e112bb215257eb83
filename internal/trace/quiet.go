package trace

import (
	"context"
	"log/slog"
	"sync"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// quiet sends by next and keeps its errors from the library's own log, since
// they name the collector's address: ours says, once in a while, that traces do
// not leave.
type quiet struct {
	next sdk.SpanExporter
	log  *slog.Logger

	mu   sync.Mutex
	said time.Time
	lost int
}

const sayEvery = 10 * time.Minute

// ExportSpans sends spans. Those that cannot be sent are lost.
func (q *quiet) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := q.next.ExportSpans(ctx, spans)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		return nil
	}
	q.lost += len(spans)
	if now := time.Now(); now.Sub(q.said) > sayEvery {
		q.log.WarnContext(ctx, "traces do not reach their collector", "spans", q.lost)
		q.said, q.lost = now, 0
	}
	return nil
}

// Shutdown ends the sending.
func (q *quiet) Shutdown(ctx context.Context) error { return q.next.Shutdown(ctx) }
