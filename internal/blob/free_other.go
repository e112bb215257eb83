//go:build !linux && !darwin

package blob

import "math"

// Free knows no disk here: there is always room.
func Free(string) (int64, error) { return math.MaxInt64, nil }
