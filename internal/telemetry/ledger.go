package telemetry

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/keyring"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// The metrics that are read, by what they tell.
var read = struct {
	exports, succeeded, asOf, agreement, tenant, window, budget              *prometheus.Desc
	queue, steps, alerts, unsent, untold, untaken, circuits, pauses, endings *prometheus.Desc
	free, ledger, trouble, build, failed, took, routines, heap, began        *prometheus.Desc
	verified, whole, broken, certificate                                     *prometheus.Desc
}{
	exports:   describe("bulkhead_exports", "Exports in the ledger, by practice and state.", "tenant", "state"),
	succeeded: describe("bulkhead_last_success_timestamp_seconds", "When a practice's last delivery completed.", "tenant"),
	asOf:      describe("bulkhead_last_transaction_timestamp_seconds", "As of when a practice's records are here: the transactionTime of its last complete delivery.", "tenant"),
	agreement: describe("bulkhead_agreement_end_timestamp_seconds", "When a practice's agreement ends; absent when it does not.", "tenant"),
	tenant:    describe("bulkhead_tenant_info", "Always 1: a practice, its registration and its vendor profile.", "tenant", "registration", "profile"),
	window:    describe("bulkhead_rate_window_requests", "Requests to a practice's server in the present clock minute.", "tenant"),
	budget:    describe("bulkhead_rate_limit_requests", "Requests to a practice's server that a clock minute has room for.", "tenant"),
	queue:     describe("bulkhead_queue_exports", "Exports that wait: requested for a slot, waiting for a server's time, unknown for a person.", "state"),
	steps:     describe("bulkhead_open_steps", "Steps that are ready or running, by kind.", "kind", "state"),
	alerts:    describe("bulkhead_alerts", "Alerts that are open, by kind and severity.", "kind", "severity"),
	unsent:    describe("bulkhead_unsent_notices", "Messages about alerts that have not left yet."),
	untold:    describe("bulkhead_unsent_callbacks", "Call-backs that have not arrived yet."),
	untaken:   describe("bulkhead_untaken_requests", "Requests of other programs that were not taken up yet."),
	endings:   describe("bulkhead_open_endings", "Agreements that are over and whose records are not all destroyed yet."),
	circuits:  describe("bulkhead_open_circuits", "Servers that cannot be reached: nothing is sent there but one request now and then."),
	pauses:    describe("bulkhead_pauses", "Pauses in force, of practices, of registrations, or of all.", "of"),
	free:      describe("bulkhead_disk_free_bytes", "Bytes that are free on the disk of the state folder."),
	ledger:    describe("bulkhead_ledger_bytes", "Size of the ledger's files."),
	trouble:   describe("bulkhead_ledger_trouble", "1 while outcomes cannot be recorded, 0 otherwise."),
	build:     describe("bulkhead_build_info", "Always 1: the version.", "version"),
	failed:    describe("bulkhead_scrape_failed", "1 when the ledger could not be read for these metrics, 0 otherwise."),
	routines:  describe("bulkhead_goroutines", "Goroutines of the process."),
	heap:      describe("bulkhead_heap_bytes", "Memory of the process's live and dead objects."),
	began:     describe("bulkhead_start_timestamp_seconds", "When the process began."),
	verified:  describe("bulkhead_audit_verified_timestamp_seconds", "When the chains of the audit record that are not broken were last verified up to their ends: of that which was so longest ago."),
	whole:     describe("bulkhead_audit_whole_timestamp_seconds", "When all rows of these chains were last verified: of that chain which was so longest ago."),
	broken:    describe("bulkhead_audit_broken_chains", "Chains of the audit record that were found broken, and that nobody has found whole since."),

	certificate: describe("bulkhead_certificate_end_timestamp_seconds", "Until when a certificate is good that the configuration names, by its field; absent for one that cannot be used.", "field"),
	took:        describe("bulkhead_scrape_duration_seconds", "How long reading the ledger took for these metrics."),
}

// patience is how long the ledger may take.
const patience = 15 * time.Second

// A reading is what the ledger, the configuration and the machine say when it
// is collected. It is of one scrape, whose context collectors are not given.
type reading struct {
	m   *Metrics
	ctx context.Context
}

