package blob

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"
)

func TestNamesAreOfTheFormWeMake(t *testing.T) {
	store, s := open(t, t.TempDir())
	for _, id := range []string{"", "North", "-north", "a/b", "..", "a.b", "a b", strings.Repeat("a", 64), "ä"} {
		if _, err := store.Tenant(id); !errors.Is(err, ErrName) {
			t.Errorf("Tenant(%q) = %v, want ErrName", id, err)
		}
	}
	for _, export := range []string{"", "../south", "a/b", ".", "-a", "a.b"} {
		if k, err := s.RawKey(export, "0-output-0-Patient"); !errors.Is(err, ErrName) {
			t.Errorf("RawKey(%q) = %q, %v", export, k, err)
		}
		if k, err := s.ManifestKey(export, 0); !errors.Is(err, ErrName) {
			t.Errorf("ManifestKey(%q) = %q, %v", export, k, err)
		}
	}
	for _, file := range []string{"", "x", "0-output-0-", "0-output-0-patient", "0-output-0-Patient/..", "-1-output-0-Patient", "0-Output-0-Patient"} {
		if k, err := s.StagedKey("e1", "patient", file, 0); !errors.Is(err, ErrName) {
			t.Errorf("StagedKey(%q) = %q, %v", file, k, err)
		}
		if k, err := s.QuarantineKey("e1", file); !errors.Is(err, ErrName) {
			t.Errorf("QuarantineKey(%q) = %q, %v", file, k, err)
		}
		if err := s.DeleteFiles(t.Context(), Staged, "e1", file); !errors.Is(err, ErrName) {
			t.Errorf("DeleteFiles(%q) = %v", file, err)
		}
	}
	for _, table := range []string{"", "a/b", "..", "a-b", "1a"} {
		if k, err := s.StagedKey("e1", table, "0-output-0-Patient", 0); !errors.Is(err, ErrName) {
			t.Errorf("StagedKey(%q) = %q, %v", table, k, err)
		}
	}
	if name, err := FileName(2, "output", 13, "Patient"); name != "2-output-13-Patient" || err != nil {
		t.Errorf("FileName = %q, %v", name, err)
	}
	if name, err := FileName(0, "output", 0, "../Patient"); !errors.Is(err, ErrName) {
		t.Errorf("FileName = %q, %v", name, err)
	}
}

func TestAScopeReachesOnlyItsOwnTenant(t *testing.T) {
	store, north := open(t, t.TempDir())
	south, err := store.Tenant("south")
	if err != nil {
		t.Fatal(err)
	}
	theirs := rawKey(t, south, "e1")
	if err := write(t.Context(), south, theirs, "south's"); err != nil {
		t.Fatal(err)
	}
	foreign := []Key{
		theirs, "raw/north/../south/e1/0-output-0-Patient.ndjson.zst", "raw/north/e1/../../south/e1/x",
		"raw//e1/x", "north/e1/x", "", "raw/north", "raw/north/e1", "raw/north/e1/", "other/north/e1/x",
		"raw/north/../x", "raw/north/e1//x", "raw/north/e1/./x", "/raw/north/e1/x",
	}
	for _, k := range foreign {
		if err := write(t.Context(), north, k, "x"); !errors.Is(err, ErrForeign) {
			t.Errorf("Create(%q) = %v", k, err)
		}
		if _, err := north.Open(t.Context(), k); !errors.Is(err, ErrForeign) {
			t.Errorf("Open(%q) = %v", k, err)
		}
		if _, err := north.Stat(t.Context(), k); !errors.Is(err, ErrForeign) {
			t.Errorf("Stat(%q) = %v", k, err)
		}
		if err := north.Delete(t.Context(), k); !errors.Is(err, ErrForeign) {
			t.Errorf("Delete(%q) = %v", k, err)
		}
		if _, _, err := north.LocalPath(t.Context(), k); !errors.Is(err, ErrForeign) {
			t.Errorf("LocalPath(%q) = %v", k, err)
		}
	}
	for e, err := range north.List(t.Context(), Raw, "e1") {
		t.Errorf("north lists %q, %v", e.Key, err)
	}
	if err := north.DeleteExport(t.Context(), Raw, "e1"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, south, theirs); got != "south's" {
		t.Errorf("south's file = %q", got)
	}
}

