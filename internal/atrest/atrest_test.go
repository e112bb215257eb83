package atrest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A place is a state folder with a ledger, and a house key elsewhere.
type place struct {
	t      testing.TB
	dir    string
	house  string
	ledger *store.Store
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), house: filepath.Join(t.TempDir(), "house.json")}
	if _, err := NewHouseKey(p.house); err != nil {
		t.Fatal(err)
	}
	ledger, err := store.Open(t.Context(), filepath.Join(p.dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ledger.Close() })
	p.ledger = ledger
	return p
}

func (p *place) openHouse() *House {
	p.t.Helper()
	h, err := OpenHouse(&config.Config{Folder: p.dir, Encryption: config.Encryption{KeyFile: p.house}}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return h
}

// keys are those of a process that starts now.
func (p *place) keys() *Keys {
	p.t.Helper()
	return New(Options{Folder: filepath.Join(p.dir, FolderName), House: p.openHouse(), Ledger: p.ledger})
}

func seal(t testing.TB, k *Keys, tenant, name string, content []byte) []byte {
	t.Helper()
	var stored bytes.Buffer
	w, err := k.Encrypt(t.Context(), tenant, name, &stored)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return stored.Bytes()
}

func unseal(t testing.TB, k *Keys, tenant, name string, stored []byte) ([]byte, error) {
	t.Helper()
	r, err := k.Decrypt(t.Context(), tenant, name, stored[:HeaderSize], bytes.NewReader(stored[HeaderSize:]))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func wantCode(t *testing.T, err error, want problem.Code) {
	t.Helper()
	if p, ok := errors.AsType[*problem.Problem](err); !ok || p.Code != want || p.Remedy == "" {
		t.Errorf("error = %v, want the problem %s with a remedy", err, want)
	}
}

func TestWhatIsEncryptedComesBackAtEveryLength(t *testing.T) {
	k := newPlace(t).keys()
	const first = segmentSize - streamHeader - segmentTag // content of the first segment
	for _, n := range []int{0, 1, 100, first - 1, first, first + 1, first + segmentSize - segmentTag, first + segmentSize - segmentTag + 1, 300_000} {
		content := bytes.Repeat([]byte(`{"resourceType":"Patient"}`), n/26+1)[:n]
		stored := seal(t, k, "north", "raw/north/e1/f", content)
		if got, err := unseal(t, k, "north", "raw/north/e1/f", stored); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
		if KindOf(stored) != Encrypted || ContentSize(Encrypted, int64(len(stored))) != int64(n) {
			t.Errorf("%d bytes are stored in %d, which is taken for %d of kind %d", n, len(stored), ContentSize(Encrypted, int64(len(stored))), KindOf(stored))
		}
		if bytes.Contains(stored, []byte("resourceType")) {
			t.Errorf("%d bytes: the content is seen", n)
		}
	}
}

func TestAFileThatWasCutChangedOrMovedDoesNotOpen(t *testing.T) {
	t.Attr("fault", "hostile: somebody cuts, changes, swaps or renames encrypted files -> storage_damaged, and no byte that was not written is read")
	k := newPlace(t).keys()
	content := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // five segments
	stored := seal(t, k, "north", "a", content)
	other := seal(t, k, "north", "a", bytes.Repeat([]byte("x"), len(content)))
	south := seal(t, k, "south", "a", content)
	segment := func(b []byte, i int) []byte { return b[HeaderSize+i*segmentSize : HeaderSize+(i+1)*segmentSize] }
	change := func(do func(b []byte) []byte) []byte { return do(bytes.Clone(stored)) }
	tests := map[string]struct {
		name   string
		stored []byte
		code   problem.Code
	}{
		"cut within a segment": {"a", stored[:len(stored)-1], problem.StorageDamaged},
		"cut between segments": {"a", stored[:HeaderSize+2*segmentSize], problem.StorageDamaged},
		"cut in the header":    {"a", stored[:HeaderSize+5], problem.StorageDamaged},
		"cut to the header":    {"a", stored[:HeaderSize], problem.StorageDamaged},
		"longer":               {"a", append(bytes.Clone(stored), 0), problem.StorageDamaged},
		"one bit":              {"a", change(func(b []byte) []byte { b[200_000] ^= 1; return b }), problem.StorageDamaged},
		"one bit of the salt":  {"a", change(func(b []byte) []byte { b[HeaderSize+3] ^= 1; return b }), problem.StorageDamaged},
		"segments in another order": {"a", change(func(b []byte) []byte {
			copy(segment(b, 1), segment(stored, 2))
			copy(segment(b, 2), segment(stored, 1))
			return b
		}), problem.StorageDamaged},
		"a segment of another file":                         {"a", change(func(b []byte) []byte { copy(segment(b, 1), segment(other, 1)); return b }), problem.StorageDamaged},
		"another name":                                      {"b", stored, problem.StorageDamaged},
		"another practice's file":                           {"a", south, problem.PracticeKeyMissing},
		"another practice's file under this practice's key": {"a", append(bytes.Clone(stored[:HeaderSize]), south[HeaderSize:]...), problem.StorageDamaged},
	}
	for name, test := range tests {
		got, err := unseal(t, k, "north", test.name, test.stored)
		if !bytes.HasPrefix(content, got) {
			t.Errorf("%s: bytes that were not written are read", name)
		}
		t.Run(name, func(t *testing.T) { wantCode(t, err, test.code) })
	}
}

func TestAnErrorOfTheDiskIsNotTakenForDamage(t *testing.T) {
	k := newPlace(t).keys()
	stored := seal(t, k, "north", "a", make([]byte, 200_000))
	broken := errors.New("input/output error")
	for _, after := range []int{0, 10, 100_000} {
		from := io.MultiReader(bytes.NewReader(stored[HeaderSize:][:after]), iotest.ErrReader(broken))
		r, err := k.Decrypt(t.Context(), "north", "a", stored[:HeaderSize], from)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", after, err)
		}
		if _, again := r.Read(make([]byte, 1)); !errors.Is(again, broken) {
			t.Errorf("read again: %v", again)
		}
	}
}

func TestAPlainFileIsKeptAsItIsAlsoWhenItLooksEncrypted(t *testing.T) {
	for _, content := range []string{"", "x", magic[:3], magic, magic + "\x00\x00\x00\x07noise", magic[:7] + "x", strings.Repeat("y", 100)} {
		for _, step := range []int{1, 3, 200} {
			var stored bytes.Buffer
			w := Escape(&stored)
			for rest := content; len(rest) > 0; rest = rest[min(step, len(rest)):] {
				if n, err := w.Write([]byte(rest[:min(step, len(rest))])); err != nil || n != min(step, len(rest)) {
					t.Fatal(n, err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			kind, want := KindOf(stored.Bytes()), Plain
			if content != "" && (strings.HasPrefix(content, magic) || strings.HasPrefix(magic, content)) {
				want = Escaped
			}
			got := stored.String()
			if kind == Escaped {
				got = got[HeaderSize:]
			}
			if kind != want || got != content || ContentSize(kind, int64(stored.Len())) != int64(len(content)) {
				t.Errorf("%q in steps of %d is stored as %q, of kind %d", content, step, stored.String(), kind)
			}
		}
	}
}

func TestWithoutTheRightHouseKeyNothingOpensAndNothingIsLost(t *testing.T) {
	t.Attr("fault", "machine: the house key is gone, unset, unreadable or another one -> house_key_missing or house_key_wrong; with the key back all of it opens")
	p := newPlace(t)
	stored := seal(t, p.keys(), "north", "a", []byte("content"))
	other := newPlace(t)
	wrong := New(Options{Folder: filepath.Join(p.dir, FolderName), House: other.openHouse(), Ledger: p.ledger})
	_, err := unseal(t, wrong, "north", "a", stored)
	wantCode(t, err, problem.HouseKeyWrong)
	_, err = wrong.Encrypt(t.Context(), "north", "b", io.Discard)
	wantCode(t, err, problem.HouseKeyWrong)
	none := New(Options{Folder: filepath.Join(p.dir, FolderName), Ledger: p.ledger})
	_, err = unseal(t, none, "north", "a", stored)
	wantCode(t, err, problem.EncryptionOff)

	open := func(e config.Encryption) error {
		_, err := OpenHouse(&config.Config{Folder: p.dir, Encryption: e}, nil)
		return err
	}
	wantCode(t, open(config.Encryption{KeyFile: p.house + ".gone"}), problem.HouseKeyMissing)
	wantCode(t, open(config.Encryption{KeyEnv: "BULKHEAD_TEST_NO_SUCH_KEY"}), problem.HouseKeyMissing)
	wantCode(t, open(config.Encryption{KeyFile: filepath.Join(p.dir, "house.json")}), problem.ConfigInvalid)
	wantCode(t, open(config.Encryption{KeyFile: filepath.Join(p.dir, "..house.json")}), problem.ConfigInvalid)
	if err := os.WriteFile(p.house+".text", []byte("canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = open(config.Encryption{KeyFile: p.house + ".text"})
	wantCode(t, err, problem.HouseKeyWrong)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error tells the text: %v", err)
	}
	if err := os.Chmod(p.house, 0o640); err != nil {
		t.Fatal(err)
	}
	wantCode(t, open(config.Encryption{KeyFile: p.house}), problem.HouseKeyMissing)
	if err := os.Chmod(p.house, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := unseal(t, p.keys(), "north", "a", stored); err != nil || string(got) != "content" {
		t.Errorf("with the key back: %q, %v", got, err)
	}
	text, err := os.ReadFile(p.house)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("BULKHEAD_TEST_HOUSE_KEY", string(text))
	house, err := OpenHouse(&config.Config{Folder: p.dir, Encryption: config.Encryption{KeyEnv: "BULKHEAD_TEST_HOUSE_KEY"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	env := New(Options{Folder: filepath.Join(p.dir, FolderName), House: house, Ledger: p.ledger})
	if got, err := unseal(t, env, "north", "a", stored); err != nil || string(got) != "content" {
		t.Errorf("with the key in the environment: %q, %v", got, err)
	}
}
