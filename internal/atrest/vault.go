package atrest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/secret"
)

const (
	vaultName   = "the Vault"
	vaultAnswer = 1 << 20 // bytes of an answer that are read
)

// A vault is a key of a Vault's transit engine, which wraps and unwraps there.
// https://developer.hashicorp.com/vault/api-docs/secret/transit
type vault struct {
	config.Encryption
	client *http.Client
}

func newVault(e config.Encryption, client *http.Client) *vault {
	return &vault{e, strict(client)}
}

// EncryptWithContext wraps.
func (v *vault) EncryptWithContext(ctx context.Context, plain, bound []byte) ([]byte, error) {
	var answer struct {
		Ciphertext string `json:"ciphertext"`
	}
	err := v.ask(ctx, "encrypt", map[string][]byte{"plaintext": plain, "associated_data": bound}, &answer)
	if err == nil && answer.Ciphertext == "" {
		err = errors.New("the Vault gave no ciphertext")
	}
	return []byte(answer.Ciphertext), err
}

// DecryptWithContext unwraps.
func (v *vault) DecryptWithContext(ctx context.Context, wrapped, bound []byte) ([]byte, error) {
	var answer struct {
		Plaintext []byte `json:"plaintext"`
	}
	return answer.Plaintext, v.ask(ctx, "decrypt", map[string]any{"ciphertext": string(wrapped), "associated_data": bound}, &answer)
}

// A vaultError is an answer of the Vault that is not what was asked for.
type vaultError struct {
	Status int
	Said   []string
}

func (e *vaultError) Error() string {
	return fmt.Sprintf("the Vault answers %d: %s", e.Status, strings.Join(e.Said, "; "))
}

// wrong reports whether the Vault says that its key did not wrap what it is to
// unwrap.
func (e *vaultError) wrong() bool { return e.Status == http.StatusBadRequest }

func (v *vault) ask(ctx context.Context, do string, question, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := v.request(ctx, do, question)
	if err != nil {
		return err
	}
	response, err := v.client.Do(request)
	if err != nil {
		return noAnswer(vaultName, err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(response.Body, vaultAnswer))
	if err != nil {
		return noAnswer(vaultName, err)
	}
	if response.StatusCode != http.StatusOK {
		return v.refusal(response.StatusCode, text)
	}
	whole := struct {
		Answer any `json:"data"`
	}{answer}
	if err := json.Unmarshal(text, &whole); err != nil {
		return errors.New("the Vault's answer cannot be understood")
	}
	return nil
}

func (v *vault) request(ctx context.Context, do string, question any) (*http.Request, error) {
	address, mount, name, ok := v.Vault()
	if !ok {
		return nil, problem.New(problem.ConfigInvalid, "encryption.key_url names no key of a Vault", "Write hcvault://HOST:PORT/transit/keys/NAME.")
	}
	token, err := v.token()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	target := address + "/v1/" + mount + "/" + do + "/" + url.PathEscape(name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Vault-Token", token.Reveal())
	request.Header.Set("X-Vault-Request", "true")
	if v.Namespace != "" {
		request.Header.Set("X-Vault-Namespace", v.Namespace)
	}
	return request, nil
}

// token reads the token anew, because whoever renews it writes it anew.
func (v *vault) token() (secret.String, error) {
	text := os.Getenv(v.TokenEnv)
	if v.TokenFile != "" {
		read, err := os.ReadFile(v.TokenFile)
		if err != nil {
			return secret.String{}, problem.Wrap(pathless(err), problem.HouseKeyMissing, "the Vault token cannot be read from "+v.TokenFile, "Let the Vault agent write it there, readable for the user who runs bulkhead, or correct encryption.token_file.")
		}
		text = string(read)
	}
	if text = strings.TrimSpace(text); text == "" {
		return secret.String{}, problem.New(problem.HouseKeyMissing, "there is no Vault token where the configuration says", "Set the environment variable that encryption.token_env names, or write the file that token_file names.")
	}
	return secret.New(text), nil
}

// refusal says who can do something about an answer.
func (v *vault) refusal(status int, text []byte) error {
	var said struct {
		Errors []string `json:"errors"`
	}
	_ = json.Unmarshal(text, &said) // a proxy's page has no errors to tell
	err := &vaultError{status, said.Errors}
	switch status {
	case http.StatusForbidden:
		return problem.Wrap(err, problem.HouseKeyMissing, "the Vault does not let us use the house key",
			"Renew the token, and give its policy update on "+v.KeyURL+" (paths encrypt and decrypt). Nothing is lost.")
	case http.StatusNotFound:
		return problem.Wrap(err, problem.HouseKeyMissing, "the Vault has no transit engine or no key where encryption.key_url says", "Correct encryption.key_url or encryption.namespace.")
	}
	if passing(status) {
		return &unreached{vaultName, err}
	}
	return err
}
