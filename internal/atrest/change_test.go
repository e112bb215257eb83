package atrest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// acts gives what the record says of a practice's keys, in order.
func (p *place) acts(tenant string) (acts []audit.Action) {
	p.t.Helper()
	for e, err := range p.ledger.In(tenant).Audit(p.t.Context(), 0) {
		if err != nil {
			p.t.Fatal(err)
		}
		acts = append(acts, e.Action)
	}
	return acts
}

func (p *place) wantActs(tenant string, want ...audit.Action) {
	p.t.Helper()
	if got := p.acts(tenant); fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Errorf("the record of %s says %v, want %v", tenant, got, want)
	}
}

func TestARotatedKeyOpensWhatItEncryptedAndEncryptsNoMore(t *testing.T) {
	p := newPlace(t)
	k, beside := p.keys(), p.keys() // beside is another process
	before := seal(t, k, "north", "a", []byte("before"))
	seal(t, beside, "north", "b", nil)
	if err := k.Rotate(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*Keys{"the process that rotated": k, "the one beside it": beside, "a later one": p.keys()} {
		after := seal(t, k, "north", "a", []byte("after"))
		if string(after[:HeaderSize]) == string(before[:HeaderSize]) {
			t.Errorf("%s goes on with the old key", name)
		}
		for want, stored := range map[string][]byte{"before": before, "after": after} {
			if got, err := unseal(t, k, "north", "a", stored); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v; want %q", name, got, err, want)
			}
		}
	}
	p.wantActs("north", audit.KeyCreated, audit.KeyRotated)
	s, err := k.Standing(t.Context(), "north")
	if err != nil || s.Trouble != nil || len(s.Keys) != 2 || s.Keys[0].RetiredAt.IsZero() || !s.Keys[1].RetiredAt.IsZero() {
		t.Errorf("standing = %+v, %v", s, err)
	}
}

