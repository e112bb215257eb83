package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

// memory makes a file that is in memory only, and not in any folder.
func memory() (*os.File, error) {
	fd, err := unix.MemfdCreate("bulkhead", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "memory"), nil
}
