//go:build !linux

package blob

import (
	"errors"
	"os"
)

// memory is not to be had here: the sinks cannot read what is encrypted.
func memory() (*os.File, error) {
	return nil, noPath(errors.ErrUnsupported)
}