func TestANewHouseKeyWrapsWhatTheFormerOneDid(t *testing.T) {
	p := newPlace(t)
	stored := seal(t, p.keys(), "north", "a", []byte("content"))
	former := p.openHouse().Name()
	id, err := RotateHouseKey(p.house)
	if err != nil {
		t.Fatal(err)
	}
	k := p.keys()
	if got, err := unseal(t, k, "north", "a", stored); err != nil || string(got) != "content" {
		t.Errorf("before wrapping anew: %q, %v", got, err)
	}
	if err := k.Rewrap(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	file, _, err := k.read("north")
	if want := fmt.Sprint("house key ", id); err != nil || file.House != want || file.House == former {
		t.Errorf("wrapped by %q, %v, want %q", file.House, err, want)
	}
	if got, err := unseal(t, p.keys(), "north", "a", stored); err != nil || string(got) != "content" {
		t.Errorf("after: %q, %v", got, err)
	}
	if _, err := NewHouseKey(p.house); problem.Of(err).Code != problem.Usage {
		t.Errorf("a new house key over the old one: %v", err)
	}
	if stat, err := os.Stat(p.house); err != nil || stat.Mode().Perm() != fileMode {
		t.Errorf("mode %v, %v", stat.Mode(), err)
	}
}

func TestAShreddedKeyIsGoneForEveryProcessAndEveryCopy(t *testing.T) {
	t.Attr("fault", "hostile: a copy of the folder of keys from before a key was shredded is put back -> practice_key_destroyed; the ledger remembers")
	p := newPlace(t)
	k, beside := p.keys(), p.keys()
	stored := seal(t, k, "north", "a", []byte("content"))
	south := seal(t, k, "south", "a", []byte("south"))
	if _, err := unseal(t, beside, "north", "a", stored); err != nil {
		t.Fatal(err)
	}
	copyOf, err := os.ReadFile(k.path("north"))
	if err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(k.path("north")) // what was there, after its name is another's
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for range 2 {
		if err := New(Options{Folder: k.Folder, Ledger: p.ledger}).Shred(t.Context(), "north"); err != nil {
			t.Fatal(err)
		}
	}
	p.wantActs("north", audit.KeyCreated, audit.KeyDestroyed)
	if left, err := io.ReadAll(held); err != nil || strings.Trim(string(left), "\x00") != "" {
		t.Errorf("of the former key file %d bytes are left, %v", len(left), err)
	}
	for _, k := range []*Keys{k, beside, p.keys()} {
		_, err := unseal(t, k, "north", "a", stored)
		wantCode(t, err, problem.PracticeKeyDestroyed)
		_, err = k.Encrypt(t.Context(), "north", "b", io.Discard)
		wantCode(t, err, problem.PracticeKeyDestroyed)
		if got, err := unseal(t, k, "south", "a", south); err != nil || string(got) != "south" {
			t.Errorf("another practice: %q, %v", got, err)
		}
	}
	if err := os.WriteFile(k.path("north"), copyOf, fileMode); err != nil {
		t.Fatal(err)
	}
	_, err = unseal(t, p.keys(), "north", "a", stored)
	wantCode(t, err, problem.PracticeKeyDestroyed)
	if err := p.keys().Shred(t.Context(), "north"); err != nil { // the copy goes, too
		t.Fatal(err)
	}
	if text, err := os.ReadFile(k.path("north")); err != nil || strings.Contains(string(text), "wrapped") {
		t.Errorf("the key file after all: %s, %v", text, err)
	}
	if err := p.keys().Rotate(t.Context(), "north"); err != nil {
		t.Fatal(err)
	}
	anew := seal(t, k, "north", "a", []byte("anew"))
	if got, err := unseal(t, k, "north", "a", anew); err != nil || string(got) != "anew" {
		t.Errorf("with a new key: %q, %v", got, err)
	}
	_, err = unseal(t, k, "north", "a", stored)
	wantCode(t, err, problem.PracticeKeyMissing)
	wantCode(t, k.Shred(t.Context(), "west"), problem.Usage)
}

func TestALostKeyIsNeverReplacedInSilence(t *testing.T) {
	t.Attr("fault", "machine: a practice's key file is lost, damaged or another practice's -> practice_key_missing or storage_damaged, and no new key is made in its place")
	p := newPlace(t)
	k := p.keys()
	stored := seal(t, k, "north", "a", []byte("content"))
	seal(t, k, "south", "a", nil)
	copyOf, err := os.ReadFile(k.path("north"))
	if err != nil {
		t.Fatal(err)
	}
	south, err := os.ReadFile(k.path("south"))
	if err != nil {
		t.Fatal(err)
	}
	spoil := map[string]struct {
		text []byte
		code problem.Code
	}{
		"lost": {nil, problem.PracticeKeyMissing}, "empty": {[]byte{}, problem.StorageDamaged}, "text": {[]byte("x"), problem.StorageDamaged},
		"another practice's": {south, problem.StorageDamaged},
		"another practice's under this name": {
			[]byte(strings.Replace(string(south), `"south"`, `"north"`, 1)), problem.StorageDamaged,
		},
	}
	for name, s := range spoil {
		t.Run(name, func(t *testing.T) {
			if err := os.Remove(k.path("north")); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if s.text != nil {
				if err := os.WriteFile(k.path("north"), s.text, fileMode); err != nil {
					t.Fatal(err)
				}
			}
			k := p.keys()
			_, err := unseal(t, k, "north", "a", stored)
			wantCode(t, err, s.code)
			_, err = k.Encrypt(t.Context(), "north", "b", io.Discard)
			wantCode(t, err, s.code)
			wantCode(t, k.Rotate(t.Context(), "north"), s.code)
			if standing, err := k.Standing(t.Context(), "north"); err != nil || standing.Trouble == nil {
				t.Errorf("standing = %+v, %v", standing, err)
			}
			if got, err := os.ReadFile(k.path("north")); string(got) != string(s.text) {
				t.Errorf("the key file is now %q, %v", got, err)
			}
		})
	}
	if err := os.WriteFile(k.path("north"), copyOf, fileMode); err != nil {
		t.Fatal(err)
	}
	if got, err := unseal(t, p.keys(), "north", "a", stored); err != nil || string(got) != "content" {
		t.Errorf("with the file back: %q, %v", got, err)
	}
}

func TestAChangeOfKeysThatDiesIsWholeOrNotBegun(t *testing.T) {
	t.Attr("fault", "step: the process dies at any moment of making, rotating or shredding a key -> the old keys or the new ones, what was encrypted opens, and the record is made up for")
	changes := map[string]struct {
		do   func(k *Keys) error
		acts []audit.Action // once it is done
	}{
		"first":  {func(k *Keys) error { _, err := k.Encrypt(t.Context(), "south", "b", io.Discard); return err }, []audit.Action{audit.KeyCreated}},
		"rotate": {func(k *Keys) error { return k.Rotate(t.Context(), "north") }, []audit.Action{audit.KeyCreated, audit.KeyRotated}},
		"shred":  {func(k *Keys) error { return k.Shred(t.Context(), "north") }, []audit.Action{audit.KeyCreated, audit.KeyDestroyed}},
	}
	points := []string{"before write", "after write", "before rename", "after rename", "before sync folder", "after sync folder", "before overwrite", "after overwrite", "before record"}
	for name, change := range changes {
		for _, point := range points {
			if name != "shred" && strings.HasSuffix(point, "overwrite") {
				continue
			}
			t.Run(name+" "+point, func(t *testing.T) {
				p := newPlace(t)
				stored := seal(t, p.keys(), "north", "a", []byte("content"))
				dying, died := p.keys(), errors.New("died")
				dying.Point = func(name string) error {
					if name == "keys: "+point {
						return died
					}
					return nil
				}
				if err := change.do(dying); !errors.Is(err, died) {
					t.Fatalf("the change ends with %v", err)
				}
				next := p.keys()
				if err := next.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
				got, err := unseal(t, next, "north", "a", stored)
				if problem.Of(err) == nil && string(got) != "content" || err != nil && name != "shred" {
					t.Errorf("then %q, %v", got, err)
				}
				if point == "after rename" && name == "shred" {
					wantCode(t, err, problem.PracticeKeyDestroyed)
				}
				if name != "shred" || err == nil { // the change is not begun, or can be made again
					if err := change.do(next); err != nil {
						t.Errorf("again: %v", err)
					}
				}
				tenant := "north"
				if name == "first" {
					tenant = "south"
				}
				acts := p.acts(tenant)
				if len(acts) < len(change.acts) || fmt.Sprint(acts[:len(change.acts)]) != fmt.Sprint(change.acts) {
					t.Errorf("the record says %v, want %v", acts, change.acts)
				}
			})
		}
	}
}

func TestWhatAKilledChangeLeftOfAKeyGoesWithTheNextOne(t *testing.T) {
	t.Attr("fault", "machine: kill -9 in the midst of a change of keys -> the half-made file, which holds keys, is overwritten and removed by the next change and the next start; the key file stays as it is")
	next := map[string]func(p *place) error{
		"a start": func(p *place) error { return p.keys().Settle(t.Context()) },
		"a shred": func(p *place) error { return p.keys().Shred(t.Context(), "north") },
		"another": func(p *place) error { return p.keys().Rotate(t.Context(), "south") },
	}
	for name, next := range next {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			k := p.keys()
			stored := seal(t, k, "north", "a", []byte("content"))
			text, err := os.ReadFile(k.path("north"))
			if err != nil {
				t.Fatal(err)
			}
			half, second := filepath.Join(k.Folder, ".HALF.tmp"), filepath.Join(k.Folder, ".SECOND.tmp")
			if err := errors.Join(os.WriteFile(half, text, fileMode), os.Link(k.path("north"), second)); err != nil {
				t.Fatal(err)
			}
			held, err := os.Open(half) // what was there, after its name is gone
			if err != nil {
				t.Fatal(err)
			}
			defer held.Close()
			if err := next(p); err != nil {
				t.Fatal(err)
			}
			if left, err := k.temps(); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
			if left, err := io.ReadAll(held); err != nil || strings.Trim(string(left), "\x00") != "" {
				t.Errorf("of the half-made file %d bytes are left, %v", len(left), err)
			}
			if got, err := unseal(t, p.keys(), "north", "a", stored); name != "a shred" && (err != nil || string(got) != "content") {
				t.Errorf("then %q, %v", got, err)
			}
		})
	}
}

