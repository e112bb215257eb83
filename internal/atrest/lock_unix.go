//go:build unix && !solaris

package atrest

import (
	"os"
	"syscall"
)

// lockWhole waits until no other process has the lock. Closing the file, and
// the end of the process, however it comes, give it up.
func lockWhole(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }
