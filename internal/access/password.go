package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Costs of argon2id: 19 MiB, two passes, one lane.
const (
	argonPasses, argonKiB, argonLanes, argonBytes = 2, 19 << 10, 1, 32
	saltBytes                                     = 16
)

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
	return verifyPassword(argon2.IDKey, hash, password)
}

// stretch makes a key of a password, at the cost of argon2id.
type stretch func(password, salt []byte, passes, kib uint32, lanes uint8, size uint32) []byte

func verifyPassword(key stretch, hash, password string) bool {
	passes, kib, lanes, salt, want, ok := parseHash(hash)
	if !ok {
		passes, kib, lanes, salt, want = argonPasses, argonKiB, argonLanes, make([]byte, saltBytes), make([]byte, argonBytes)
	}
	if len(password) > 4*MaxPassword {
		return false
	}
	got := key([]byte(password), salt, passes, kib, lanes, uint32(len(want))) //nolint:gosec // a hash of ours is short
	return subtle.ConstantTimeCompare(got, want) == 1 && ok
}

// Prove reports whether password is the one that hash was made of, and gives
// the secret of the second factor that was sealed with it; nil where sealed is
// empty, or the password another one. The answer takes as long for nobody, for a
// wrong password, and for a right one without a second factor: who guesses does
// not learn from it which of them it was.
func Prove(hash, sealed, password string) (right bool, secret []byte) {
	return prove(argon2.IDKey, hash, sealed, password)
}

func prove(key stretch, hash, sealed, password string) (right bool, secret []byte) {
	right = verifyPassword(key, hash, password)
	secret, _ = openFactor(key, sealed, password)
	if !right {
		return false, nil
	}
	return true, secret
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