func TestOfProcessesThatNeedAFirstKeyAtOnceOneMakesIt(t *testing.T) {
	p := newPlace(t)
	var all [8][]byte
	var group sync.WaitGroup
	for i := range all {
		k := p.keys()
		group.Go(func() { all[i] = seal(t, k, "north", "a", []byte{byte(i)}) })
	}
	group.Wait()
	k := p.keys()
	for i, stored := range all {
		if got, err := unseal(t, k, "north", "a", stored); err != nil || len(got) != 1 || got[0] != byte(i) {
			t.Errorf("what process %d wrote: %v, %v", i, got, err)
		}
	}
	p.wantActs("north", audit.KeyCreated)
	entries, err := os.ReadDir(k.Folder)
	if err != nil || len(entries) != 2 { // the file and the lock
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
	for _, e := range entries {
		if stat, err := e.Info(); err != nil || stat.Mode().Perm() != fileMode {
			t.Errorf("%s has mode %v, %v", e.Name(), stat.Mode(), err)
		}
	}
}

func TestAProcessThatOnlyLooksLeavesTheRecordToTheNext(t *testing.T) {
	p := newPlace(t)
	looking := New(Options{Folder: filepath.Join(p.dir, FolderName), House: p.openHouse(), Ledger: p.ledger, Looking: true})
	seal(t, looking, "north", "a", nil)
	p.wantActs("north")
	if err := p.keys().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.wantActs("north", audit.KeyCreated)
	if tenants, err := looking.Tenants(t.Context()); err != nil || fmt.Sprint(tenants) != "[north]" {
		t.Errorf("tenants %v, %v", tenants, err)
	}
}

func TestKeysThatAreOffSayNothing(t *testing.T) {
	var none *Keys
	house, err := OpenHouse(&config.Config{}, nil)
	if none.On() || house != nil || err != nil || New(Options{Folder: t.TempDir()}).On() {
		t.Errorf("they are on: %v, %v", house, err)
	}
}
