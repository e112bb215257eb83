package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/smart"
)

func TestWarningsComeInTime(t *testing.T) {
	t.Attr("shows", "BS-020")
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, direct)
		r.serve.registration.KeyExpires.Time = time.Now().Add(500 * 24 * hour)
		for _, c := range []struct {
			after time.Duration
			want  []string
		}{
			{0, nil},
			{330 * 24 * hour, nil},
			{10 * 24 * hour, []string{"will be a year old"}},
			{30 * 24 * hour, []string{"older than a year"}},
			{110 * 24 * hour, []string{"older than a year", "takes the key until"}},
			{30 * 24 * hour, []string{"older than a year", "does not take the key any more"}},
		} {
			pass(c.after)
			list, err := r.serve.Warnings()
			if err != nil || len(list) != len(c.want) {
				t.Fatalf("warnings = %v, %v, want %v", list, err, c.want)
			}
			for i, w := range list {
				if !strings.Contains(w.Text, c.want[i]) {
					t.Errorf("warning = %q, want %q", w.Text, c.want[i])
				}
			}
		}
		r.rotate(direct)
		if list, err := r.serve.Warnings(); err != nil || len(list) != 3 || !strings.Contains(list[1].Text, "waits since") {
			t.Errorf("warnings = %v, %v", list, err)
		}
	})
	file := filepath.Join(t.TempDir(), "key.jwk")
	k, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o644: 1} {
		if err := errors.Join(os.WriteFile(file, text, mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		s, err := Of(config.Registration{KeyFile: file})
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.Warnings()
		if err != nil || len(list) != want || want == 1 && !strings.Contains(list[0].Text, "0644") {
			t.Errorf("warnings of mode %o = %v, %v", mode, list, err)
		}
	}
}

func TestOneKeyIsASourceToo(t *testing.T) {
	t.Attr("shows", "BS-018 BS-023")
	if _, err := Of(config.Registration{KeyFile: filepath.Join(t.TempDir(), "none")}); problem.Of(err).Code != problem.KeyMissing {
		t.Errorf("Of a missing file = %v", err)
	}
	if _, err := Of(config.Registration{KeyFolder: filepath.Join(t.TempDir(), "none")}); problem.Of(err).Code != problem.KeyMissing {
		t.Errorf("Of a missing folder = %v", err)
	}
	t.Setenv("KEYRING_TEST_KEY", "no key")
	if _, err := Of(config.Registration{KeyEnv: "KEYRING_TEST_KEY"}); problem.Of(err).Code != problem.KeyInvalid || strings.Contains(err.Error(), "no key\n") {
		t.Errorf("Of nonsense = %v", err)
	}
	k, err := smart.GenerateKey(smart.ES384)
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEYRING_TEST_KEY", string(text))
	s, err := Of(config.Registration{KeyEnv: "KEYRING_TEST_KEY"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.SigningKey(t.Context(), nil); err != nil || got.ID() != k.ID() {
		t.Errorf("SigningKey = %v, %v", got, err)
	}
	if got, err := s.PreviousKey(t.Context(), nil); err != nil || got != nil {
		t.Errorf("PreviousKey = %v, %v", got, err)
	}
	for url, want := range map[string]Registered{"": Directly, "https://keys.example/jwks.json": ByURL} {
		s.registration.JWKSURL = url
		if standings, err := s.Standings(); err != nil || len(standings) != 1 || standings[0].State != Signing || standings[0].Registered != want {
			t.Errorf("standings = %+v, %v", standings, err)
		}
	}
}
