package atrest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"sync"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

const (
	googleName     = "Google Cloud KMS"
	googleEndpoint = "https://cloudkms.googleapis.com"
	googleScope    = "https://www.googleapis.com/auth/cloudkms"
	googleAnswer   = 1 << 20 // bytes of an answer that are read
)

// A googleKey is a symmetric key of Google Cloud KMS.
// https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt
type googleKey struct {
	name     string // projects/P/locations/L/keyRings/R/cryptoKeys/K
	endpoint string // empty: Google's
	http     *http.Client

	mu     sync.Mutex
	tokens oauth2.TokenSource // nil until the key is asked for the first time
	seen   witness            // of what becomes of requests for tokens
}

// A checksum is the CRC32C of a text, by which Google and we see that it came
// whole. https://cloud.google.com/kms/docs/data-integrity-guidelines
type checksum int64

func checksumOf(text []byte) checksum {
	return checksum(crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
}

var errGarbled = errors.New("what it gave did not come whole")

// EncryptWithContext wraps.
func (k *googleKey) EncryptWithContext(ctx context.Context, plain, bound []byte) ([]byte, error) {
	question := struct {
		Plaintext []byte   `json:"plaintext"`
		Sum       checksum `json:"plaintextCrc32c,string"`
		Bound     []byte   `json:"additionalAuthenticatedData"`
		BoundSum  checksum `json:"additionalAuthenticatedDataCrc32c,string"`
	}{plain, checksumOf(plain), bound, checksumOf(bound)}
	var answer struct {
		Ciphertext   []byte   `json:"ciphertext"`
		Sum          checksum `json:"ciphertextCrc32c,string"`
		CameWhole    bool     `json:"verifiedPlaintextCrc32c"`
		BoundIsWhole bool     `json:"verifiedAdditionalAuthenticatedDataCrc32c"`
	}
	if err := k.ask(ctx, "encrypt", question, &answer); err != nil {
		return nil, k.forgetting(err)
	}
	if !answer.CameWhole || !answer.BoundIsWhole || answer.Sum != checksumOf(answer.Ciphertext) {
		return nil, &unreached{googleName, errGarbled}
	}
	return answer.Ciphertext, nil
}

// DecryptWithContext unwraps.
func (k *googleKey) DecryptWithContext(ctx context.Context, wrapped, bound []byte) ([]byte, error) {
	question := struct {
		Ciphertext []byte   `json:"ciphertext"`
		Sum        checksum `json:"ciphertextCrc32c,string"`
		Bound      []byte   `json:"additionalAuthenticatedData"`
		BoundSum   checksum `json:"additionalAuthenticatedDataCrc32c,string"`
	}{wrapped, checksumOf(wrapped), bound, checksumOf(bound)}
	var answer struct {
		Plaintext []byte   `json:"plaintext"`
		Sum       checksum `json:"plaintextCrc32c,string"`
	}
	if err := k.ask(ctx, "decrypt", question, &answer); err != nil {
		return nil, k.forgetting(err)
	}
	if answer.Sum != checksumOf(answer.Plaintext) {
		return nil, &unreached{googleName, errGarbled}
	}
	return answer.Plaintext, nil
}

// forgetting looks for credentials anew after a refusal: whoever mends it may
// have given others. It returns the error.
func (k *googleKey) forgetting(err error) error {
	if _, refused := errors.AsType[*problem.Problem](err); refused {
		k.mu.Lock()
		k.tokens = nil
		k.mu.Unlock()
	}
	return err
}

func (k *googleKey) ask(ctx context.Context, do string, question, answer any) error {
	token, err := k.token(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	endpoint := k.endpoint
	if endpoint == "" {
		endpoint = googleEndpoint
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/v1/"+k.name+":"+do, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("ask Google Cloud KMS: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	token.SetAuthHeader(request)
	response, err := k.http.Do(request)
	if err != nil {
		return noAnswer(googleName, err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	text, err = io.ReadAll(io.LimitReader(response.Body, googleAnswer))
	if err != nil {
		return noAnswer(googleName, err)
	}
	if response.StatusCode != http.StatusOK {
		return k.refusal(do, response.StatusCode, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return &unreached{googleName, errors.New("what it says cannot be understood")}
	}
	return nil
}

// token gives an access token that is valid now, by Application Default
// Credentials. https://cloud.google.com/docs/authentication/application-default-credentials
func (k *googleKey) token(ctx context.Context) (*oauth2.Token, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tokens == nil {
		own := *k.http
		k.seen.next, own.Transport = k.http.Transport, &k.seen
		lasting := context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &own)
		found, err := google.FindDefaultCredentials(lasting, googleScope)
		if err != nil { // the text of a file of credentials may stand in it
			return nil, problem.New(problem.HouseKeyMissing, "there are no Google credentials with which Google Cloud KMS could be asked", googleCredentials)
		}
		k.tokens = found.TokenSource
	}
	k.seen.err = nil
	token, err := k.tokens.Token()
	if err != nil {
		return nil, tokenless(cmp.Or(k.seen.err, err))
	}
	return token, nil
}

// A witness remembers what the network said last, which some sources of tokens
// keep to themselves. It is used by one goroutine at a time.
type witness struct {
	next http.RoundTripper // nil for the default
	err  error
}

// RoundTrip sends a request.
func (w *witness) RoundTrip(r *http.Request) (response *http.Response, err error) {
	response, w.err = cmp.Or(w.next, http.DefaultTransport).RoundTrip(r)
	return response, w.err
}

const googleCredentials = "Attach a service account to the machine or the pod, or name a file of credentials in the environment variable GOOGLE_APPLICATION_CREDENTIALS. Nothing is lost."

// tokenless explains why there is no access token.
func tokenless(err error) error {
	status := 0
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.Response != nil {
		status = refused.Response.StatusCode
	}
	if refused, ok := errors.AsType[*metadata.Error](err); ok {
		status = refused.Code
	}
	if _, ok := errors.AsType[metadata.NotDefinedError](err); ok {
		status = http.StatusNotFound
	}
	const source = "what gives Google credentials"
	_, network := errors.AsType[net.Error](err)
	cause := fmt.Errorf("status %d", status)
	switch {
	case status == 0 && network:
		return noAnswer(source, err)
	case status == 0:
		cause = nil // it could repeat what it was given
	case passing(status):
		return &unreached{source, cause}
	}
	return problem.Wrap(cause, problem.HouseKeyMissing, "Google gives no access token for the credentials that are configured", googleCredentials)
}

// passing reports whether a status is weather.
func passing(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status >= http.StatusInternalServerError
}

// googleRefusals are the answers of Google Cloud KMS that a person must act on,
// by the canonical status. https://cloud.google.com/kms/docs/troubleshooting
var googleRefusals = map[string]struct{ summary, remedy string }{
	"UNAUTHENTICATED":     {"Google does not accept the credentials", googleCredentials},
	"PERMISSION_DENIED":   {"Google Cloud KMS does not let us use the house key", "Grant the service account the role roles/cloudkms.cryptoKeyEncrypterDecrypter on the key."},
	"NOT_FOUND":           {"Google Cloud KMS knows no such key", "Correct encryption.key_url: project, location, key ring and key."},
	"FAILED_PRECONDITION": {"the version of the house key that is needed is disabled or destroyed in Google Cloud KMS", "Enable that version again; one that is scheduled for destruction is restored first, before it is destroyed for good."},
	"SERVICE_DISABLED":    {"the Cloud KMS API is not enabled in the project of the credentials", "Enable it: gcloud services enable cloudkms.googleapis.com."},
}

// refusal sorts an answer that is not what was asked for.
func (k *googleKey) refusal(do string, status int, text []byte) error {
	var said struct {
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
			Details []struct {
				Reason string `json:"reason"`
			} `json:"details"`
		} `json:"error"`
	}
	_ = json.Unmarshal(text, &said) // a proxy's page says nothing
	what := said.Error.Status
	switch {
	case passing(status):
		return &unreached{googleName, fmt.Errorf("status %d %s", status, what)}
	case what == "INVALID_ARGUMENT" && do == "decrypt":
		return errUnopened
	}
	for _, d := range said.Error.Details {
		if d.Reason == "SERVICE_DISABLED" {
			what = d.Reason
		}
	}
	refusal, known := googleRefusals[what]
	if !known {
		refusal.summary, refusal.remedy = "Google Cloud KMS refuses", "Check encryption.key_url: it must name a key whose purpose is ENCRYPT_DECRYPT."
	}
	return refused(fmt.Errorf("status %d %s: %s", status, what, brief(said.Error.Message)), refusal.summary, refusal.remedy, "")
}
