package atresttest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"testing"
)

// mostKeys is how many keys a chest has.
const mostKeys = 4

// A chest holds the keys of a key service.
type chest struct{ keys [mostKeys]cipher.AEAD }

func newChest(t testing.TB) *chest {
	t.Helper()
	c := &chest{}
	for i := range c.keys {
		key := make([]byte, 32)
		rand.Read(key) //nolint:errcheck // it never fails
		block, err := aes.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		if c.keys[i], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// wrap encrypts by one of the keys; what it gives begins with which.
func (c *chest) wrap(which int, plain, bound []byte) []byte {
	return c.keys[which].Seal([]byte{byte(which)}, nil, plain, bound)
}

// unwrap decrypts, and says which key it was.
func (c *chest) unwrap(wrapped, bound []byte) (plain []byte, which int, err error) {
	if len(wrapped) == 0 || int(wrapped[0]) >= mostKeys {
		return nil, 0, errors.New("no key of the chest wrapped it")
	}
	plain, err = c.keys[wrapped[0]].Open(nil, nil, wrapped[1:], bound)
	return plain, int(wrapped[0]), err
}
