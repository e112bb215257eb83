package atresttest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

const (
	// GoogleKey is the key of a Google.
	GoogleKey     = "projects/practices/locations/us-east1/keyRings/bulkhead/cryptoKeys/house"
	googleAccount = "bulkhead@practices.iam.gserviceaccount.com"
	googleToken   = "ya29.the-access-token"
)

// A Google is a server that does what Google Cloud KMS does with one symmetric
// key, and what gives access tokens to a service account, or on a machine of
// Google's to whoever asks there. It may be used by several goroutines.
type Google struct {
	*httptest.Server
	keys    *chest
	account *rsa.PrivateKey

	mu       sync.Mutex
	version  int    // which key of the chest is the primary version
	disabled bool   // that version
	status   int    // what it answers, when not 0
	reason   string // the canonical status of that answer
	tokens   int    // what the token endpoint answers, when not 0
	garbled  bool   // answers do not come whole
}

// accountKey makes the key of the service account, once: it takes a while.
var accountKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// NewGoogle starts a server that ends with the test.
func NewGoogle(t testing.TB) *Google {
	t.Helper()
	account, err := accountKey()
	if err != nil {
		t.Fatal(err)
	}
	g := &Google{keys: newChest(t), account: account}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", g.grant)
	mux.HandleFunc("GET /computeMetadata/v1/instance/service-accounts/default/token", g.metadata)
	mux.HandleFunc("POST /v1/"+GoogleKey+":encrypt", g.encrypt)
	mux.HandleFunc("POST /v1/"+GoogleKey+":decrypt", g.decrypt)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "NOT_FOUND", "") })
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

// Environ has the process of the test find the key of a service account in a
// file that GOOGLE_APPLICATION_CREDENTIALS names.
func (g *Google) Environ(t *testing.T) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(g.account)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "practices", "private_key_id": "1", "client_email": googleAccount, "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": g.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", path)
}

// Refuse has every question to KMS refused with a status of HTTP and one of
// Google; 0 ends it.
func (g *Google) Refuse(status int, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status, g.reason = status, reason
}

// RefuseTokens has every request for a token refused; 0 ends it.
func (g *Google) RefuseTokens(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens = status
}

// Rotate makes a new version of the key the primary one.
func (g *Google) Rotate() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.version++
}

// Disable has the first version of the key disabled, or enabled again.
func (g *Google) Disable(disabled bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.disabled = disabled
}

// Garble has answers come changed.
func (g *Google) Garble(garbled bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.garbled = garbled
}

// grant gives a token for an assertion that the service account signed.
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest
func (g *Google) grant(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tokens != 0 {
		w.WriteHeader(g.tokens)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"as told"}`)
		return
	}
	assertion, err := jose.ParseSignedCompact(r.PostFormValue("assertion"), []jose.SignatureAlgorithm{jose.RS256})
	if err == nil {
		var text []byte
		var claims struct{ Iss, Scope string }
		text, err = assertion.Verify(&g.account.PublicKey)
		if err == nil {
			err = json.Unmarshal(text, &claims)
		}
		if err == nil && (claims.Iss != googleAccount || claims.Scope != "https://www.googleapis.com/auth/cloudkms") {
			err = fmt.Errorf("claims %+v", claims)
		}
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	g.token(w)
}

// metadata is what a machine of Google's asks for the token of its account.
func (g *Google) metadata(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Metadata-Flavor") != "Google" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("Metadata-Flavor", "Google")
	g.token(w)
}

func (*Google) token(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, googleToken)
}

// A question is what KMS is asked.
type question struct {
	Plaintext  []byte `json:"plaintext"`
	Ciphertext []byte `json:"ciphertext"`
	Bound      []byte `json:"additionalAuthenticatedData"`
	PlainSum   string `json:"plaintextCrc32c"`
	CipherSum  string `json:"ciphertextCrc32c"`
	BoundSum   string `json:"additionalAuthenticatedDataCrc32c"`
}

// read gives a question that may be asked; ok is false for one that was refused.
func (g *Google) read(w http.ResponseWriter, r *http.Request) (q question, ok bool) {
	switch {
	case g.status != 0:
		refuse(w, g.status, g.reason, "as told")
		return q, false
	case r.Header.Get("Authorization") != "Bearer "+googleToken:
		refuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
		return q, false
	}
	err := json.NewDecoder(r.Body).Decode(&q)
	if err != nil || q.BoundSum != sum(q.Bound) || q.PlainSum != "" && q.PlainSum != sum(q.Plaintext) || q.CipherSum != "" && q.CipherSum != sum(q.Ciphertext) {
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", "the question did not come whole")
		return q, false
	}
	return q, true
}

func (g *Google) encrypt(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	q, ok := g.read(w, r)
	if !ok {
		return
	}
	if g.version == 0 && g.disabled {
		refuse(w, http.StatusBadRequest, "FAILED_PRECONDITION", GoogleKey+"/cryptoKeyVersions/1 is not enabled, current state is: DISABLED.")
		return
	}
	wrapped := g.keys.wrap(g.version, q.Plaintext, q.Bound)
	g.answer(w, map[string]any{
		"name": GoogleKey + "/cryptoKeyVersions/" + strconv.Itoa(g.version+1), "ciphertext": wrapped, "ciphertextCrc32c": sum(wrapped),
		"verifiedPlaintextCrc32c": q.PlainSum != "", "verifiedAdditionalAuthenticatedDataCrc32c": q.BoundSum != "", "protectionLevel": "SOFTWARE",
	}, "ciphertext")
}

func (g *Google) decrypt(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	q, ok := g.read(w, r)
	if !ok {
		return
	}
	plain, by, err := g.keys.unwrap(q.Ciphertext, q.Bound)
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT", "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
	case by == 0 && g.disabled:
		refuse(w, http.StatusBadRequest, "FAILED_PRECONDITION", GoogleKey+"/cryptoKeyVersions/1 is not enabled, current state is: DISABLED.")
	default:
		g.answer(w, map[string]any{"plaintext": plain, "plaintextCrc32c": sum(plain), "usedPrimary": by == g.version, "protectionLevel": "SOFTWARE"}, "plaintext")
	}
}

// answer writes an answer; garbled, the field has another first byte.
func (g *Google) answer(w http.ResponseWriter, fields map[string]any, field string) {
	if text, _ := fields[field].([]byte); g.garbled && len(text) > 0 {
		text[0] ^= 1
		fields[field] = base64.StdEncoding.EncodeToString(text)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(fields) //nolint:errcheck,errchkjson // who asked sees it
}

func refuse(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	details := ""
	if reason == "SERVICE_DISABLED" {
		reason, details = "PERMISSION_DENIED", `,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"SERVICE_DISABLED"}]`
	}
	fmt.Fprintf(w, `{"error":{"code":%d,"message":%q,"status":%q%s}}`, status, strings.TrimSpace(message), reason, details)
}

func sum(text []byte) string {
	return strconv.FormatUint(uint64(crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))), 10)
}