// Describe tells all metrics that are read.
func (r reading) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		read.exports, read.succeeded, read.asOf, read.agreement, read.tenant, read.window, read.budget,
		read.queue, read.steps, read.alerts, read.unsent, read.untold, read.untaken, read.circuits, read.pauses, read.endings,
		read.verified, read.whole, read.broken, read.certificate,
		read.free, read.ledger, read.trouble, read.build, read.failed, read.took, read.routines, read.heap, read.began,
	} {
		ch <- d
	}
}

// Collect reads them. One scrape at a time reads the ledger.
func (r reading) Collect(ch chan<- prometheus.Metric) {
	r.m.scrape.Lock()
	defer r.m.scrape.Unlock()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	p, began, failed := page(ch), time.Now(), 0.0
	if err := r.m.collect(ctx, p); err != nil {
		failed = 1
	}
	p.gauge(read.failed, failed)
	p.gauge(read.took, time.Since(began).Seconds())
	r.m.machine(p)
}

// A page takes what is read.
type page chan<- prometheus.Metric

// gauge adds a value. There are as many values as d has labels.
func (p page) gauge(d *prometheus.Desc, value float64, values ...string) {
	metric, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, value, values...)
	if err != nil {
		metric = prometheus.NewInvalidMetric(d, err)
	}
	p <- metric
}

// waits tells what is on its way to an end: requests of other programs, and the
// records of agreements that are over.
func (m *Metrics) waits(ctx context.Context, p page) error {
	untaken, err := m.o.Store.UntakenRequests(ctx)
	if err != nil {
		return err
	}
	requests, open := int64(0), 0
	for _, u := range untaken {
		requests += u.Requests
	}
	p.gauge(read.untaken, float64(requests))
	endings, err := m.o.Store.LatestEndings(ctx)
	if err != nil {
		return err
	}
	for _, e := range endings {
		if e.EndedAt.IsZero() && e.CalledOffAt.IsZero() {
			open++
		}
	}
	p.gauge(read.endings, float64(open))
	return nil
}

// holds tells what holds exports back.
func (m *Metrics) holds(ctx context.Context, p page) error {
	circuits, err := m.o.Store.OpenCircuits(ctx)
	if err != nil {
		return err
	}
	p.gauge(read.circuits, float64(len(circuits)))
	pauses, err := m.o.Store.Pauses(ctx)
	if err != nil {
		return err
	}
	count := map[string]int{store.PauseTenant: 0, store.PauseRegistration: 0, store.PauseAll: 0}
	for _, pause := range pauses {
		count[pause.Scope]++
	}
	for of, n := range count {
		p.gauge(read.pauses, float64(n), of)
	}
	return nil
}

// record tells when the audit record was verified, and whether it was whole.
func (m *Metrics) record(ctx context.Context, p page) error {
	chains, err := m.o.Store.AuditWatched(ctx)
	if err != nil {
		return err
	}
	broken, sound, verified, whole := 0, 0, time.Now(), time.Now()
	for _, c := range chains {
		if c.Fault != nil {
			broken++
			continue
		}
		sound++
		if c.VerifiedAt.Before(verified) {
			verified = c.VerifiedAt
		}
		if c.WholeAt.Before(whole) {
			whole = c.WholeAt
		}
	}
	p.gauge(read.broken, float64(broken))
	if sound > 0 && !verified.IsZero() {
		p.gauge(read.verified, seconds(verified))
	}
	if sound > 0 && !whole.IsZero() {
		p.gauge(read.whole, seconds(whole))
	}
	return nil
}

func (m *Metrics) collect(ctx context.Context, p page) error {
	counts, err := m.o.Store.Counts(ctx)
	if err != nil {
		return err
	}
	m.exports(p, counts)
	for _, s := range counts.Steps {
		p.gauge(read.steps, float64(s.Count), s.Of, s.State)
	}
	for _, a := range counts.Alerts {
		p.gauge(read.alerts, float64(a.Count), a.Kind, a.Severity)
	}
	p.gauge(read.unsent, float64(counts.Unsent))
	p.gauge(read.untold, float64(counts.Untold))
	if err := m.waits(ctx, p); err != nil {
		return err
	}
	if err := m.record(ctx, p); err != nil {
		return err
	}
	if err := m.holds(ctx, p); err != nil {
		return err
	}
	last := map[string]store.Export{}
	for _, mode := range []string{"full", "incremental"} {
		list, err := m.o.Store.LastFinished(ctx, mode)
		if err != nil {
			return err
		}
		for _, x := range list {
			if x.EndedAt.After(last[x.Tenant].EndedAt) {
				last[x.Tenant] = x
			}
		}
	}
	m.freshness(p, last)
	return m.budgets(ctx, p)
}

