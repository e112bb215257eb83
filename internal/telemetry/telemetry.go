// Package telemetry tells machines how bulkhead does: metrics for Prometheus,
// and whether the process is alive and ready. What is counted of exports is
// read from the ledger when it is asked for; what happens in this process,
// steps, requests and bytes, is counted as it happens and begins at zero with
// it.
//
// Practices are named by their ids, and no more of them than the configuration
// allows: those beyond share one id. No label holds anything that a server or a
// record says.
//
// https://prometheus.io/docs/practices/naming/
package telemetry

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Options are what metrics are made of. All fields but Free are required.
type Options struct {
	Config  func() *config.Config // the one in force now
	Store   *store.Store
	Ledger  string       // path of the ledger's file
	Version string       // what the build calls itself; empty when it says nothing
	Trouble func() error // why the ledger cannot be written at present; nil when it can

	// Free gives the free bytes on the disk of a folder. Nil: blob.Free.
	Free func(folder string) (int64, error)
}

// Metrics counts and tells. It may be used concurrently.
type Metrics struct {
	o     Options
	began time.Time
	pulse pulse

	steps, bytes, lines, requests *prometheus.CounterVec
	duration                      *prometheus.HistogramVec

	scrape sync.Mutex // held by the one that reads the ledger

	mu    sync.Mutex
	names names
}

// New makes metrics with every counter at zero.
func New(o Options) *Metrics {
	return &Metrics{
		o: o, began: time.Now(),
		steps:    counter("bulkhead_steps_total", "Steps that ran in this process, by kind and what came of them: done, later, problem or weather.", "kind", "outcome"),
		bytes:    counter("bulkhead_downloaded_bytes_total", "Bytes of NDJSON that this process has stored, by practice.", "tenant"),
		lines:    counter("bulkhead_lines_total", "Lines that this process has ingested, by practice and fate: delivered, refused or blank.", "tenant", "fate"),
		requests: counter("bulkhead_requests_total", "Requests that this process sent to practices' servers, by practice and answer: 2xx, 3xx, 4xx, 429, 5xx or none.", "tenant", "answer"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_step_duration_seconds", Help: "How long steps ran in this process, by kind.",
			Buckets: []float64{.01, .05, .25, 1, 5, 15, 60, 300, 900, 3600},
		}, []string{"kind"}),
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// names are the tenants that have metrics of their own, as of a configuration.
type names struct {
	of    *config.Config
	known map[string]bool
}

// others is the id that practices beyond the bound share.
const others = "others"

// tenant gives the label of a practice.
func (m *Metrics) tenant(id string) string {
	c := m.o.Config()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names.of != c {
		m.rename(c)
	}
	if m.names.known[id] {
		return id
	}
	return others
}

// rename takes over which practices have metrics of their own, and forgets what
// was counted of those that have none any more: else each reload would leave
// more of them.
func (m *Metrics) rename(c *config.Config) {
	before := m.names.known
	m.names = names{of: c, known: make(map[string]bool, len(c.Tenants))}
	for i := range c.Tenants[:min(len(c.Tenants), c.Metrics.Tenants)] {
		m.names.known[c.Tenants[i].ID] = true
	}
	for id := range before {
		if m.names.known[id] {
			continue
		}
		for _, counted := range []*prometheus.CounterVec{m.bytes, m.lines, m.requests} {
			counted.DeletePartialMatch(prometheus.Labels{"tenant": id})
		}
	}
}

// Answered counts a request to a practice's server and its answer; status 0
// says that none came.
func (m *Metrics) Answered(tenant string, status int) {
	class := "none"
	switch {
	case status == http.StatusTooManyRequests:
		class = "429"
	case status > 0:
		class = strconv.Itoa(status/100) + "xx"
	}
	m.requests.WithLabelValues(m.tenant(tenant), class).Inc()
}

// Stepped counts a step that ran: how long, and what it found out.
func (m *Metrics) Stepped(w export.Work, took time.Duration, o export.Outcome, err error) {
	m.steps.WithLabelValues(w.Lease.Kind, outcome(err)).Inc()
	m.duration.WithLabelValues(w.Lease.Kind).Observe(took.Seconds())
	if err != nil {
		return
	}
	tenant := m.tenant(w.Export.Tenant)
	switch o := o.(type) {
	case export.Stored:
		for _, f := range o.Files {
			m.bytes.WithLabelValues(tenant).Add(float64(f.Bytes))
		}
	case export.Staged:
		for _, f := range o.Files {
			m.lines.WithLabelValues(tenant, "delivered").Add(float64(f.Summary.Delivered))
			m.lines.WithLabelValues(tenant, "refused").Add(float64(f.Summary.Quarantined))
			m.lines.WithLabelValues(tenant, "blank").Add(float64(f.Summary.Blank))
		}
	}
}

// Handler serves /metrics, /healthz and /readyz. With a token, /metrics asks
// for it.
func (m *Metrics) Handler() (http.Handler, error) {
	token, err := m.o.Config().Metrics.Token()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", guarded(token, http.HandlerFunc(m.serve)))
	mux.HandleFunc("GET /healthz", m.health)
	mux.HandleFunc("GET /readyz", m.ready)
	return mux, nil
}

// serve answers with all metrics there are. What cannot be read is left out,
// and bulkhead_scrape_failed says so.
func (m *Metrics) serve(w http.ResponseWriter, r *http.Request) {
	registry := prometheus.NewRegistry()
	m.register(r.Context(), registry)
	w.Header().Set("Cache-Control", "no-store")
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
}

// register registers what was counted, and what is read while ctx lives.
func (m *Metrics) register(ctx context.Context, r prometheus.Registerer) {
	r.MustRegister(m.steps, m.bytes, m.lines, m.requests, m.duration, reading{m, ctx})
}

var errNoPulse = errors.New("the engine does not tick")
