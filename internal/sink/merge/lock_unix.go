//go:build unix

package merge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// A Lock is an advisory lock on a file. It keeps apart processes, and users
// within one process; it ends with its process.
type Lock struct{ f *os.File }

// Acquire takes the lock, shared or for itself alone, and waits for it as long
// as wait says; then it returns ErrLocked. The file at path stays for ever.
func Acquire(ctx context.Context, path string, shared bool, wait time.Duration) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	err = Wait(ctx, wait, func() error {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrLocked
		}
		return err
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return &Lock{f}, nil
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.f.Close() }