// key is a pair of labels.
type key struct{ tenant, state string }

func (m *Metrics) exports(p page, counts store.Counts) {
	sum, queue := map[key]int64{}, map[string]int64{}
	for _, s := range []life.State{life.Requested, life.Waiting, life.Unknown} {
		queue[string(s)] = 0
	}
	for _, s := range counts.Exports {
		sum[key{m.tenant(s.Of), s.State}] += s.Count
		if _, waits := queue[s.State]; waits {
			queue[s.State] += s.Count
		}
	}
	for k, n := range sum {
		p.gauge(read.exports, float64(n), k.tenant, k.state)
	}
	for state, n := range queue {
		p.gauge(read.queue, float64(n), state)
	}
}

// freshness tells how old what is here is. Of practices that share an id it is
// that of the oldest.
func (m *Metrics) freshness(p page, last map[string]store.Export) {
	succeeded, asOf := map[string]float64{}, map[string]float64{}
	older := func(of map[string]float64, tenant string, t time.Time) {
		if at, ok := of[tenant]; !ok || seconds(t) < at {
			of[tenant] = seconds(t)
		}
	}
	for id, x := range last {
		tenant := m.tenant(id)
		older(succeeded, tenant, x.EndedAt)
		if t, err := fhir.ParseInstant(x.TransactionTime); err == nil {
			older(asOf, tenant, t)
		}
	}
	for tenant, at := range succeeded {
		p.gauge(read.succeeded, at, tenant)
	}
	for tenant, at := range asOf {
		p.gauge(read.asOf, at, tenant)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (m *Metrics) budgets(ctx context.Context, p page) error {
	windows, err := m.o.Store.RateWindows(ctx, time.Now())
	if err != nil {
		return err
	}
	spent := map[string]int64{}
	for _, w := range windows {
		spent[w.Tenant] += w.Requests
	}
	c := m.o.Config()
	for i := range c.Tenants {
		t := &c.Tenants[i]
		if m.tenant(t.ID) == others {
			continue
		}
		m.practice(p, c, t)
		if limit := c.RequestsPerMinute(t); limit > 0 {
			p.gauge(read.budget, float64(limit), t.ID)
			p.gauge(read.window, float64(spent[t.ID]), t.ID)
		}
	}
	return nil
}

func (m *Metrics) practice(p page, c *config.Config, t *config.Tenant) {
	profile := ""
	if known := c.Profile(t); known != nil {
		profile = known.Name
	}
	p.gauge(read.tenant, 1, t.ID, t.Registration, profile)
	if a := t.Agreement; a != nil && !a.ExpiresAt.IsZero() {
		p.gauge(read.agreement, seconds(a.ExpiresAt.Time), t.ID)
	}
}

func (m *Metrics) machine(p page) {
	for _, c := range keyring.Certificates(m.o.Config()) {
		if life, err := c.Life(); err == nil {
			p.gauge(read.certificate, seconds(life.Ends), c.Field)
		}
	}
	if free, err := m.free(m.o.Config().Folder); err == nil {
		p.gauge(read.free, float64(free))
	}
	size := int64(0)
	for _, name := range []string{m.o.Ledger, m.o.Ledger + "-wal"} {
		if fi, err := os.Stat(name); err == nil {
			size += fi.Size()
		}
	}
	p.gauge(read.ledger, float64(size))
	trouble := 0.0
	if m.o.Trouble() != nil {
		trouble = 1
	}
	p.gauge(read.trouble, trouble)
	version := m.o.Version
	if version == "" {
		version = "unknown"
	}
	p.gauge(read.build, 1, version)
	p.gauge(read.began, seconds(m.began))
	p.gauge(read.routines, float64(runtime.NumGoroutine()))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	p.gauge(read.heap, float64(memory.HeapAlloc))
}
