package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// open returns a store and the scope of one tenant in it.
func open(t *testing.T, dir string) (*Store, *Scope) {
	t.Helper()
	s, err := OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	scope, err := s.Tenant("north")
	if err != nil {
		t.Fatal(err)
	}
	return s, scope
}

func rawKey(t *testing.T, s *Scope, export string) Key {
	t.Helper()
	k, err := s.RawKey(export, "0-output-0-Patient")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func write(ctx context.Context, s *Scope, k Key, text string) error {
	w, err := s.Create(ctx, k)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return w.Commit()
}

// files returns the paths of all files under dir but the lock, with their modes.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestACommitIsWholeOrNotThereAtEveryFault(t *testing.T) {
	t.Attr("fault", "step: writing a file fails at any moment of its commit -> the file is whole or as it was before, and nothing temporary stays")
	const old, new = "old content", "new content, longer"
	points := []struct {
		at      string
		visible bool // the new file is there although Commit failed
	}{
		{"before create", false},
		{"before write", false},
		{"before sync", false},
		{"after sync", false},
		{"before rename", false},
		{"after rename", true}, // the lost reply: whole, perhaps not yet durable
		{"before sync folder", true},
		{"after sync folder", true},
	}
	for _, p := range points {
		for _, before := range []string{"", old} {
			t.Run(fmt.Sprintf("%s over %q", p.at, before), func(t *testing.T) {
				dir := t.TempDir()
				store, s := open(t, dir)
				k := rawKey(t, s, "e1")
				if before != "" {
					if err := write(t.Context(), s, k, before); err != nil {
						t.Fatal(err)
					}
				}
				injected := errors.New("injected")
				hit := false
				store.local.fault = func(_ Area, step string) error {
					if step == p.at {
						hit = true
						return injected
					}
					return nil
				}
				if err := write(t.Context(), s, k, new); !errors.Is(err, injected) {
					t.Fatalf("write = %v, want the injected error", err)
				}
				if !hit {
					t.Fatal("the point was not passed")
				}
				store.Close()
				_, s = open(t, dir) // the next process
				want := before
				if p.visible {
					want = new
				}
				got, err := os.ReadFile(filepath.Join(dir, string(k)))
				if string(got) != want || (want == "") != errors.Is(err, fs.ErrNotExist) {
					t.Errorf("file = %q, %v; want %q", got, err, want)
				}
				if left := files(t, dir); len(left) > 1 {
					t.Errorf("left behind: %q", left)
				}
				if err := write(t.Context(), s, k, new); err != nil {
					t.Errorf("write again: %v", err)
				}
			})
		}
	}
}

func TestACrashLeavesOnlyTemporaryFilesAndOpenSweepsThem(t *testing.T) {
	t.Attr("fault", "machine: the process dies while it writes files -> only temporary files stay, and the next process sweeps them")
	dir := t.TempDir()
	store, s := open(t, dir)
	w, err := s.Create(t.Context(), rawKey(t, s, "e1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 2*writeBuffer)); err != nil {
		t.Fatal(err)
	}
	left := files(t, dir)
	if len(left) != 1 || !strings.HasPrefix(left[0], ".tmp/") {
		t.Fatalf("files while writing = %q, want one in .tmp", left)
	}
	second, err := OpenLocal(dir) // another process beside the first
	if err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("opening beside a writer swept its file: %q", got)
	}
	second.Close()
	store.Close() // as a kill does: the lock is gone, the file is not
	open(t, dir)
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left after the next open: %q", got)
	}
}

func TestCloseWithoutCommitAndAnEndedContextLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	_, s := open(t, dir)
	k := rawKey(t, s, "e1")
	w, err := s.Create(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := w.Commit(); err == nil {
		t.Error("Commit after Close = nil")
	}
	ctx, cancel := context.WithCancel(t.Context())
	if w, err = s.Create(ctx, k); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("whole")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit in an ended context = %v", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

func TestFilesAndFoldersAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	_, s := open(t, dir)
	if err := write(t.Context(), s, rawKey(t, s, "e1"), "x"); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(fileMode)
		if d.IsDir() {
			want = folderMode
		}
		if st.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", d.Name(), st.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAMachineProblemSaysWhatToDo(t *testing.T) {
	t.Attr("fault", "machine: the disk is full, read-only or gone at any moment of writing a file -> storage_full or storage_unwritable, which say what to do")
	tests := map[syscall.Errno]problem.Code{
		syscall.ENOSPC: problem.StorageFull, syscall.EDQUOT: problem.StorageFull,
		syscall.EACCES: problem.StorageUnwritable, syscall.EROFS: problem.StorageUnwritable,
		syscall.ENOENT: problem.StorageUnwritable,
	}
	for errno, want := range tests {
		for _, point := range []string{"before create", "before write", "before sync", "before rename", "before sync folder"} {
			store, s := open(t, t.TempDir())
			store.local.fault = func(_ Area, step string) error {
				if step == point {
					return &fs.PathError{Op: "write", Path: "x", Err: errno}
				}
				return nil
			}
			err := write(t.Context(), s, rawKey(t, s, "e1"), strings.Repeat("x", 2*writeBuffer))
			p := problem.Of(err)
			if p.Code != want || p.Remedy == "" || !errors.Is(err, errno) {
				t.Errorf("%v %s: problem %q, want %q", errno, point, p.Code, want)
			}
		}
	}
}

