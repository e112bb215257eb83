package export

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
)

// A Meter counts the bytes that exports move in this process, for people who
// watch. It is no record: the ledger has the facts.
type Meter struct {
	mu     sync.Mutex
	counts map[string]counters
}

// meteredAtMost bounds how many exports are counted: nobody watches those that
// have long ended.
const meteredAtMost = 1024

type counters struct{ downloaded, ingested *atomic.Int64 }

// NewMeter returns a meter at zero.
func NewMeter() *Meter { return &Meter{counts: map[string]counters{}} }

func (m *Meter) of(export string) counters {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.counts[export]
	if !ok {
		if len(m.counts) >= meteredAtMost {
			clear(m.counts)
		}
		c = counters{new(atomic.Int64), new(atomic.Int64)}
		m.counts[export] = c
	}
	return c
}

// Read gives the bytes of NDJSON that an export has downloaded and ingested in
// this process, repetitions included.
func (m *Meter) Read(export string) (downloaded, ingested int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.counts[export]
	if !ok {
		return 0, 0
	}
	return c.downloaded.Load(), c.ingested.Load()
}

// Forget drops an export's counts.
func (m *Meter) Forget(export string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.counts, export)
}

// metered counts what is read and ends with its context.
type metered struct {
	ctx   context.Context
	r     io.Reader
	count *atomic.Int64
}

func (m *metered) Read(p []byte) (int, error) {
	if m.ctx.Err() != nil {
		return 0, context.Cause(m.ctx)
	}
	n, err := m.r.Read(p)
	m.count.Add(int64(n))
	return n, err
}
