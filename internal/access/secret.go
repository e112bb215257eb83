package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// tokenMark begins every token, so that scanners for leaked secrets know one.
const tokenMark = "bhk_"

// NewToken returns a new API token, to be shown once, with its id and the hash
// that is kept. It has 256 bits of chance.
func NewToken() (token, id, hash string) {
	id = strings.ToLower(rand.Text()[:10])
	secret := rand.Text() + rand.Text()
	return tokenMark + id + "_" + secret, id, HashSecret(secret)
}

// SplitToken returns a token's id and the hash of its secret. It reports false
// for a text that is no token.
func SplitToken(token string) (id, hash string, ok bool) {
	rest, ok := strings.CutPrefix(token, tokenMark)
	if !ok || len(token) > 200 {
		return "", "", false
	}
	id, secret, ok := strings.Cut(rest, "_")
	return id, HashSecret(secret), ok && id != "" && secret != ""
}

// HashSecret returns what is kept of a secret that is chance itself: SHA-256,
// hexadecimal.
func HashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// SameHash compares two hashes in a time that does not tell where they differ.
func SameHash(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
