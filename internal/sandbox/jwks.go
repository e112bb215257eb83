package sandbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keys are the public keys of one client.
type keys struct {
	url    string // empty when the keys were registered directly
	fetch  *http.Client
	anyKID bool

	mu      sync.Mutex
	set     jose.JSONWebKeySet
	fetched time.Time
}

func newKeys(c Client, fetch *http.Client) (*keys, error) {
	ways := 0
	for _, there := range []bool{c.JWKSURL != "", c.JWKS != nil, c.PublicKeyPEM != nil} {
		if there {
			ways++
		}
	}
	if ways != 1 {
		return nil, errors.New("a client has a JWKS URL, a JWK Set or a public key: one of them")
	}
	k := &keys{url: c.JWKSURL, fetch: fetch}
	switch {
	case c.JWKSURL != "":
		return k, checkJWKSURL(c.JWKSURL)
	case c.JWKS != nil:
		if err := json.Unmarshal(c.JWKS, &k.set); err != nil {
			return nil, fmt.Errorf("read JWK Set: %w", err)
		}
		return k, nil
	}
	block, _ := pem.Decode(c.PublicKeyPEM)
	if block == nil {
		return nil, errors.New("the public key is no PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	k.anyKID = true
	k.set.Keys = []jose.JSONWebKey{{Key: public}}
	return k, nil
}

func checkJWKSURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("the JWKS URL cannot be read")
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http" && isLoopbackHost(u.Hostname()):
		return nil
	}
	return errors.New("the JWKS URL must be https, or http on loopback")
}

// match returns the one key that kid and the algorithm's key type name. It
// fetches the set when it is older than refresh or does not know kid.
func (k *keys) match(ctx context.Context, kid, alg string, refresh time.Duration) (any, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh := false
	if k.url != "" && time.Since(k.fetched) >= refresh {
		if err := k.load(ctx); err != nil {
			return nil, err
		}
		fresh = true
	}
	key, err := k.find(kid, alg)
	if err != nil && k.url != "" && !fresh { // perhaps it was rotated
		if err := k.load(ctx); err != nil {
			return nil, err
		}
		return k.find(kid, alg)
	}
	return key, err
}

func (k *keys) find(kid, alg string) (any, error) {
	var found []any
	for _, key := range k.set.Keys {
		if (k.anyKID || key.KeyID == kid) && fits(key.Key, alg) {
			found = append(found, key.Key)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d keys of the client match kid and algorithm", len(found))
	}
	return found[0], nil
}

// fits reports whether key can verify alg's signatures. RSA keys shorter than
// 2048 bits verify nothing.
func fits(key any, alg string) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return alg == "RS384" && key.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return alg == "ES384" && key.Curve.Params().BitSize == 384
	}
	return false
}

func (k *keys) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return fmt.Errorf("fetch JWK Set: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := k.fetch.Do(req)
	if err != nil {
		return fmt.Errorf("fetch JWK Set: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch JWK Set: status %d", resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("fetch JWK Set: %w", err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(b, &set); err != nil {
		return fmt.Errorf("read JWK Set: %w", err)
	}
	k.set, k.fetched = set, time.Now()
	return nil
}
