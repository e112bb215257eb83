package smart

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A KeySource holds a client's keys and says which of them signs. It is asked
// before every token request, so keys may change while a [TokenSource] is in
// use. It must be safe for concurrent use.
//
// advertised are the algorithms that the server takes; nil means that it does
// not say.
type KeySource interface {
	// SigningKey returns the key that signs now: one that the server knows, of
	// an advertised algorithm. Without one it returns an error.
	SigningKey(ctx context.Context, advertised []string) (*Key, error)
	// PreviousKey returns the key that signed before the last rotation, as long
	// as it is published and some server may still know no newer one. It is nil
	// when there is none.
	PreviousKey(ctx context.Context, advertised []string) (*Key, error)
}

// Keys are keys that do not change. The server must know all of them.
type Keys []*Key

// SigningKey chooses as [SelectKey] does.
func (k Keys) SigningKey(_ context.Context, advertised []string) (*Key, error) {
	return SelectKey(advertised, k...)
}

// PreviousKey is always nil.
func (Keys) PreviousKey(context.Context, []string) (*Key, error) { return nil, nil }

func (k Keys) check() error {
	if len(k) == 0 || slices.Contains(k, nil) {
		return errors.New("the key is missing")
	}
	return nil
}

// SelectKey chooses the key to sign with: one of an advertised algorithm, RS384
// before ES384, the first of its algorithm. A nil advertised takes any.
func SelectKey(advertised []string, keys ...*Key) (*Key, error) {
	for _, alg := range []Algorithm{RS384, ES384} {
		i := slices.IndexFunc(keys, func(k *Key) bool { return k.algorithm == alg })
		if i >= 0 && (advertised == nil || slices.Contains(advertised, string(alg))) {
			return keys[i], nil
		}
	}
	return nil, &KeyError{Advertised: advertised, Held: heldAlgorithms(keys)}
}

func heldAlgorithms(keys []*Key) []Algorithm {
	var held []Algorithm
	for _, k := range keys {
		if !slices.Contains(held, k.algorithm) {
			held = append(held, k.algorithm)
		}
	}
	return held
}

// A KeyError says that no held key has an algorithm that the server takes.
type KeyError struct {
	Advertised []string // nil when the server takes any
	Held       []Algorithm
}

// Error names both sides.
func (e *KeyError) Error() string {
	held := make([]string, len(e.Held))
	for i, alg := range e.Held {
		held[i] = string(alg)
	}
	if len(held) == 0 {
		return "select key: there is no key that may sign"
	}
	return fmt.Sprintf("select key: the server takes %s, and the keys are for %s",
		registered(e.Advertised), strings.Join(held, " "))
}
