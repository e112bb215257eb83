package atrest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// A transit is a server that does what a Vault's transit engine does.
type transit struct {
	*httptest.Server
	t       *testing.T
	status  int  // what it answers, when not 0
	careful bool // it binds to associated_data
	asked   int
}

func newTransit(t *testing.T) *transit {
	v := &transit{t: t, careful: true}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	key, err := aead.New(handle)
	if err != nil {
		t.Fatal(err)
	}
	v.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.asked++
		var q struct {
			Plaintext  []byte `json:"plaintext"`
			Ciphertext string `json:"ciphertext"`
			Bound      []byte `json:"associated_data"`
		}
		err := json.NewDecoder(r.Body).Decode(&q)
		switch {
		case v.status != 0:
			v.refuse(w, v.status, "as told")
			return
		case r.Header.Get("X-Vault-Token") != "the-token" || r.Header.Get("X-Vault-Namespace") != "team":
			v.refuse(w, http.StatusForbidden, "permission denied")
			return
		case err != nil || r.Method != http.MethodPost:
			v.refuse(w, http.StatusBadRequest, "bad request")
			return
		}
		if !v.careful {
			q.Bound = nil
		}
		switch r.URL.Path {
		case "/v1/transit/encrypt/house":
			wrapped, err := key.Encrypt(q.Plaintext, q.Bound)
			v.answer(w, err, "ciphertext", "vault:v1:"+base64.StdEncoding.EncodeToString(wrapped))
		case "/v1/transit/decrypt/house":
			wrapped, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(q.Ciphertext, "vault:v1:"))
			if err != nil {
				v.refuse(w, http.StatusBadRequest, "invalid ciphertext")
				return
			}
			plain, err := key.Decrypt(wrapped, q.Bound)
			v.answer(w, err, "plaintext", base64.StdEncoding.EncodeToString(plain))
		default:
			v.refuse(w, http.StatusNotFound, "no handler for route")
		}
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *transit) answer(w io.Writer, err error, field, value string) {
	if err != nil {
		v.refuse(w.(http.ResponseWriter), http.StatusBadRequest, "cipher: message authentication failed")
		return
	}
	fmt.Fprintf(w, `{"request_id":"1","data":{%q:%q}}`, field, value)
}

func (v *transit) refuse(w http.ResponseWriter, status int, said string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[%q]}`, said)
}

func (v *transit) config(name string) config.Encryption {
	return config.Encryption{
		KeyURL: "hcvault://" + strings.TrimPrefix(v.URL, "https://") + "/transit/keys/" + name, TokenEnv: "BULKHEAD_TEST_VAULT_TOKEN", Namespace: "team",
	}
}

func (v *transit) keys(p *place, e config.Encryption) *Keys {
	v.t.Helper()
	house, err := OpenHouse(&config.Config{Folder: p.dir, Encryption: e}, v.Client())
	if err != nil {
		v.t.Fatal(err)
	}
	return New(Options{Folder: filepath.Join(p.dir, FolderName), House: house, Ledger: p.ledger})
}

func TestAVaultWrapsWithoutGivingItsKeyAway(t *testing.T) {
	t.Setenv("BULKHEAD_TEST_VAULT_TOKEN", "the-token\n")
	v, p := newTransit(t), newPlace(t)
	k := v.keys(p, v.config("house"))
	stored := seal(t, k, "north", "a", []byte("content"))
	later := v.keys(p, v.config("house"))
	for range 5 {
		if got, err := unseal(t, later, "north", "a", stored); err != nil || string(got) != "content" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if v.asked != 3 { // wrapped once, unwrapped once by each process
		t.Errorf("the Vault was asked %d times", v.asked)
	}
	if err := later.Rewrap(t.Context(), "north"); err != nil {
		t.Error(err)
	}
}

func TestAVaultThatRefusesSaysWhoMustActAndOneThatIsDownIsWaitedFor(t *testing.T) {
	t.Attr("fault", "network: the Vault that wraps keys is down, refuses or has lost the key -> weather is waited out, the rest is house_key_missing or house_key_wrong")
	t.Setenv("BULKHEAD_TEST_VAULT_TOKEN", "the-token")
	v, p := newTransit(t), newPlace(t)
	stored := seal(t, v.keys(p, v.config("house")), "north", "a", []byte("content"))
	open := func(e config.Encryption) error {
		_, err := unseal(t, v.keys(p, e), "north", "a", stored)
		return err
	}
	for status, want := range map[int]problem.Code{http.StatusForbidden: problem.HouseKeyMissing, http.StatusNotFound: problem.HouseKeyMissing, http.StatusBadRequest: problem.HouseKeyWrong} {
		v.status = status
		wantCode(t, open(v.config("house")), want)
	}
	for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		v.status = status
		err := open(v.config("house"))
		if _, told := errors.AsType[*problem.Problem](err); err == nil || told {
			t.Errorf("%d is no weather: %v", status, err)
		}
	}
	v.status = 0
	wantCode(t, open(v.config("other")), problem.HouseKeyMissing)
	t.Setenv("BULKHEAD_TEST_VAULT_TOKEN", "stolen-token")
	err := open(v.config("house"))
	wantCode(t, err, problem.HouseKeyMissing)
	if strings.Contains(err.Error(), "stolen-token") {
		t.Errorf("the error tells the token: %v", err)
	}
	noFile := v.config("house")
	noFile.TokenEnv, noFile.TokenFile = "", filepath.Join(p.dir, "no-token")
	wantCode(t, open(noFile), problem.HouseKeyMissing)
	t.Setenv("BULKHEAD_TEST_VAULT_TOKEN", "")
	wantCode(t, open(v.config("house")), problem.HouseKeyMissing)
	t.Setenv("BULKHEAD_TEST_VAULT_TOKEN", "the-token")
	if err := open(v.config("house")); err != nil {
		t.Errorf("once it answers again: %v", err)
	}
	v.Server.Close()
	if _, told := errors.AsType[*problem.Problem](open(v.config("house"))); told {
		t.Error("a Vault that is down is no weather")
	}
}

func TestAVaultThatBindsToNothingIsNotBelieved(t *testing.T) {
	t.Setenv("BULKHEAD_TEST_VAULT_TOKEN", "the-token")
	v, p := newTransit(t), newPlace(t)
	v.careful = false
	k := v.keys(p, v.config("house"))
	stored := seal(t, k, "south", "a", []byte("content"))
	seal(t, k, "north", "a", nil)
	file, _, err := k.read("south")
	if err != nil {
		t.Fatal(err)
	}
	file.Tenant = "north"
	if err := k.write(file); err != nil {
		t.Fatal(err)
	}
	later := v.keys(p, v.config("house"))
	got, err := unseal(t, later, "north", "a", stored)
	wantCode(t, err, problem.StorageDamaged)
	if bytes.Contains(got, []byte("content")) {
		t.Error("a practice opens another's file")
	}
}
