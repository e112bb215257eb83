package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

const hour = time.Hour

// pass lets d go by on the clock of a bubble; no real time passes.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, time has no other event
}

var (
	served   = Plan{Algorithm: smart.ES384, Registered: ByURL, MaxAge: hour, Served: true}
	uploaded = Plan{Algorithm: smart.ES384, Registered: ByURL, MaxAge: hour}
	direct   = Plan{Algorithm: smart.ES384, Registered: Directly, MaxAge: hour}
)

// A rig is a ring of one key, and what a service and a vendor see of it.
type rig struct {
	t     *testing.T
	dir   string
	ring  *Ring   // as the command has it
	serve *Source // as the service in another process has it
	first string
}

func newRig(t *testing.T, p Plan) *rig {
	t.Helper()
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "keys")}
	var err error
	if r.ring, err = Create(r.dir); err != nil {
		t.Fatal(err)
	}
	made, err := r.ring.Generate(p)
	if err != nil {
		t.Fatal(err)
	}
	r.first = made.KeyID
	registration := config.Registration{KeyFolder: r.dir, JWKSMaxAge: config.Duration(p.MaxAge)}
	if p.Registered == ByURL {
		registration.JWKSURL = "https://keys.example/jwks/vendor.json"
	}
	if r.serve, err = Of(registration); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) rotate(p Plan) string {
	r.t.Helper()
	made, err := r.ring.Rotate(p)
	if err != nil {
		r.t.Fatal(err)
	}
	return made.KeyID
}

// signing is the id of the key that the service signs with, or its error.
func (r *rig) signing() string {
	r.t.Helper()
	k, err := r.serve.SigningKey(r.t.Context(), nil)
	if err != nil {
		return "error: " + err.Error()
	}
	return k.ID()
}

func (r *rig) previous() string {
	r.t.Helper()
	k, err := r.serve.PreviousKey(r.t.Context(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if k == nil {
		return ""
	}
	return k.ID()
}

// kids are the ids in the published set.
func (r *rig) kids(withSuccessor bool) []string {
	r.t.Helper()
	text, err := r.serve.JWKS(withSuccessor)
	if err != nil {
		r.t.Fatal(err)
	}
	var set struct {
		Keys []struct {
			Kid string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		r.t.Fatal(err)
	}
	kids := []string{}
	for _, k := range set.Keys {
		kids = append(kids, k.Kid)
	}
	return kids
}

func (r *rig) expect(when, signing, previous string, published ...string) {
	r.t.Helper()
	if got := r.signing(); got != signing {
		r.t.Errorf("%s: %s signs, want %s", when, got, signing)
	}
	if got := r.previous(); got != previous {
		r.t.Errorf("%s: the previous key is %q, want %q", when, got, previous)
	}
	if diff := cmp.Diff(published, r.kids(false)); diff != "" {
		r.t.Errorf("%s: published %s", when, diff)
	}
}

func TestARotationByURLOverlaps(t *testing.T) {
	t.Attr("shows", "BS-034 BS-021 A4")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, served)
		old := r.first
		r.expect("at first", old, "", old)
		pass(24 * hour)
		next := r.rotate(served)
		r.expect("just rotated", old, "", old, next)
		pass(hour - time.Second)
		r.expect("a second before max-age", old, "", old, next)
		pass(time.Second)
		r.expect("after max-age", next, old, old, next)
		pass(hour - time.Second)
		r.expect("at the end of the fallback", next, old, old, next)
		pass(time.Second + lastAssertion - time.Second)
		r.expect("while the last assertion of the old key may be good", next, "", old, next)
		pass(time.Second)
		r.expect("when it is over", next, "", next)
		gone, err := r.ring.Prune()
		if err != nil || !slices.Equal(gone, []string{old}) {
			t.Errorf("Prune = %v, %v", gone, err)
		}
		r.expect("after it was removed", next, "", next)
		if keys, err := filepath.Glob(filepath.Join(r.dir, "key-*")); err != nil || len(keys) != 1 {
			t.Errorf("%d private keys are left, want 1", len(keys))
		}
	})
}

func TestAnUploadedSetIsConfirmedBeforeItsTimeRuns(t *testing.T) {
	t.Attr("shows", "BS-034")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, uploaded)
		next := r.rotate(uploaded)
		pass(100 * hour)
		r.expect("before the confirmation", r.first, "", r.first)
		if diff := cmp.Diff([]string{r.first, next}, r.kids(true)); diff != "" {
			t.Error(diff)
		}
		if _, err := r.ring.Confirm(); err != nil {
			t.Fatal(err)
		}
		r.expect("just confirmed", r.first, "", r.first, next)
		pass(hour)
		r.expect("after max-age", next, r.first, r.first, next)
	})
}

