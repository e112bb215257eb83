package atrest

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/atrest/atresttest"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func googleConfig(g *atresttest.Google) config.Encryption {
	return config.Encryption{KeyURL: "gcp-kms://" + atresttest.GoogleKey, Endpoint: g.URL}
}

func TestAKeyServiceOfGoogleDoesAllThatAHouseKeyDoes(t *testing.T) {
	g, p := atresttest.NewGoogle(t), newPlace(t)
	g.Environ(t)
	e := googleConfig(g)
	stored := map[string][]byte{"north": seal(t, p.by(e), "north", "a", []byte("content")), "south": seal(t, p.by(e), "south", "a", []byte("content"))}
	g.Rotate()
	k := p.by(e)
	for tenant, file := range stored {
		if err := p.opens(e, tenant, file); err != nil {
			t.Errorf("by an older version of the key: %v", err)
		}
		if err := k.Rewrap(t.Context(), tenant); err != nil {
			t.Error(err)
		}
	}
	g.Disable(true)
	for tenant, file := range stored {
		if err := p.opens(e, tenant, file); err != nil {
			t.Errorf("wrapped by the newer version: %v", err)
		}
	}
	file, _, err := k.read("south")
	if err != nil {
		t.Fatal(err)
	}
	file.Tenant = "north"
	if err := k.write(file); err != nil {
		t.Fatal(err)
	}
	wantCode(t, p.opens(e, "north", stored["north"]), problem.StorageDamaged)
}

func TestAPracticeMovesFromAHouseKeyInAFileToOneOfGoogle(t *testing.T) {
	g, p := atresttest.NewGoogle(t), newPlace(t)
	g.Environ(t)
	stored := seal(t, p.keys(), "north", "a", []byte("content"))
	e := googleConfig(g)
	wantCode(t, p.opens(e, "north", stored), problem.HouseKeyWrong)
	e.Former = &config.FormerKey{KeyFile: p.house}
	if err := p.opens(e, "north", stored); err != nil {
		t.Errorf("the former key opens nothing: %v", err)
	}
	if err := p.by(e).Rewrap(t.Context(), "north"); err != nil {
		t.Error(err)
	}
	if err := p.opens(googleConfig(g), "north", stored); err != nil {
		t.Errorf("without the former key: %v", err)
	}
	e.Former = &config.FormerKey{KeyFile: filepath.Join(p.dir, "none")}
	_, err := OpenHouse(&config.Config{Folder: t.TempDir(), Encryption: e}, new(http.Client))
	wantCode(t, err, problem.HouseKeyMissing)
}

func TestGoogleThatRefusesSaysWhoMustActAndOneThatIsBusyIsWaitedFor(t *testing.T) {
	t.Attr("fault", "network: the key service of Google is down, slow or busy, refuses, or its key is disabled, destroyed or another one -> weather is waited out, the rest is house_key_missing with the role or the command to run")
	g, p := atresttest.NewGoogle(t), newPlace(t)
	g.Environ(t)
	e := googleConfig(g)
	stored := seal(t, p.by(e), "north", "a", []byte("content"))
	cases := []struct {
		status int
		reason string
		want   problem.Code // empty for weather
		says   string
	}{
		{403, "PERMISSION_DENIED", problem.HouseKeyMissing, "roles/cloudkms.cryptoKeyEncrypterDecrypter"},
		{403, "SERVICE_DISABLED", problem.HouseKeyMissing, "cloudkms.googleapis.com"},
		{401, "UNAUTHENTICATED", problem.HouseKeyMissing, "service account"},
		{404, "NOT_FOUND", problem.HouseKeyMissing, "key ring"},
		{400, "FAILED_PRECONDITION", problem.HouseKeyMissing, "Enable that version"},
		{400, "OUT_OF_RANGE", problem.HouseKeyMissing, "ENCRYPT_DECRYPT"},
		{400, "INVALID_ARGUMENT", problem.StorageDamaged, ""},
		{429, "RESOURCE_EXHAUSTED", "", ""},
		{500, "INTERNAL", "", ""},
		{503, "UNAVAILABLE", "", ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			g.Refuse(c.status, c.reason)
			err := p.opens(e, "north", stored)
			if c.want == "" {
				wantWeather(t, err)
				return
			}
			wantCode(t, err, c.want)
			if told := problem.Of(err); !strings.Contains(told.Summary+told.Remedy, c.says) {
				t.Errorf("%s says %q, %q", c.reason, told.Summary, told.Remedy)
			}
			if strings.Contains(err.Error(), "ya29.") {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
	g.Refuse(0, "")
	other := e
	other.KeyURL += "-gone"
	wantCode(t, p.opens(other, "north", stored), problem.HouseKeyMissing)
	g.Disable(true)
	wantCode(t, p.opens(e, "north", stored), problem.HouseKeyMissing)
	g.Disable(false)
	g.Garble(true)
	wantWeather(t, p.opens(e, "north", stored))
	g.Garble(false)
	if err := p.opens(e, "north", stored); err != nil {
		t.Errorf("once it answers again: %v", err)
	}
	g.RefuseTokens(http.StatusBadRequest)
	wantCode(t, p.opens(e, "north", stored), problem.HouseKeyMissing)
	g.RefuseTokens(http.StatusServiceUnavailable)
	wantWeather(t, p.opens(e, "north", stored))
	g.RefuseTokens(0)
	g.Close()
	wantWeather(t, p.opens(e, "north", stored))
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(p.dir, "none"))
	wantCode(t, p.opens(e, "north", stored), problem.HouseKeyMissing)
}

func TestNothingIsWrappedByAnAnswerThatDidNotComeWhole(t *testing.T) {
	g, p := atresttest.NewGoogle(t), newPlace(t)
	g.Environ(t)
	g.Garble(true)
	k := p.by(googleConfig(g))
	_, err := k.Encrypt(t.Context(), "north", "a", nil)
	wantWeather(t, err)
	if _, _, err := k.read("north"); err == nil {
		t.Error("keys were stored that nobody can unwrap")
	}
}

func TestASlowGoogleIsWaitedForByTheEngineAndNotByTheRequest(t *testing.T) {
	g := atresttest.NewGoogle(t)
	g.Environ(t)
	slow := slowServer(t)
	key := &googleKey{name: atresttest.GoogleKey, endpoint: slow.URL, http: &http.Client{Timeout: 200 * time.Millisecond}}
	_, err := envelope{key}.EncryptWithContext(t.Context(), []byte("keys"), []byte("practice"))
	wantWeather(t, err)
}

// TestAMachineOfGooglesAsksItsOwnAccount is the only test in which the metadata
// server is looked for: the client remembers for ever whether it is there.
func TestAMachineOfGooglesAsksItsOwnAccount(t *testing.T) {
	g, p := atresttest.NewGoogle(t), newPlace(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(g.URL, "http://"))
	e := googleConfig(g)
	if err := p.opens(e, "north", seal(t, p.by(e), "north", "a", []byte("content"))); err != nil {
		t.Error(err)
	}
}
