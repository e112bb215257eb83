package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238: what authenticator apps take
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// A code of an authenticator app: RFC 6238 with what all apps take.
// https://www.rfc-editor.org/rfc/rfc6238
const (
	codeStep   = 30 * time.Second
	codeDigits = 6
	codeSlack  = 1  // steps before and after, for clocks that differ
	factorSize = 20 // bytes of a secret
)

// NewFactor returns the secret of a new second factor: 160 bits of chance.
func NewFactor() []byte {
	secret := make([]byte, factorSize)
	rand.Read(secret) //nolint:errcheck // it never returns an error
	return secret
}

// FactorText is a secret as people type it into an app.
func FactorText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// ParseFactor reads what FactorText writes; false for anything else.
func ParseFactor(text string) ([]byte, bool) {
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	return secret, err == nil && len(secret) == factorSize
}

// FactorURL is a secret as an app takes it by a link.
func FactorURL(id string, secret []byte) string {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/Bulkhead:" + id, RawQuery: "secret=" + FactorText(secret) + "&issuer=Bulkhead"}
	return u.String()
}

// CheckCode reports whether a code is that of the secret at a time, give or
// take a step, and of which step it is: whoever takes a code keeps the step,
// and takes none of it or before it again.
func CheckCode(secret []byte, code string, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	at := now.Unix() / int64(codeStep/time.Second)
	for _, s := range []int64{at, at - codeSlack, at + codeSlack} {
		if subtle.ConstantTimeCompare([]byte(codeOf(secret, s, codeDigits)), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}

// CodeAt gives the code of a secret at a time.
func CodeAt(secret []byte, at time.Time) string {
	return codeOf(secret, at.Unix()/int64(codeStep/time.Second), codeDigits)
}

// codeOf is HOTP of RFC 4226.
func codeOf(secret []byte, step int64, digits int) string {
	mac := hmac.New(sha1.New, secret)
	binary.Write(mac, binary.BigEndian, step) //nolint:errcheck // a hash takes everything
	sum := mac.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&0x0f:]) & 0x7fffffff
	power := uint32(1)
	for range digits {
		power *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%power)
}

// SealFactor encrypts a secret with a key made of the person's password, so
// that whoever reads the ledger has neither factor.
func SealFactor(secret []byte, password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) //nolint:errcheck // it never returns an error
	seal, err := factorSeal(argon2.IDKey, password, salt)
	if err != nil {
		return "", err
	}
	closed := seal.Seal(nil, make([]byte, seal.NonceSize()), secret, salt) // each key, by its salt, seals once
	return "aes256gcm$" + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(closed), nil
}

// OpenFactor gives the secret that SealFactor sealed with that password; false
// for another password, or what was not sealed by it. The answer takes as long
// for all of them.
func OpenFactor(sealed, password string) (secret []byte, ok bool) {
	return openFactor(argon2.IDKey, sealed, password)
}

func openFactor(key stretch, sealed, password string) (secret []byte, ok bool) {
	salt, closed, ok := parseSeal(sealed)
	if !ok {
		salt, closed = make([]byte, saltBytes), make([]byte, factorSize)
	}
	if len(password) > 4*MaxPassword {
		return nil, false
	}
	seal, err := factorSeal(key, password, salt)
	if err != nil || !ok {
		return nil, false
	}
	secret, err = seal.Open(nil, make([]byte, seal.NonceSize()), closed, salt)
	return secret, err == nil
}

func parseSeal(sealed string) (salt, closed []byte, ok bool) {
	part := strings.Split(sealed, "$")
	if len(part) != 3 || part[0] != "aes256gcm" {
		return nil, nil, false
	}
	salt, err := base64.RawStdEncoding.DecodeString(part[1])
	if err != nil {
		return nil, nil, false
	}
	closed, err = base64.RawStdEncoding.DecodeString(part[2])
	return salt, closed, err == nil
}

func factorSeal(key stretch, password string, salt []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key([]byte(password), salt, argonPasses, argonKiB, argonLanes, argonBytes))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
