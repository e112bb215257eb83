package smart

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxKeyText is far more than any key needs.
const maxKeyText = 1 << 20

// ParseKey reads one private key: a JWK, a JWK Set with one key, or PEM
// (PKCS #8, PKCS #1, SEC 1). RSA below 2048 bits, curves other than P-384,
// symmetric and public keys are refused, and so is a JWK marked for another
// algorithm than the key's. The id is the JWK's, or else the RFC 7638
// thumbprint. Errors hold nothing of the key.
func ParseKey(text []byte) (*Key, error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	var k *Key
	var err error
	switch {
	case len(text) == 0:
		err = errors.New("it is empty")
	case len(text) > maxKeyText:
		err = errors.New("it is too large")
	case text[0] == '{':
		k, err = parseJWK(text)
	default:
		k, err = parsePEM(text)
	}
	if err != nil {
		return nil, fmt.Errorf("parse key: %w", err)
	}
	return k, nil
}

// jwkFacts are what is looked at before the key is parsed, to give reasons.
type jwkFacts struct {
	Keys []struct{} `json:"keys"`
	Kty  string     `json:"kty"`
	Alg  string     `json:"alg"`
	Use  string     `json:"use"`
}

func parseJWK(text []byte) (*Key, error) {
	var facts jwkFacts
	if json.Unmarshal(text, &facts) != nil {
		return nil, errors.New("it is not a valid JWK")
	}
	switch {
	case len(facts.Keys) == 1:
		return parseSingleKeySet(text)
	case len(facts.Keys) > 1:
		return nil, errors.New("it is a set of several keys, want one key")
	case facts.Kty == "oct":
		return newKey([]byte(nil), "", "")
	case facts.Use != "" && facts.Use != "sig":
		return nil, errors.New("the key is not for signing")
	case facts.Alg != "" && facts.Alg != string(RS384) && facts.Alg != string(ES384):
		return nil, unknownAlgorithm(facts.Alg)
	}
	var whole jose.JSONWebKey
	if whole.UnmarshalJSON(text) != nil || !whole.Valid() {
		return nil, errors.New("it is not a valid JWK")
	}
	return newKey(whole.Key, whole.KeyID, whole.Algorithm)
}

func parseSingleKeySet(text []byte) (*Key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil || len(set.Keys) != 1 || bytes.Contains(set.Keys[0], []byte(`"keys"`)) {
		return nil, errors.New("it is not a valid JWK Set")
	}
	return parseJWK(set.Keys[0])
}

// parsePEM reads the one private key among the PEM blocks; parameters and
// certificates beside it are passed over.
func parsePEM(text []byte) (*Key, error) {
	var found any
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		private, err := parseBlock(block)
		if err != nil {
			return nil, err
		}
		if private != nil && found != nil {
			return nil, errors.New("it holds several keys, want one")
		}
		if private != nil {
			found = private
		}
	}
	if found == nil {
		return nil, errors.New("it is neither a JWK nor PEM with a private key")
	}
	return newKey(found, "", "")
}

func parseBlock(block *pem.Block) (any, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, errors.New("the key is encrypted with a password, decrypt it first")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return nil, errors.New("the key is public, want the private one")
	}
	if err != nil {
		return nil, errors.New("the PEM block " + block.Type + " holds no valid key")
	}
	return private, nil
}
