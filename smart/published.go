package smart

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A KeySetError says why a server that fetches a key set cannot verify with it.
type KeySetError struct {
	// URL is where the set was looked for.
	URL string
	// Status is the HTTP status, 0 when no answer came.
	Status int
	// Err is the cause, in our words.
	Err error
}

// Error says where and why.
func (e *KeySetError) Error() string {
	if e.Status == 0 || e.Status == http.StatusOK {
		return fmt.Sprintf("read key set at %s: %v", e.URL, e.Err)
	}
	return fmt.Sprintf("read key set at %s: status %d: %v", e.URL, e.Status, e.Err)
}

// Unwrap returns the cause.
func (e *KeySetError) Unwrap() error { return e.Err }

// CheckPublished fetches the key set at a URL as an authorization server does,
// without any authorization, and checks that exactly one key of it has the id
// and the kind of k, that it is k's public part, and that no private member is
// there. That this machine can fetch it does not say that the server can. The
// error is a [*KeySetError], or plain for a URL that is not usable.
func CheckPublished(ctx context.Context, client *http.Client, url string, k *Key) error {
	u, err := parseEndpoint(url, true)
	if err != nil {
		return fmt.Errorf("key set: %w", err)
	}
	failed := &KeySetError{URL: place(u)}
	status, _, text, err := fetch(ctx, client, url)
	failed.Status = status
	switch {
	case errors.Is(err, ErrNotPublished):
		failed.Err = errors.New("there is none")
	case err != nil:
		failed.Err = err
	default:
		failed.Err = checkSet(text, k)
	}
	if failed.Err != nil {
		return failed
	}
	return nil
}

func checkSet(text []byte, k *Key) error {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil || set.Keys == nil {
		return errors.New("it is not a JWK Set")
	}
	own, err := thumbprint(k.public())
	if err != nil {
		return err
	}
	found := 0
	for _, one := range set.Keys {
		var public jose.JSONWebKey
		if public.UnmarshalJSON(one) != nil {
			continue // of a kind that nobody uses here
		}
		if !public.IsPublic() {
			return errors.New("it holds a private or a symmetric key: take it away and disable that key")
		}
		if public.KeyID != k.id || keyKind(public.Key) != keyKind(k.private.Public()) {
			continue
		}
		found++
		if sum, err := thumbprint(public); err != nil || !bytes.Equal(sum, own) {
			return fmt.Errorf("its key %.100q is another one", k.id)
		}
	}
	switch found {
	case 0:
		return fmt.Errorf("it has no key %.100q", k.id)
	case 1:
		return nil
	}
	return fmt.Errorf("it has key %.100q %d times", k.id, found)
}

func keyKind(key any) string { return fmt.Sprintf("%T", key) }

func thumbprint(public jose.JSONWebKey) ([]byte, error) { return public.Thumbprint(crypto.SHA256) }
