package scenario_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// What a hostile server may cost at most, with the server itself, which is in
// the same process: bytes of the heap and of the state folder above what was
// there before, and simulated time.
const (
	heapAtMost = 300 << 20
	diskAtMost = 64 << 20
	timeAtMost = 2 * time.Hour
)

// hostile is scenario.Run for a server that wants to harm: it measures, in real
// time and from outside of the bubble, what heap and disk are at their worst.
func hostile(t *testing.T, spec scenario.Spec, play func(w *scenario.World)) {
	t.Helper()
	runtime.GC()
	g := &gauge{before: heapNow(), over: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.watch()
	}()
	scenario.Run(t, spec, func(w *scenario.World) {
		g.state.Store(new(w.State()))
		began := time.Now()
		play(w)
		if took := time.Since(began); took > timeAtMost {
			t.Errorf("it took %v of simulated time", took)
		}
		g.look()
	})
	close(g.over)
	<-done
	if most := g.heap.Load(); most > heapAtMost {
		t.Errorf("the heap grew by %d MiB", most>>20)
	}
	if most := g.disk.Load(); most > diskAtMost {
		t.Errorf("the state folder had %d MiB", most>>20)
	}
	t.Logf("at worst %d MiB of heap, %d MiB of disk", g.heap.Load()>>20, g.disk.Load()>>20)
}

// A gauge keeps the worst of what it sees.
type gauge struct {
	before     uint64
	heap, disk atomic.Uint64
	state      atomic.Pointer[string]
	over       chan struct{}
}

func (g *gauge) watch() {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-g.over:
			return
		case <-tick.C:
			g.look()
		}
	}
}

func (g *gauge) look() {
	if now := heapNow(); now > g.before {
		worst(&g.heap, now-g.before)
	}
	if state := g.state.Load(); state != nil {
		worst(&g.disk, sizeOf(*state))
	}
}

func worst(of *atomic.Uint64, seen uint64) {
	for {
		was := of.Load()
		if seen <= was || of.CompareAndSwap(was, seen) {
			return
		}
	}
}

// heapNow is what objects of the heap take, dead ones that are not yet swept
// among them.
func heapNow() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// sizeOf adds up the files of a folder; what goes away meanwhile is not counted.
func sizeOf(dir string) (sum uint64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // it is gone
		}
		if info, err := d.Info(); err == nil {
			sum += uint64(info.Size())
		}
		return nil
	})
	return sum
}

// The gauge sees what is there for a moment only.
func TestTheGaugeSeesTheWorst(t *testing.T) {
	runtime.GC() // what others left dead would go meanwhile
	runtime.GC()
	g := &gauge{before: heapNow()}
	dir := t.TempDir()
	g.state.Store(&dir)
	if err := os.WriteFile(filepath.Join(dir, "x"), make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<20)
	g.look()
	runtime.KeepAlive(block)
	if err := os.Remove(filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	g.look()
	if g.heap.Load() < 60<<20 || g.disk.Load() != 3<<20 {
		t.Errorf("%d bytes of heap, %d of disk", g.heap.Load(), g.disk.Load())
	}
}