func TestADirectRotationNeedsAConfirmation(t *testing.T) {
	t.Attr("shows", "BS-035 BS-022")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, direct)
		if _, err := r.ring.Confirm(); err == nil {
			t.Error("a confirmation without a successor was taken")
		}
		next := r.rotate(direct)
		pass(1000 * hour)
		r.expect("unconfirmed", r.first, "", r.first)
		if diff := cmp.Diff([]string{r.first, next}, r.kids(true)); diff != "" {
			t.Errorf("the set for the vendor: %s", diff)
		}
		confirmedNow, err := r.ring.Confirm()
		if err != nil || len(confirmedNow) != 1 || confirmedNow[0].State != Signing {
			t.Fatalf("Confirm = %+v, %v", confirmedNow, err)
		}
		r.expect("confirmed", next, r.first, r.first, next)
	})
}

func TestADisabledKeyNeverSignsAgain(t *testing.T) {
	t.Attr("shows", "BS-037")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, served)
		next := r.rotate(served)
		if there, err := r.ring.Disable(r.first); err != nil || !there {
			t.Fatal(there, err)
		}
		if got := r.signing(); !strings.Contains(got, "no key may sign before") {
			t.Errorf("signing = %s", got)
		}
		if diff := cmp.Diff([]string{next}, r.kids(true)); diff != "" {
			t.Error(diff)
		}
		pass(hour)
		for range 1000 {
			r.expect("later", next, "", next)
			pass(hour)
		}
		if there, err := r.ring.Disable(r.first); err != nil || !there {
			t.Errorf("a second time: %v, %v", there, err)
		}
		if there, err := r.ring.Disable("nobody"); err != nil || there {
			t.Errorf("an unknown key: %v, %v", there, err)
		}
		if gone, err := r.ring.Prune(); err != nil || !slices.Equal(gone, []string{r.first}) {
			t.Errorf("Prune = %v, %v", gone, err)
		}
		standings, err := r.ring.Standings()
		if err != nil || len(standings) != 2 || standings[0].State != Disabled {
			t.Errorf("standings = %+v, %v", standings, err)
		}
	})
}

func TestADisabledSuccessorGivesTheWorkBack(t *testing.T) {
	for name, wait := range map[string]time.Duration{
		"before it signed":            hour / 2,
		"while it signed":             hour + time.Minute,
		"at the end of the overlap":   2*hour + lastAssertion - time.Second,
		"long after the old key went": 30 * hour,
	} {
		t.Run(name, func(t *testing.T) {
			t.Attr("shows", "BS-037 BS-034")
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, served)
				next := r.rotate(served)
				pass(wait)
				if _, err := r.ring.Disable(next); err != nil {
					t.Fatal(err)
				}
				for range 50 {
					if wait == 30*hour {
						if got := r.signing(); !strings.HasPrefix(got, "error") {
							t.Fatalf("%s signs, though it was out of the set", got)
						}
					} else {
						r.expect("disabled", r.first, "", r.first)
					}
					pass(hour)
				}
				third := r.rotate(served)
				pass(hour)
				if got := r.signing(); got != third {
					t.Errorf("%s signs, want the third key", got)
				}
			})
		})
	}
}

func TestOneSuccessorAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, direct)
		r.rotate(direct)
		if _, err := r.ring.Rotate(direct); err == nil || !strings.Contains(err.Error(), "waits already") {
			t.Errorf("Rotate = %v", err)
		}
		if _, err := r.ring.Confirm(); err != nil {
			t.Fatal(err)
		}
		r.rotate(served)
		if _, err := r.ring.Rotate(served); err == nil || !strings.Contains(err.Error(), "on its way already") {
			t.Errorf("Rotate = %v", err)
		}
	})
}

func TestTwoProcessesDoNotRotateBoth(t *testing.T) {
	t.Attr("shows", "BS-032")
	r := newRig(t, direct)
	list, err := r.ring.entries()
	if err != nil {
		t.Fatal(err)
	}
	k, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		t.Fatal(err)
	}
	rec := record{KeyID: k.ID(), Algorithm: smart.ES384, Registered: Directly, Created: time.Now()}
	r.rotate(direct)
	if err := r.ring.add(list, k, rec); problem.Of(err) == nil || problem.Of(err).Code != problem.Usage {
		t.Errorf("add = %v", err)
	}
	if keys, err := filepath.Glob(filepath.Join(r.dir, "*")); err != nil || len(keys) != 4 {
		t.Errorf("the loser left something: %v", keys)
	}
	if _, err := r.ring.Add(mustKey(t, r), direct); err == nil {
		t.Error("a key id was taken twice")
	}
}

