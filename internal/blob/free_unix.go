//go:build linux || darwin

package blob

import "syscall"

// Free gives how many bytes are free on the disk of the folder dir.
func Free(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, explain(err, "look at the disk")
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // their types differ between systems
}
