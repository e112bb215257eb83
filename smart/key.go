package smart

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// An Algorithm is a JWS signature algorithm that assertions are signed with.
type Algorithm string

// The two algorithms of the standard.
const (
	RS384 Algorithm = "RS384" // RSASSA-PKCS1-v1_5 with SHA-384
	ES384 Algorithm = "ES384" // ECDSA on P-384 with SHA-384
)

const (
	newRSABits = 3072
	minRSABits = 2048
)

// A Key is a private signing key with its id. No way of printing or encoding
// it shows the private part, save PrivateJWK. It is immutable and safe for
// concurrent use.
type Key struct {
	private   crypto.Signer
	id        string
	algorithm Algorithm
}

// GenerateKey makes a new key: RSA of 3072 bits for RS384, P-384 for ES384. Its
// id is the key's RFC 7638 thumbprint.
func GenerateKey(alg Algorithm) (*Key, error) {
	switch alg {
	case RS384:
		private, err := rsa.GenerateKey(rand.Reader, newRSABits)
		if err != nil {
			return nil, fmt.Errorf("generate key: %w", err)
		}
		return newKey(private, "", "")
	case ES384:
		private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("generate key: %w", err)
		}
		return newKey(private, "", "")
	}
	return nil, fmt.Errorf("generate key: %w", unknownAlgorithm(string(alg)))
}

func unknownAlgorithm(alg string) error {
	return fmt.Errorf("algorithm %.20q is neither RS384 nor ES384", alg)
}

// newKey checks private and gives it an id and an algorithm where they are empty.
func newKey(private any, id, alg string) (*Key, error) {
	k := &Key{id: id}
	switch p := private.(type) {
	case *rsa.PrivateKey:
		if bits := p.N.BitLen(); bits < minRSABits {
			return nil, fmt.Errorf("the RSA key has %d bits, the least is %d", bits, minRSABits)
		}
		if p.Validate() != nil {
			return nil, errors.New("the RSA key is not consistent")
		}
		k.private, k.algorithm = p, RS384
	case *ecdsa.PrivateKey:
		if p.Curve != elliptic.P384() {
			return nil, fmt.Errorf("the EC key is on curve %s, ES384 needs P-384", p.Curve.Params().Name)
		}
		k.private, k.algorithm = p, ES384
	case []byte:
		return nil, errors.New("the key is symmetric, want RSA or EC P-384")
	case *rsa.PublicKey, *ecdsa.PublicKey:
		return nil, errors.New("the key is public, want the private one")
	default:
		return nil, errors.New("the key is neither RSA nor EC P-384")
	}
	if alg != "" && alg != string(k.algorithm) {
		return nil, fmt.Errorf("the key is marked for algorithm %.20q, want %s", alg, k.algorithm)
	}
	if k.id == "" {
		public := k.public()
		sum, err := public.Thumbprint(crypto.SHA256)
		if err != nil {
			return nil, fmt.Errorf("key thumbprint: %w", err)
		}
		k.id = base64.RawURLEncoding.EncodeToString(sum)
	}
	return k, nil
}

// ID is the key id (kid).
func (k *Key) ID() string { return k.id }

// Algorithm is the one algorithm that the key signs with.
func (k *Key) Algorithm() Algorithm { return k.algorithm }

// PrivateJWK gives the key with its private part as a JWK, to be stored where
// only its owner can read it. ParseKey reads it back.
func (k *Key) PrivateJWK() ([]byte, error) {
	whole := jose.JSONWebKey{Key: k.private, KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"}
	return whole.MarshalJSON()
}

// Format prints algorithm and id whatever the verb.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// String gives algorithm and id.
func (k *Key) String() string { return string(k.algorithm) + " key " + k.id }

// MarshalText refuses: a key is not to be encoded by accident.
func (k *Key) MarshalText() ([]byte, error) {
	return nil, errors.New("a private key is encoded by PrivateJWK only")
}

func (k *Key) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(k.algorithm), Use: "sig"}
}

// JWKS gives the public parts of the keys as a JWK Set, to be published. Two
// keys with one id are refused: a server could not tell them apart.
func JWKS(keys ...*Key) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if len(set.Key(k.id)) > 0 {
			return nil, fmt.Errorf("JWK set: key id %.100q is there twice", k.id)
		}
		set.Keys = append(set.Keys, k.public())
	}
	return json.Marshal(set)
}