func mustKey(t *testing.T, r *rig) *smart.Key {
	t.Helper()
	k, err := r.serve.SigningKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeysOfTwoAlgorithmsRotateApart(t *testing.T) {
	t.Attr("shows", "BS-011 BS-039 A4")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, served)
		other := served
		other.Algorithm = smart.RS384
		rsa := r.rotate(other)
		r.expect("before max-age of the second", r.first, "", r.first, rsa)
		pass(hour)
		r.expect("with both", rsa, "", r.first, rsa)
		for advertised, want := range map[string]string{"ES384": r.first, "RS384": rsa, "RS256 RS384 ES384": rsa} {
			k, err := r.serve.SigningKey(t.Context(), strings.Fields(advertised))
			if err != nil || k.ID() != want {
				t.Errorf("with %s: %v, %v", advertised, k, err)
			}
		}
		_, err := r.serve.SigningKey(t.Context(), []string{"PS384"})
		if _, ok := errors.AsType[*smart.KeyError](err); !ok || problem.Of(err).Code != problem.KeyInvalid {
			t.Errorf("with PS384: %v", err)
		}
		if _, err := r.ring.Rotate(Plan{Registered: ByURL, MaxAge: hour, Served: true}); err == nil {
			t.Error("a rotation of either algorithm was taken")
		}
	})
}

func TestOthersMayNotReadTheRing(t *testing.T) {
	t.Attr("shows", "BS-020 BS-025")
	r := newRig(t, direct)
	keys, err := filepath.Glob(filepath.Join(r.dir, "*"))
	if err != nil || len(keys) != 2 {
		t.Fatal(keys, err)
	}
	for _, path := range keys {
		if stat, err := os.Stat(path); err != nil || stat.Mode().Perm() != fileMode {
			t.Errorf("%s has mode %v, %v", path, stat.Mode(), err)
		}
	}
	if err := os.Chmod(keys[1], 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := Open(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Standings(); err == nil || !strings.Contains(err.Error(), "0644") {
		t.Errorf("a key that others can read: %v", err)
	}
	if err := os.Chmod(r.dir, 0o755); err != nil { //nolint:gosec // that is the mistake
		t.Fatal(err)
	}
	if _, err := Open(r.dir); err == nil || !strings.Contains(problem.Of(err).Remedy, "chmod") {
		t.Errorf("a folder that others can use: %v", err)
	}
}

func TestWhatIsNotOfTheRingIsRefusedOrPassedOver(t *testing.T) {
	r := newRig(t, direct)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), fileMode); err != nil {
			t.Fatal(err)
		}
	}
	write("README", "not ours")
	write("0009.disabled.json", `{"disabled":"2026-01-01T00:00:00Z"}`) // its record is gone
	r.expect("beside other files", r.first, "", r.first)
	for name, text := range map[string]string{
		"unknown member": `{"kid":"x","algorithm":"ES384","file":"key-AAAAAAAAAAAAAAAAAAAAAAAAAA.jwk","registered":"url","max_age":1,"created":"2026-01-01T00:00:00Z","more":1}`,
		"another file":   `{"kid":"x","algorithm":"ES384","file":"../key.jwk","registered":"url","max_age":1,"created":"2026-01-01T00:00:00Z"}`,
		"no key":         `{"kid":"x","algorithm":"ES384","file":"key-AAAAAAAAAAAAAAAAAAAAAAAAAA.jwk","registered":"url","max_age":1,"created":"2026-01-01T00:00:00Z"}`,
		"half":           `{"kid":"x"`,
	} {
		write("0002.json", text)
		if got := r.signing(); !strings.Contains(got, "folder of keys cannot be used") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestLeftoversOfADeadProcessAreSweptLater(t *testing.T) {
	r := newRig(t, direct)
	for name, age := range map[string]time.Duration{
		"key-AAAAAAAAAAAAAAAAAAAAAAAAAA.jwk": 2 * hour, ".tmp-old": 2 * hour, ".tmp-new": time.Minute,
	} {
		path := filepath.Join(r.dir, name)
		if err := os.WriteFile(path, nil, fileMode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.ring.Prune(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(r.dir, ".tmp-*"))
	if err != nil || len(files) != 1 {
		t.Errorf("left: %v, %v", files, err)
	}
	r.expect("after the sweep", r.first, "", r.first)
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"kid":"x","algorithm":"ES384","file":"key-AAAAAAAAAAAAAAAAAAAAAAAAAA.jwk","registered":"url","max_age":3600,"created":"2026-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecord(text)
		if err == nil && (r.KeyID == "" || !keyFile.MatchString(r.File) || r.MaxAge < 0 || r.Activated.Before(r.Published)) {
			t.Errorf("record = %+v", r)
		}
	})
}

// Whoever may not read the keys is not told to make others.
func TestKeysOfAnotherUserAreNotCalledMissing(t *testing.T) {
	t.Parallel()
	denied := absent("keys", fmt.Errorf("open: %w", fs.ErrPermission))
	if missing := absent("keys", fs.ErrNotExist); !strings.Contains(missing.Remedy, "keys new") || strings.Contains(denied.Remedy, "keys new") || !strings.Contains(denied.Summary, "may not read") {
		t.Errorf("%q %q, and where there is none %q", denied.Summary, denied.Remedy, missing.Remedy)
	}
}
