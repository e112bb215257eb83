//go:build !unix

package merge

import (
	"context"
	"time"
)

// A Lock does nothing where the system itself refuses to open a file twice.
type Lock struct{}

// Acquire returns at once.
func Acquire(ctx context.Context, _ string, _ bool, _ time.Duration) (*Lock, error) {
	return &Lock{}, ctx.Err()
}

// Release does nothing.
func (l *Lock) Release() error { return nil }
