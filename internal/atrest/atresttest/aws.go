// Package atresttest plays key services on this machine, for tests: AWS KMS and
// Google Cloud KMS by the protocols that they speak, with keys that really
// encrypt, and with their refusals. It shares no code with the clients that it
// tests, and never speaks to anything outside.
//
// https://docs.aws.amazon.com/kms/latest/APIReference/Welcome.html
// https://cloud.google.com/kms/docs/reference/rest
package atresttest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// The one who may ask, and the key, of an AWS.
const (
	AWSKeyID  = "AKIDEXAMPLE"
	AWSSecret = "wJalrXUtnFEMI+K7MDENG+bPxRfiCYEXAMPLEKEY"
	AWSRegion = "us-east-1"
	AWSARN    = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	AWSAlias  = "arn:aws:kms:us-east-1:123456789012:alias/bulkhead"
)

// An AWS is a server that does what AWS KMS does with one symmetric key, for
// whoever signs by the constants above. It may be used by several goroutines.
type AWS struct {
	*httptest.Server
	keys *chest

	mu       sync.Mutex
	alias    int                 // which key of the chest the alias names
	refusal  string              // the code with which it refuses; empty when it does not
	status   int                 // of the refusal
	session  string              // the session token that it wants; empty for none
	contexts []map[string]string // the encryption contexts that it saw
}

// NewAWS starts a server that ends with the test.
func NewAWS(t testing.TB) *AWS {
	t.Helper()
	a := &AWS{keys: newChest(t)}
	a.Server = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(a.Close)
	return a
}

// Environ has the process of the test find the credentials in its environment,
// and no others.
func (*AWS) Environ(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": AWSKeyID, "AWS_SECRET_ACCESS_KEY": AWSSecret, "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "",
		"AWS_CA_BUNDLE": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_ROLE_ARN": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
	} {
		t.Setenv(name, value)
	}
}

// Refuse has every request refused with a code of AWS; 0 and empty end it.
func (a *AWS) Refuse(status int, code string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.refusal = status, code
}

// Demand has it take only requests with a session token.
func (a *AWS) Demand(session string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.session = session
}

// PointAlias has the alias name another key.
func (a *AWS) PointAlias() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.alias++
}

// Contexts gives the encryption contexts of all requests that were signed well.
func (a *AWS) Contexts() []map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]map[string]string(nil), a.contexts...)
}

func (a *AWS) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var q struct {
		KeyID      string            `json:"KeyId"`
		Plaintext  []byte            `json:"Plaintext"`
		Ciphertext []byte            `json:"CiphertextBlob"`
		Context    map[string]string `json:"EncryptionContext"`
	}
	switch bad := json.Unmarshal(body, &q); {
	case a.refusal != "":
		a.refuse(w, a.status, a.refusal, "as told")
		return
	case r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || bad != nil:
		a.refuse(w, http.StatusBadRequest, "SerializationException", "")
		return
	case signatureOf(r, body) == "":
		a.refuse(w, http.StatusBadRequest, "MissingAuthenticationToken", "")
		return
	case !signed(r, body):
		a.refuse(w, http.StatusBadRequest, "InvalidSignatureException", "The canonical string should have been "+r.Header.Get("X-Amz-Security-Token"))
		return
	case r.Header.Get("X-Amz-Security-Token") != a.session:
		a.refuse(w, http.StatusBadRequest, "UnrecognizedClientException", "The security token included in the request is invalid.")
		return
	}
	a.contexts = append(a.contexts, q.Context)
	key := map[string]int{AWSARN: 0, AWSAlias: a.alias}
	which, known := key[q.KeyID]
	if !known {
		a.refuse(w, http.StatusBadRequest, "NotFoundException", "Key '"+q.KeyID+"' does not exist")
		return
	}
	bound, _ := json.Marshal(q.Context) //nolint:errcheck,errchkjson // texts; in the order of their names
	switch r.Header.Get("X-Amz-Target") {
	case "TrentService.Encrypt":
		if len(q.Plaintext) == 0 || len(q.Plaintext) > 4096 {
			a.refuse(w, http.StatusBadRequest, "ValidationException", "")
			return
		}
		a.answer(w, map[string]any{"CiphertextBlob": a.keys.wrap(which, q.Plaintext, bound), "KeyId": AWSARN, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	case "TrentService.Decrypt":
		plain, by, err := a.keys.unwrap(q.Ciphertext, bound)
		switch {
		case err != nil:
			a.refuse(w, http.StatusBadRequest, "InvalidCiphertextException", "")
		case by != which:
			a.refuse(w, http.StatusBadRequest, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
		default:
			a.answer(w, map[string]any{"Plaintext": plain, "KeyId": AWSARN, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
		}
	default:
		a.refuse(w, http.StatusBadRequest, "UnknownOperationException", "")
	}
}

func (*AWS) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	json.NewEncoder(w).Encode(v) //nolint:errcheck,errchkjson // who asked sees it
}

func (*AWS) refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"__type":"com.amazonaws.kms#%s","message":%q}`, code, strings.TrimSpace(message))
}
