package scenario

import (
	"os"
	"syscall"
	"testing"
)

const (
	inMemory   = "/dev/shm"
	roomNeeded = 2 << 30 // free bytes in memory that a folder there needs
)

// folder gives a folder that goes with the test: in memory where there is room,
// because what lasts over a loss of power is not played here, and waiting for a
// disk is most of the time of a world.
func folder(t *testing.T) string {
	t.Helper()
	var free syscall.Statfs_t
	if err := syscall.Statfs(inMemory, &free); err != nil || free.Bavail*uint64(free.Bsize) < roomNeeded {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(inMemory, "bulkhead-scenario-") //nolint:usetesting // it must be in memory
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
