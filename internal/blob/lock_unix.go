//go:build unix && !solaris

package blob

import (
	"errors"
	"os"
	"syscall"
)

// lockExclusive reports whether no other process has the lock. It does not
// wait. The end of the process, however it comes, releases the lock.
func lockExclusive(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// lockShared shares the lock, and waits while another process sweeps.
func lockShared(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_SH) }
