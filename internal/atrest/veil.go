package atrest

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tink-crypto/tink-go/v2/daead/subtle"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"
)

// A veiled word is: "~", the id of the practice's key (8 hexadecimal digits),
// "~", and the word as AES-SIV encrypts it (RFC 5297), in base64 for URLs. No id
// of FHIR has a tilde, so none is taken for a veiled one.
const (
	veilMark = "~"
	veilHead = len(veilMark) + 8 + len(veilMark)
	veilUse  = "bulkhead: words in the ledger" // sets the key apart from those of files
	veilSize = 64                              // of the key, in bytes: AES-256 twice
)

// veilOf derives the key of words from a key of files.
func veilOf(key tinkKey) (*subtle.AESSIV, error) {
	files, ok := key.(*aesgcmhkdf.Key)
	if !ok {
		return nil, errors.New("a key of another kind")
	}
	material, err := hkdf.Key(sha256.New, files.KeyBytes().Data(insecuresecretdataaccess.Token{}), nil, veilUse, veilSize)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return subtle.NewAESSIV(material)
}

func veilBound(tenant string) []byte { return []byte("word of " + tenant) }

func veilHeadOf(id uint32) string { return fmt.Sprintf("%s%08x%s", veilMark, id, veilMark) }

// Veiled reports whether a word has the form that Veil gives.
func Veiled(word string) bool {
	return len(word) > veilHead && strings.HasPrefix(word, veilMark) && word[veilHead-1:veilHead] == veilMark
}

// Veil gives words, such as the ids of patients, in a form that says nothing
// without the practice's keys but how long they are, and of two words that they
// are the same: until the practice's next key. It is for the ledger, which
// compares them. A tenant that never had a key gets one. Nothing of a word is in
// an error. Problems: those of Encrypt.
func (k *Keys) Veil(ctx context.Context, tenant string, words []string) ([]string, error) {
	p, err := k.newest(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list, head := make([]string, len(words)), veilHeadOf(p.primary)
	for i, word := range words {
		noise, err := p.veils[p.primary].EncryptDeterministically([]byte(word), veilBound(tenant))
		if err != nil {
			return nil, fmt.Errorf("veil a word: %w", err)
		}
		list[i] = head + base64.RawURLEncoding.EncodeToString(noise)
	}
	return list, nil
}

// VeilHead gives what every word begins with that Veil gives now.
func (k *Keys) VeilHead(ctx context.Context, tenant string) (string, error) {
	p, err := k.newest(ctx, tenant)
	if err != nil {
		return "", err
	}
	return veilHeadOf(p.primary), nil
}

// newest gives the practice's keys; one that never had any gets its first.
func (k *Keys) newest(ctx context.Context, tenant string) (*practice, error) {
	if !k.On() {
		return nil, off(tenant)
	}
	p, err := k.practice(ctx, tenant)
	if errors.Is(err, errNone) {
		return k.first(ctx, tenant)
	}
	return p, err
}

// Unveil gives words as they were before Veil, by whichever key of the practice.
// Words that are not veiled stay as they are, and need no key. Problems: those
// of Decrypt.
func (k *Keys) Unveil(ctx context.Context, tenant string, words []string) ([]string, error) {
	var p *practice
	list := make([]string, len(words))
	for i, word := range words {
		if list[i] = word; !Veiled(word) {
			continue
		}
		if !k.On() {
			return nil, off(tenant)
		}
		if p == nil {
			var err error
			if p, err = k.practice(ctx, tenant); errors.Is(err, errNone) {
				return nil, lost(tenant)
			} else if err != nil {
				return nil, err
			}
		}
		var err error
		if list[i], err = p.unveil(tenant, word); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (p *practice) unveil(tenant, word string) (string, error) {
	id, err := strconv.ParseUint(word[len(veilMark):veilHead-len(veilMark)], 16, 32)
	if err != nil {
		return "", damagedWord(tenant)
	}
	veil := p.veils[uint32(id)]
	if veil == nil {
		return "", unknownKey(tenant, uint32(id))
	}
	noise, err := base64.RawURLEncoding.DecodeString(word[veilHead:])
	if err != nil {
		return "", damagedWord(tenant)
	}
	plain, err := veil.DecryptDeterministically(noise, veilBound(tenant))
	if err != nil {
		return "", damagedWord(tenant)
	}
	return string(plain), nil
}
