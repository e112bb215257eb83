package blob

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// houseKeys are keys with a house key of their own, without a ledger.
func houseKeys(t testing.TB) *atrest.Keys {
	t.Helper()
	path := filepath.Join(t.TempDir(), "house.json")
	if _, err := atrest.NewHouseKey(path); err != nil {
		t.Fatal(err)
	}
	house, err := atrest.OpenHouse(&config.Config{Folder: t.TempDir(), Encryption: config.Encryption{KeyFile: path}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return atrest.New(atrest.Options{Folder: filepath.Join(t.TempDir(), atrest.FolderName), House: house})
}

func openSealed(t *testing.T, dir string, keys *atrest.Keys) (*Store, *Scope) {
	t.Helper()
	store, s := open(t, dir)
	store.Encrypt(keys)
	return store, s
}

// everything is all that is stored under a folder, and all names.
func everything(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		all = append(all, path...)
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantCode(t *testing.T, err error, want problem.Code) {
	t.Helper()
	if p, ok := errors.AsType[*problem.Problem](err); !ok || p.Code != want || p.Remedy == "" {
		t.Errorf("error = %v, want the problem %s with a remedy", err, want)
	}
}

func TestAStolenFolderIsNoise(t *testing.T) {
	t.Attr("fault", "hostile: the folder of files is stolen -> noise, name by name the same: no byte of a record is in it")
	dir := t.TempDir()
	_, s := openSealed(t, dir, houseKeys(t))
	const line = `{"resourceType":"Patient","name":[{"family":"Canaryname"}]}` + "\n"
	for i, of := range []func() (Key, error){
		func() (Key, error) { return s.RawKey("e1", "0-output-0-Patient") },
		func() (Key, error) { return s.ManifestKey("e1", 0) },
		func() (Key, error) { return s.StagedKey("e1", "patient", "0-output-0-Patient", 0) },
		func() (Key, error) { return s.QuarantineKey("e1", "0-output-0-Patient") },
		func() (Key, error) { return s.AttachmentKey("e1", "0-output-0-Media", 1, 0) },
		func() (Key, error) { return s.LogKey("e1") },
	} {
		k, err := of()
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Repeat(line, 1+i*2000)
		if err := write(t.Context(), s, k, text); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, k); got != text {
			t.Errorf("%s: %d bytes come back, want %d", k, len(got), len(text))
		}
		if e, err := s.Stat(t.Context(), k); err != nil || !e.Encrypted || e.Size != int64(len(text)) || e.Stored <= e.Size {
			t.Errorf("Stat = %+v, %v", e, err)
		}
	}
	all := everything(t, dir)
	for _, known := range []string{"Canaryname", "resourceType", "family", line[:8]} {
		if bytes.Contains(all, []byte(known)) {
			t.Errorf("%q is in the folder", known)
		}
	}
	if again := compressible(all); again < 0.97 {
		t.Errorf("the folder shrinks to %.2f when it is compressed: it is no noise", again)
	}
}

func TestFilesFromBeforeEncryptionStayReadable(t *testing.T) {
	dir, keys := t.TempDir(), houseKeys(t)
	store, s := open(t, dir)
	old, looks := rawKey(t, s, "e1"), rawKey(t, s, "e2")
	for k, text := range map[Key]string{old: "from before", looks: "\x8fbhseal1\x00\x00\x00\x07, or so it seems"} {
		if err := write(t.Context(), s, k, text); err != nil {
			t.Fatal(err)
		}
	}
	store.Close()
	_, s = openSealed(t, dir, keys)
	fresh := rawKey(t, s, "e3")
	if err := write(t.Context(), s, fresh, "encrypted"); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[Key]string{old: "from before", looks: "\x8fbhseal1\x00\x00\x00\x07, or so it seems", fresh: "encrypted"} {
		path, release, err := s.LocalPath(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		at, err := os.ReadFile(path)
		release()
		if got := read(t, s, k); got != want || string(at) != want || err != nil {
			t.Errorf("%s: %q, at its path %q, %v", k, got, at, err)
		}
		if e, err := s.Stat(t.Context(), k); err != nil || e.Encrypted != (k == fresh) || e.Size != int64(len(want)) {
			t.Errorf("Stat = %+v, %v", e, err)
		}
	}
	_, s = open(t, dir) // the house key is no longer named
	_, err := s.Open(t.Context(), fresh)
	wantCode(t, err, problem.EncryptionOff)
	_, _, err = s.LocalPath(t.Context(), fresh)
	wantCode(t, err, problem.EncryptionOff)
	if e, err := s.Stat(t.Context(), fresh); err != nil || e.Size != int64(len("encrypted")) {
		t.Errorf("Stat without a key = %+v, %v", e, err)
	}
}

func TestAFileOfAnotherPracticeOrNameDoesNotOpen(t *testing.T) {
	t.Attr("fault", "hostile: an encrypted file is put in the place of another one, of the same practice or not -> storage_damaged or practice_key_missing")
	dir := t.TempDir()
	store, north := openSealed(t, dir, houseKeys(t))
	south, err := store.Tenant("south")
	if err != nil {
		t.Fatal(err)
	}
	first, second, other := rawKey(t, north, "e1"), rawKey(t, north, "e2"), rawKey(t, south, "e1")
	for s, k := range map[*Scope]Key{north: first, south: other} {
		if err := write(t.Context(), s, k, "content"); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(t.Context(), north, second, "content"); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[Key]problem.Code{second: problem.StorageDamaged, other: problem.PracticeKeyMissing} {
		text, err := os.ReadFile(filepath.Join(dir, string(from)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, string(first)), text, fileMode); err != nil {
			t.Fatal(err)
		}
		r, err := north.Open(t.Context(), first)
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		wantCode(t, err, want)
		_, _, err = north.LocalPath(t.Context(), first)
		wantCode(t, err, want)
	}
}

func TestAFileThatWasCutDoesNotOpenHoweverLittleIsLeft(t *testing.T) {
	t.Attr("fault", "hostile: an encrypted file is cut within its first bytes -> storage_damaged; it is not taken for a plain one")
	dir := t.TempDir()
	_, s := openSealed(t, dir, houseKeys(t))
	k := rawKey(t, s, "e1")
	if err := write(t.Context(), s, k, "content"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, string(k))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(whole); n++ {
		if err := os.WriteFile(path, whole[:n], fileMode); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(t.Context(), k)
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		if p := problem.Of(err); p == nil || p.Code != problem.StorageDamaged {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestWhatIsDecryptedForASinkHasNoName(t *testing.T) {
	t.Attr("fault", "machine: the process is killed while a sink reads what was encrypted -> nothing of it has a name in any folder")
	if runtime.GOOS != "linux" {
		return // where LocalPath is a problem
	}
	dir := t.TempDir()
	store, s := openSealed(t, dir, houseKeys(t))
	for _, budget := range []int64{0, memoryAll} { // in memory, and on the disk when memory is spent
		store.held.Store(budget)
		var releases []func()
		for i := range 3 {
			k := rawKey(t, s, fmt.Sprint("e", i))
			text := strings.Repeat("canary line ", 10_000+i)
			if err := write(t.Context(), s, k, text); err != nil {
				t.Fatal(err)
			}
			path, release, err := s.LocalPath(t.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release)
			if got, err := os.ReadFile(path); string(got) != text || err != nil {
				t.Errorf("at the path are %d bytes, %v", len(got), err)
			}
			target, err := os.Readlink(path)
			if err != nil || strings.HasPrefix(target, "/memfd:") == (budget > 0) || !strings.Contains(target, "(deleted)") {
				t.Errorf("the path leads to %q, %v", target, err)
			}
		}
		if bytes.Contains(everything(t, dir), []byte("canary")) {
			t.Error("what was decrypted is in the folder")
		}
		if left := files(t, dir); len(left) != 3 {
			t.Errorf("files: %q", left)
		}
		for _, release := range releases {
			release()
		}
		if held := store.held.Load(); held != budget {
			t.Errorf("%d bytes are held after all, want %d", held, budget)
		}
	}
}

func TestWhatIsSealedIsEncryptedByTheNewestKey(t *testing.T) {
	dir, keys := t.TempDir(), houseKeys(t)
	_, s := open(t, dir)
	k := rawKey(t, s, "e1")
	if err := write(t.Context(), s, k, "canary"); err != nil {
		t.Fatal(err)
	}
	_, s = openSealed(t, dir, keys)
	seal := func(want bool) {
		t.Helper()
		if changed, err := s.Seal(t.Context(), k); changed != want || err != nil {
			t.Errorf("Seal = %v, %v, want %v", changed, err, want)
		}
		if got := read(t, s, k); got != "canary" {
			t.Errorf("read %q", got)
		}
	}
	seal(true)
	seal(false)
	if bytes.Contains(everything(t, dir), []byte("canary")) {
		t.Error("the content is seen")
	}
	if err := keys.Rotate(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	seal(true)
	seal(false)
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("files: %q", left)
	}
}

func TestACommitThatCannotBeEncryptedLeavesNothing(t *testing.T) {
	dir, keys := t.TempDir(), houseKeys(t)
	_, s := openSealed(t, dir, keys)
	if err := write(t.Context(), s, rawKey(t, s, "e1"), "x"); err != nil {
		t.Fatal(err)
	}
	if err := keys.Shred(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, write(t.Context(), s, rawKey(t, s, "e2"), "x"), problem.PracticeKeyDestroyed)
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("files: %q", left)
	}
}

func BenchmarkEncryption(b *testing.B) {
	content := make([]byte, 16<<20)
	for i := range content {
		content[i] = byte(i * 7 >> 3)
	}
	keys := houseKeys(b)
	for _, on := range []bool{false, true} {
		store, err := OpenLocal(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		if on {
			store.Encrypt(keys)
		}
		s, err := store.Tenant("north")
		if err != nil {
			b.Fatal(err)
		}
		k, err := s.RawKey("e1", "0-output-0-Patient")
		if err != nil {
			b.Fatal(err)
		}
		for _, size := range []int{1 << 10, len(content)} {
			b.Run(fmt.Sprintf("write/encrypted=%v/%d", on, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := write(b.Context(), s, k, string(content[:size])); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("read/encrypted=%v/%d", on, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					r, err := s.Open(b.Context(), k)
					if err != nil {
						b.Fatal(err)
					}
					if n, err := io.Copy(io.Discard, r); err != nil || n != int64(size) {
						b.Fatal(n, err)
					}
					r.Close()
				}
			})
		}
		store.Close()
	}
}

// compressible gives how small bytes become, as a part of what they are: about
// 1 for noise.
func compressible(b []byte) float64 {
	var to bytes.Buffer
	z := gzip.NewWriter(&to)
	z.Write(b)
	z.Close()
	return float64(to.Len()) / float64(len(b))
}
