package machinetest

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// disk mounts a disk of its own at a folder, until the test ends.
func (p *place) disk(t *testing.T, folder string) {
	t.Helper()
	dir := p.path(folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=24m,mode=700"); err != nil {
		t.Fatalf("mount a disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount a disk: %v", err)
		}
	})
}

// ballast is the file that fills a disk.
const ballast = "/ballast"

// fill takes every byte of a disk.
func (p *place) fill(t *testing.T, folder string) {
	t.Helper()
	f, err := os.Create(p.path(folder) + ballast)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size >= 1; {
		_, err := f.Write(make([]byte, size))
		switch {
		case errors.Is(err, syscall.ENOSPC):
			size /= 16
		case err != nil:
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// free gives the space back.
func (p *place) free(t *testing.T, folder string) {
	t.Helper()
	if err := os.Remove(p.path(folder) + ballast); err != nil {
		t.Fatal(err)
	}
}

// turn makes a disk read-only, or writable again.
func (p *place) turn(t *testing.T, folder string, readOnly bool) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if readOnly {
		flags |= syscall.MS_RDONLY
	}
	await(t, "a disk without writers", func() bool {
		err := syscall.Mount("none", p.path(folder), "tmpfs", flags, "")
		if err != nil && !errors.Is(err, syscall.EBUSY) {
			t.Fatalf("remount a disk: %v", err)
		}
		return err == nil
	})
}