func read(t *testing.T, s *Scope, k Key) string {
	t.Helper()
	r, err := s.Open(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// scopes are the same tenant in a local store and in a remote one.
func scopes(t *testing.T) map[string]*Scope {
	_, local := open(t, t.TempDir())
	remote := New(memblob.OpenBucket(nil), t.TempDir())
	t.Cleanup(func() { remote.Close() })
	s, err := remote.Tenant("north")
	if err != nil {
		t.Fatal(err)
	}
	far := New(memblob.OpenBucket(nil), t.TempDir())
	t.Cleanup(func() { far.Close() })
	far.Encrypt(houseKeys(t))
	sealedFar, err := far.Tenant("north")
	if err != nil {
		t.Fatal(err)
	}
	_, sealed := openSealed(t, t.TempDir(), houseKeys(t))
	return map[string]*Scope{"local": local, "remote": s, "local, encrypted": sealed, "remote, encrypted": sealedFar}
}

func TestFilesOfAnExportAreListedAndDeletedByFile(t *testing.T) {
	for name, s := range scopes(t) {
		t.Run(name, func(t *testing.T) {
			for _, table := range []string{"patient", "_index"} {
				for _, file := range []string{"0-output-1-Patient", "0-output-11-Patient"} {
					for part := range 2 {
						k, err := s.StagedKey("e1", table, file, part)
						if err != nil {
							t.Fatal(err)
						}
						if err := write(t.Context(), s, k, file); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			if err := s.DeleteFiles(t.Context(), Staged, "e1", "0-output-1-Patient"); err != nil {
				t.Fatal(err)
			}
			want := []Key{
				"staged/north/e1/_index/0-output-11-Patient-0.parquet",
				"staged/north/e1/_index/0-output-11-Patient-1.parquet",
				"staged/north/e1/patient/0-output-11-Patient-0.parquet",
				"staged/north/e1/patient/0-output-11-Patient-1.parquet",
			}
			if diff := cmp.Diff(want, keys(t, s, Staged, "e1")); diff != "" {
				t.Error(diff)
			}
			if got := keys(t, s, Staged, "e"); got != nil {
				t.Errorf("export e lists the files of e1: %q", got)
			}
			if err := s.DeleteExport(t.Context(), Staged, "e1"); err != nil {
				t.Fatal(err)
			}
			if got := keys(t, s, Staged, "e1"); got != nil {
				t.Errorf("left after DeleteExport: %q", got)
			}
		})
	}
}

func keys(t *testing.T, s *Scope, a Area, export string) (all []Key) {
	t.Helper()
	for e, err := range s.List(t.Context(), a, export) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Key)
	}
	return all
}

func TestAFileIsReadBackAndDescribed(t *testing.T) {
	for name, s := range scopes(t) {
		t.Run(name, func(t *testing.T) {
			k := rawKey(t, s, "e1")
			if _, err := s.Open(t.Context(), k); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Open before = %v", err)
			}
			if _, err := s.Stat(t.Context(), k); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Stat before = %v", err)
			}
			if _, _, err := s.LocalPath(t.Context(), k); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("LocalPath before = %v", err)
			}
			if err := s.Delete(t.Context(), k); err != nil {
				t.Errorf("Delete before = %v", err)
			}
			text := strings.Repeat("0123456789", 30000)
			if err := write(t.Context(), s, k, text); err != nil {
				t.Fatal(err)
			}
			if got := read(t, s, k); got != text {
				t.Errorf("read %d bytes back, want %d", len(got), len(text))
			}
			if e, err := s.Stat(t.Context(), k); err != nil || e.Size != int64(len(text)) || e.Key != k {
				t.Errorf("Stat = %+v, %v", e, err)
			}
			path, release, err := s.LocalPath(t.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); string(got) != text {
				t.Errorf("file at LocalPath has %d bytes, %v", len(got), err)
			}
			release()
			if name != "local" {
				if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the copy is there after release: %v", err)
				}
			}
			if err := s.Delete(t.Context(), k); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Stat(t.Context(), k); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Stat after Delete = %v", err)
			}
		})
	}
}
