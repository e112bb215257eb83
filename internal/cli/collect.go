package cli

import (
	"runtime"
	"runtime/debug"
)

// collectLess lets the garbage collector rest while memory is small, for a
// command that reads files with so many workers: its garbage is what its
// buffers were before they grew, and there is hardly any afterwards. Beyond the
// bound it collects as ever.
func collectLess(workers int) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(int64(48+32*workers) << 20)
}
