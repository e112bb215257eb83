package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Bounds of a password, in characters (ASVS 2.1): long ones are welcome, and
// none is long enough to cost more than it should.
const (
	MinPassword = 12
	MaxPassword = 128
)

// Costs of argon2id: 19 MiB, two passes, one lane.
const (
	argonPasses, argonKiB, argonLanes, argonBytes = 2, 19 << 10, 1, 32
	saltBytes                                     = 16
)

// CheckPassword returns what a person must be told about a password that
// cannot be taken; nil for a good one. id is the person's own, which a password
// must not be made of.
func CheckPassword(id, password string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return errors.New("the password is not text")
	case n < MinPassword:
		return fmt.Errorf("the password needs at least %d characters", MinPassword)
	case n > MaxPassword:
		return fmt.Errorf("the password may have at most %d characters", MaxPassword)
	case len(id) > 3 && strings.Contains(strings.ToLower(password), strings.ToLower(id)):
		return errors.New("the password must not have the name to sign in with in it")
	case few(password):
		return errors.New("the password must not repeat a few characters")
	}
	return nil
}

// few reports whether a text has fewer than five different characters.
func few(text string) bool {
	seen := map[rune]bool{}
	for _, r := range text {
		seen[r] = true
	}
	return len(seen) < 5
}

// HashPassword returns what is kept of a password, with a salt of its own.
func HashPassword(password string) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) //nolint:errcheck // it never returns an error
	sum := argon2.IDKey([]byte(password), salt, argonPasses, argonKiB, argonLanes, argonBytes)
	return fmt.Sprintf("argon2id$%d$%d$%d$%s$%s", argonPasses, argonKiB, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// VerifyPassword reports whether password is the one that hash was made of. An
// empty or broken hash is verified against one of nobody, so that the answer
// takes as long.
func VerifyPassword(hash, password string) bool {
	passes, kib, lanes, salt, want, ok := parseHash(hash)
	if !ok {
		passes, kib, lanes, salt, want = argonPasses, argonKiB, argonLanes, make([]byte, saltBytes), make([]byte, argonBytes)
	}
	if len(password) > 4*MaxPassword {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, passes, kib, lanes, uint32(len(want))) //nolint:gosec // a hash of ours is short
	return subtle.ConstantTimeCompare(got, want) == 1 && ok
}

func parseHash(hash string) (passes, kib uint32, lanes uint8, salt, sum []byte, ok bool) {
	part := strings.Split(hash, "$")
	if len(part) != 6 || part[0] != "argon2id" {
		return 0, 0, 0, nil, nil, false
	}
	if _, err := fmt.Sscanf(part[1]+" "+part[2]+" "+part[3], "%d %d %d", &passes, &kib, &lanes); err != nil {
		return 0, 0, 0, nil, nil, false
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[4])
	if err != nil {
		return 0, 0, 0, nil, nil, false
	}
	sum, err = base64.RawStdEncoding.DecodeString(part[5])
	return passes, kib, lanes, salt, sum, err == nil && len(sum) == argonBytes && passes > 0 && kib > 0 && lanes > 0
}

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
