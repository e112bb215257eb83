package cli

import (
	"os"
	"runtime"
	"runtime/debug"
)

// collectLess lets the garbage collector rest while memory is small, for a
// command that reads files with so many workers: its garbage is what its
// buffers were before they grew, and there is hardly any afterwards. Beyond the
// bound it collects as ever. A GOGC of the caller's stands. restore ends it.
func collectLess(workers int) (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	percent := debug.SetGCPercent(400)
	limit := debug.SetMemoryLimit(int64(48+32*workers) << 20)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