func TestAFolderThatCannotBeUsedIsAProblem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := OpenLocal(dir)
		if p := problem.Of(err); p.Code != problem.StorageUnwritable {
			t.Errorf("OpenLocal over a file: %v", err)
		}
	}
}

func TestNoLinkLeadsOutOfTheFolder(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	_, s := open(t, dir)
	if err := os.WriteFile(filepath.Join(outside, "0-output-0-Patient.ndjson.zst"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "raw", "north"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "raw", "north", "e1")); err != nil {
		t.Fatal(err)
	}
	k := rawKey(t, s, "e1")
	if r, err := s.Open(t.Context(), k); err == nil {
		r.Close()
		t.Error("Open followed a link out of the folder")
	}
	if err := write(t.Context(), s, k, "x"); err == nil {
		t.Error("Create followed a link out of the folder")
	}
}

func TestNothingIsListedOrDeletedThroughALink(t *testing.T) {
	t.Attr("fault", "hostile: a folder of a practice is replaced by a link to another practice's -> nothing is listed or deleted through it")
	for _, link := range []struct{ at, to string }{{"raw/north/e1", "../south/e1"}, {"raw/north", "south"}} {
		dir := t.TempDir()
		store, north := open(t, dir)
		south, err := store.Tenant("south")
		if err != nil {
			t.Fatal(err)
		}
		if err := write(t.Context(), south, rawKey(t, south, "e1"), "theirs"); err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, filepath.FromSlash(link.at))
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.Symlink(link.to, at)); err != nil {
			t.Fatal(err)
		}
		if err := north.DeleteExport(t.Context(), Raw, "e1"); problem.Of(err) == nil || problem.Of(err).Code != problem.StorageDamaged {
			t.Errorf("%s: to delete the export = %v", link.at, err)
		}
		if err := north.Delete(t.Context(), rawKey(t, north, "e1")); problem.Of(err) == nil || problem.Of(err).Code != problem.StorageDamaged {
			t.Errorf("%s: to delete its file = %v", link.at, err)
		}
		if got := read(t, south, rawKey(t, south, "e1")); got != "theirs" {
			t.Errorf("%s: the other practice's file is now %q", link.at, got)
		}
	}
}

func TestOfWritersThatMustBeFirstOneSucceeds(t *testing.T) {
	store, _ := open(t, t.TempDir())
	errs := make(chan error)
	for n := range 8 {
		go func() {
			errs <- store.bucket.WriteAll(t.Context(), "k", fmt.Appendf(nil, "%d", n), &blob.WriterOptions{IfNotExist: true})
		}()
	}
	won := 0
	for range 8 {
		switch err := <-errs; {
		case err == nil:
			won++
		case gcerrors.Code(err) != gcerrors.FailedPrecondition:
			t.Errorf("WriteAll = %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers succeeded, want 1", won)
	}
}

func FuzzEscape(f *testing.F) {
	for _, key := range []string{"a/b.c", "..", "../x", "a//b/", "/a", "%41", "x~attrs", ".tmp/y", "ü/\x00", "a/../b"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		p := pathOf(key)
		if keyOf(p) != key {
			t.Fatalf("keyOf(pathOf(%q)) = %q", key, keyOf(p))
		}
		if key == "" {
			return
		}
		if !fs.ValidPath(strings.ToValidUTF8(p, "?")) || p == "." || strings.HasPrefix(p, tempFolder) || strings.HasSuffix(p, sidecar) {
			t.Fatalf("pathOf(%q) = %q", key, p)
		}
	})
}
